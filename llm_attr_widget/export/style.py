"""How numbers, tokens and colours look: the same in every view, in files and in the widget.

js/src/style/format.ts and js/src/style/colours.ts do the same; tests/exports holds what both make of one result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import floor, isfinite, isnan, log10
from typing import Literal, TypeAlias

Rgb: TypeAlias = tuple[int, int, int]
Theme: TypeAlias = Literal["light", "dark"]

CURVE, FADE = 0.75, 0.45
MINUS = "−"  # (a true minus, as everywhere in the view)


@dataclass(frozen=True, slots=True)
class Colours:
    """The ends and the middle of the scale, and what lies behind the cells."""

    against: Rgb
    none: Rgb
    pro: Rgb
    ground: Rgb


COLOURS: dict[Theme, Colours] = {
    "light": Colours((44, 98, 190), (244, 244, 243), (214, 96, 20), (255, 255, 255)),
    "dark": Colours((96, 150, 240), (35, 38, 44), (240, 138, 60), (21, 24, 29)),
}


def ramp(colours: Colours, t: float) -> Rgb:
    """Colour at t in [-1, 1] (clipped). Zero is always the neutral middle."""
    clipped = max(-1.0, min(1.0, t))
    return _mix(colours.none, colours.pro if clipped > 0 else colours.against, abs(clipped) ** CURVE)


def cell_colour(value: float, error: float, limit: float, colours: Colours) -> Rgb:
    """Of a value with its standard error at a scale limit: drawn back to zero's where its sign is not certain."""
    if isnan(value):
        return _mix(colours.ground, colours.none, 0.5)
    full = ramp(colours, value / limit)
    return _mix(colours.none, full, FADE) if uncertain(value, error) else full


def uncertain(value: float, error: float) -> bool:
    """Whether zero lies within two standard errors. A value without an error (an exact method) is certain."""
    return error > 0 and abs(value) < 2 * error


def ink_on(colour: Rgb) -> str:
    """Colour of text on a colour, at a contrast of 4.5 or more (WCAG 2.2, 1.4.3)."""
    light = _luminance(colour)
    return "#10141b" if light > 0.22 else "#000000" if light > 0.179 else "#ffffff"


def as_javascript(value: float) -> str:
    """A number as JavaScript writes it."""
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def _mix(start: Rgb, end: Rgb, share: float) -> Rgb:
    red, green, blue = (floor(a + (b - a) * share + 0.5) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [part / 255 for part in colour]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def nice_ceil(value: float) -> float:
    """The smallest of {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8} × 10^k that is at least the value; 1 for none."""
    if not value > 0:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    step = next((factor for factor in steps if value <= factor * unit * (1 + 1e-6)), 10)
    return float(f"{step * unit:.2g}")


def decimals_for(limit: float) -> int:
    """Decimals that show a quantity of this size with three digits."""
    return max(0, min(8, 2 - floor(log10(limit))))


def signed(value: float, decimals: int) -> str:
    """With its sign: "+1.95", "−0.30", "0.00"; what is no number or infinite as a glyph."""
    if not isfinite(value):
        return "–" if isnan(value) else "+∞" if value > 0 else f"{MINUS}∞"
    text = str(abs(Decimal(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    return text if float(text) == 0 else ("+" if value > 0 else MINUS) + text


def _visible(text: str) -> str:
    """White space and control characters as glyphs."""
    for pattern, glyph in ((r"\r\n|\n|\r", "⏎"), (r"\t", "⇥"), ("\u00a0", "⍽"), ("[\u200b\u200c\u200d\ufeff]", "·")):
        text = re.sub(pattern, glyph, text)
    return re.sub(r"[\x00-\x1f]", lambda match: chr(0x2400 + ord(match[0])), text).replace("\x7f", "␡")


def token_label(text: str) -> str:
    """Label of an output: a leading space matters to the token, so it is drawn."""
    shown = _visible(text)
    bare = shown.lstrip(" ")
    return "␣" * (len(shown) - len(bare)) + bare or "∅"


def feature_label(text: str) -> str:
    """Label of a feature: without the white space around it, unless there is nothing else."""
    return _visible(text.strip()) or token_label(text)


def plain_limit(limit: float) -> str:
    """The end of a scale, with no more digits than it has."""
    return as_javascript(float(Decimal(limit).quantize(Decimal(1).scaleb(-decimals_for(limit)), ROUND_HALF_UP)))
