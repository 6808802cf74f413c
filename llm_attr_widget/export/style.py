"""How numbers, texts and colours look: one table for figures, HTML, SVG, PNG, LaTeX and the widget.

js/src/style/style.ts is the table as `python -m llm_attr_widget.export.typescript` prints it. What is done with it is
written in both languages (js/src/style/colours.ts, format.ts), and tests/exports holds cases that both are tested with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from math import floor, isfinite, isnan, log10
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = tuple[int, int, int]
Theme: TypeAlias = Literal["light", "dark"]


class Size(NamedTuple):
    """CSS pixels."""

    width: float
    height: float


class Palette(NamedTuple):
    """A theme. against, pro: the ends of the scale. Its middle lies `middle` of the way from the ground to `tone`: zero
    stands back on whatever ground a host has. text, muted, line, accent: what is written and drawn around the cells.
    """

    against: Rgb
    pro: Rgb
    ground: Rgb
    tone: Rgb
    middle: float
    text: str
    muted: str
    line: str
    accent: str


# The table. Colours are told apart with any common colour blindness.
PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        (44, 98, 190), (214, 96, 20), (255, 255, 255), (35, 35, 20), 0.05, "#1d2430", "#5f6875", "#e3e7ec", "#2f5fd0"
    ),
    "dark": Palette(
        (96, 150, 240), (240, 138, 60), (21, 24, 29), (236, 242, 255), 0.065, "#e6e9ee", "#98a2b1", "#2d333c", "#7ea2ff"
    ),
}
CURVE = 0.75  # colour grows with |value / limit| to this power: small values must be told from zero
FADE = 0.45  # share of its colour that is kept by what may be zero
MISSING = 0.5  # what is not known is this far from the ground to the scale's middle
STEPS = 2049  # colours of a picture of small cells; odd, so that zero has one
BAR_LIMIT = 0.8  # bars have full colour from this share of the largest one's limit on
WORTH = 0.14  # numbers are written into cells from this share of the limit on
NICE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # limits of scales are one of these × 10^k
MINUS = "−"  # (a true minus)

FONT = "DejaVu Sans, Verdana, sans-serif"  # of files
LABEL_SIZE, NUMBER_SIZE = 12, 11
LABEL_LENGTH = 18  # characters of a label beside the matrix
LABELS_FROM, LABEL_LINE = 11, 12.3  # least size of a cell with a label; how far apart lines of labels are, across
VALUES_FROM = Size(44, 17)  # cells this large have numbers
BOXES_FROM = 9  # smaller ones are a picture
CELL, LABEL_CELL, PLOT_HEIGHT = Size(48, 30), 12, 480
BAR_HEIGHT, BAR_WIDTH, BAR_NUMBER, BAR_GAP = 22, 44, 40, 10
LABEL_GAP, LEAST_WIDTH, MOST_WIDTH = 12, 280, 1200
LEGEND, LEGEND_STRIP, LEGEND_STEPS = Size(200, 44), 8, 40
PNG_ZOOM = 2  # dots to a pixel
NARROW, WIDE, WIDE_FROM = 7.5, 13.0, 0x1100  # widths of characters where none can be measured

_BEYOND = "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_JOINER = rf"(?<![{_EMOJI}\ufe0f])\u200d|\u200d(?![{_EMOJI}])"  # one between two emoji makes one glyph of both
GLYPHS = (
    (r"\r?\n|[\r\x85\u2028\u2029]", "⏎"),
    (r"\t", "⇥"),
    (r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]", "⍽"),
    (r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", "⇄"),
    (rf"{_JOINER}|[\xad\u115f\u1160\u180e\u200b\u200c\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb{_BEYOND}]", "·"),
    (r"\x7f", "␡"),
    (r"[\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]", "\ufffd"),
)
"""What cannot be seen, as patterns of both languages: ends of lines, tabs, spaces of other widths, marks that turn the
direction of writing, what has no width, and what is no character. Other control characters have pictures of their own.
"""

HIDDEN = re.compile("|".join([*(f"({pattern})" for pattern, _ in GLYPHS), r"[\x00-\x1f]"]))
"""All of it: the group that matched is the place in GLYPHS, none a control character."""

LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "`": r"\textasciigrave{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "␣": r"\textvisiblespace{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    # \\ takes what follows in brackets or a star for its own; hyphens side by side become dashes.
    **{mark: f"{{{mark}}}" for mark in "[*-"},
    MINUS: "$-$", "∞": r"$\infty$", "∅": r"$\emptyset$", "⏎": r"$\hookleftarrow$", "⇥": r"$\to$",
    "⍽": r"$\sqcup$", "⇄": r"$\leftrightarrow$", "\ufffd": "$?$",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Colours:
    """The ends and the middle of the scale, and what lies behind the cells."""

    against: Rgb
    none: Rgb
    pro: Rgb
    ground: Rgb


def _mix(start: Rgb, end: Rgb, share: float) -> Rgb:
    red, green, blue = (floor(a + (b - a) * share + 0.5) for a, b in zip(start, end, strict=True))
    return red, green, blue


COLOURS: dict[Theme, Colours] = {
    theme: Colours(of.against, _mix(of.ground, of.tone, of.middle), of.pro, of.ground) for theme, of in PALETTES.items()
}


def ramp(colours: Colours, t: float) -> Rgb:
    """Colour at t in [-1, 1] (clipped). Zero is always the neutral middle."""
    clipped = max(-1.0, min(1.0, t))
    return _mix(colours.none, colours.pro if clipped > 0 else colours.against, abs(clipped) ** CURVE)


def faded(colours: Colours, t: float) -> Rgb:
    """Colour at t of what may be zero: drawn back towards zero's."""
    return _mix(colours.none, ramp(colours, t), FADE)


def missing(colours: Colours) -> Rgb:
    """What stands where there is no number."""
    return _mix(colours.ground, colours.none, MISSING)


def cell_colour(value: float, error: float, limit: float, colours: Colours) -> Rgb:
    """Of a value with its standard error at a scale limit."""
    if isnan(value):
        return missing(colours)
    return (faded if uncertain(value, error) else ramp)(colours, value / limit)


def uncertain(value: float, error: float) -> bool:
    """Whether zero lies within two standard errors, or may: where the error is not known (NaN). Without one (0: an
    exact method) a value is certain.
    """
    return error != 0 and not abs(value) >= 2 * error


def all_uncertain(values: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.bool_]:
    """`uncertain`, of arrays."""
    return (errors != 0) & ~(np.abs(values) >= 2 * errors)


def css(colour: Rgb) -> str:
    return "rgb({},{},{})".format(*colour)


def ink_on(colour: Rgb) -> str:
    """Colour of text on a colour, at a contrast of 4.5 or more (WCAG 2.2, 1.4.3)."""
    light = _luminance(colour)
    return "#10141b" if light > 0.22 else "#000000" if light > 0.179 else "#ffffff"


def _luminance(colour: Rgb) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [part / 255 for part in colour]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def limit_of(values: NDArray[np.floating]) -> float:
    """Limit of the scale for values as float32 holds them (the widget has no others): nothing finite lies beyond."""
    finite = np.abs(values[np.isfinite(values)])
    return nice_ceil(float(np.float32(finite.max())) if finite.size else 0.0)


def nice_ceil(value: float) -> float:
    """The smallest of NICE × 10^k that is at least the value; 1 for none."""
    if not value > 0 or not isfinite(value):
        return 1.0
    unit = 10.0 ** floor(log10(value))
    step = next((factor for factor in NICE if value <= factor * unit * (1 + 1e-6)), NICE[-1])
    return float(f"{step * unit:.2g}")


def limit_text(limit: float) -> str:
    """The end of a scale, with no more digits than it has."""
    return as_javascript(float(f"{limit:.3g}"))


def decimals_for(limit: float) -> int:
    """Decimals that show a quantity of this size with three digits."""
    return max(0, min(8, 2 - floor(log10(limit)))) if limit > 0 and isfinite(limit) else 2


def cell_decimals(limit: float) -> int:
    """Decimals of the numbers in cells and beside bars."""
    return max(1, decimals_for(limit) - 1)


def worth_writing(value: float, error: float, limit: float) -> bool:
    """Whether a cell's number is written into it: not where it hardly differs from zero, or may be zero."""
    return not isfinite(value) or (abs(value) >= WORTH * limit and not uncertain(value, error))


def signed(value: float, decimals: int) -> str:
    """With its sign: "+1.95", "−0.30", "0.00"; what is no number or infinite as a glyph."""
    if not isfinite(value):
        return "–" if isnan(value) else "+∞" if value > 0 else f"{MINUS}∞"
    size = Decimal(abs(value))
    text = str(size.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, Context(60))) if size < 10**21 else ""
    text = text or as_javascript(abs(value))
    return text if float(text) == 0 else ("+" if value > 0 else MINUS) + text


def as_javascript(value: float) -> str:
    """A number as JavaScript writes it."""
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def visible(text: str) -> str:
    """What cannot be seen, as glyphs."""
    return HIDDEN.sub(lambda found: GLYPHS[found.lastindex - 1][1] if found.lastindex else _picture(found[0]), text)


def _picture(control: str) -> str:
    """Unicode's picture of a control character."""
    return chr(0x2400 + ord(control))


def token_label(text: str) -> str:
    """Label of an output: a leading space matters to the token, so it is drawn. Never empty."""
    shown = visible(text)
    bare = shown.lstrip(" ")
    return "␣" * (len(shown) - len(bare)) + _carried(bare) or "∅"


def feature_label(text: str) -> str:
    """Label of a feature: without the white space around it, unless there is nothing else."""
    return _carried(visible(text.strip(" \t\r\n"))) or token_label(text)


def _carried(text: str) -> str:
    """A mark that combines with the letter before it stands on a circle, where there is no letter."""
    return f"◌{text}" if text and unicodedata.category(text[0])[0] == "M" else text


def shorten(text: str, length: int = LABEL_LENGTH) -> str:
    """At most `length` characters, the last of them an ellipsis where some are missing; none is cut from its joiner."""
    if len(text) <= length:
        return text
    end = length - 1
    while end > 1 and (_CLINGS.match(text, end) or text[end - 1] == "\u200d"):
        end -= 1
    return text[:end] + "…"


_CLINGS = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
"""What belongs to the emoji before it."""


def widest(labels: Iterable[str]) -> float:
    """Pixels that the widest label takes, a little generous: reckoned, as no two machines have the same type."""
    widths = (sum(NARROW if ord(char) < WIDE_FROM else WIDE for char in label) for label in labels)
    return max(widths, default=0.0)
