"""An attribution as text that other programs read: CSV, JSON, LaTeX.

The widget's Export menu writes the very same: js/src/files.ts is held against this file by tests/exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import floor, isfinite, isnan, log10
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.types import Piece

Rgb: TypeAlias = tuple[int, int, int]
Floats: TypeAlias = NDArray[np.floating]

# The widget's scale on a white page, as in js/src/scale.ts.
AGAINST, NONE, FOR, WHITE = (44, 98, 190), (244, 244, 243), (214, 96, 20), (255, 255, 255)
CURVE, FADE = 0.75, 0.45
MINUS = "−"  # (a true minus, as everywhere in the view)


@dataclass(frozen=True, slots=True)
class Content:
    """What is written. values, errors: `(outputs, features)`; ends: `(outputs, 2)`; total: `(features,)`.

    about: label, unit, adds_up, sampled, baseline, model, seed, calls: written to JSON as they are.
    """

    values: Floats
    errors: Floats
    ends: Floats
    total: Floats
    total_errors: Floats
    features: Sequence[str]
    outputs: Sequence[str]
    pieces: Sequence[Piece]
    about: Mapping[str, Any]


def to_csv(content: Content) -> str:
    """One line a cell, with the columns of `to_dataframe()` (RFC 4180); numbers as float32 holds them."""
    lines: list[list[object]] = [["output", "output_text", "feature", "feature_text", "value", "standard_error"]]
    for row, output in enumerate(content.outputs):
        for column, feature in enumerate(content.features):
            numbers = float(content.values[row, column]), float(content.errors[row, column])
            lines.append([row, output, column, feature, *map(_number, numbers)])
    return "".join(",".join(_quoted(str(part)) for part in line) + "\r\n" for line in lines)


def to_json(content: Content) -> str:
    """The numbers with what they are. What is not a number or infinite becomes null."""
    record: dict[str, Any] = {
        **content.about,
        "added_up": False,
        "pieces": [{"text": p.text, "feature": p.feature, "role": p.role} for p in content.pieces],
        "features": list(content.features),
        "outputs": list(content.outputs),
        "values": _plain(content.values),
        "standard_errors": _plain(content.errors),
        "ends": _plain(content.ends),
        "total": _plain(content.total),
        "total_standard_errors": _plain(content.total_errors),
    }
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def to_latex(content: Content) -> str:
    r"""A tabular with coloured cells; needs `\usepackage[table]{xcolor}` and `\usepackage{graphicx}`."""
    finite = np.abs(content.values[np.isfinite(content.values)])
    limit = _nice_ceil(float(np.float32(finite.max())) if finite.size else 0.0)
    decimals = max(1, _decimals_for(limit) - 1)
    head = [rf"\rotatebox{{60}}{{{_latex(_feature_label(text))}}}" for text in content.features]
    lines = [
        " & ".join(
            [_latex(_token_label(text)), *(_cell(v, e, limit, decimals) for v, e in zip(row, errors, strict=True))]
        )
        for text, row, errors in zip(content.outputs, content.values.tolist(), content.errors.tolist(), strict=True)
    ]
    packages = r"\usepackage[table]{xcolor} and \usepackage{graphicx}"
    note = f"% {content.about['label']}, {content.about['unit']}. Needs {packages}."
    rows = [r" & ".join(["", *head]), *lines]
    body = [rf"{row} \\" for row in rows]
    return "\n".join([note, rf"\begin{{tabular}}{{r*{{{len(content.features)}}}{{c}}}}", *body, r"\end{tabular}", ""])


def _number(value: float) -> str:
    """The shortest decimal (from six digits on) that gives the same float32, as JavaScript writes it."""
    single = np.float32(value)
    if not np.isfinite(single):
        return "nan" if np.isnan(single) else "inf" if single > 0 else "-inf"
    texts = (f"{float(single):.{digits}g}" for digits in range(6, 10))
    short = next((text for text in texts if np.float32(text) == single), f"{float(single):.9g}")
    return _as_javascript(float(short))


def _as_javascript(value: float) -> str:
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def _plain(array: Floats) -> Any:
    if array.ndim > 1:
        return [_plain(row) for row in array]
    texts = [_number(value) if np.isfinite(value) else None for value in array]
    # A whole number is written without a point, as JavaScript does.
    return [None if text is None else int(text) if re.fullmatch(r"-?\d+", text) else float(text) for text in texts]


def _quoted(text: str) -> str:
    special = re.search(r'[",\r\n]', text) or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if special else text


def _cell(value: float, error: float, limit: float, decimals: int) -> str:
    single, spread = float(np.float32(value)), float(np.float32(error))
    colour = _colour(single, spread, limit)
    ink = "FFFFFF" if _luminance(colour) <= 0.179 else "10141B"
    paint = "".join(f"{part:02X}" for part in colour)
    return rf"\cellcolor[HTML]{{{paint}}}\textcolor[HTML]{{{ink}}}{{{_latex(_signed(single, decimals))}}}"


def _colour(value: float, error: float, limit: float) -> Rgb:
    if isnan(value):
        return _mix(WHITE, NONE, 0.5)
    t = max(-1.0, min(1.0, value / limit))
    full = _mix(NONE, FOR if t > 0 else AGAINST, abs(t) ** CURVE)
    return _mix(NONE, full, FADE) if error > 0 and abs(value) < 2 * error else full


def _mix(start: Rgb, end: Rgb, share: float) -> Rgb:
    red, green, blue = (floor(a + (b - a) * share + 0.5) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [part / 255 for part in colour]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _nice_ceil(value: float) -> float:
    if not value > 0:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    step = next((factor for factor in steps if value <= factor * unit * (1 + 1e-6)), 10)
    return float(f"{step * unit:.2g}")


def _decimals_for(limit: float) -> int:
    return max(0, min(8, 2 - floor(log10(limit))))


def _signed(value: float, decimals: int) -> str:
    if not isfinite(value):
        return "–" if isnan(value) else "+∞" if value > 0 else f"{MINUS}∞"
    text = str(abs(Decimal(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
    return text if float(text) == 0 else ("+" if value > 0 else MINUS) + text


def _visible(text: str) -> str:
    """White space and control characters as glyphs."""
    for pattern, glyph in ((r"\r\n|\n|\r", "⏎"), (r"\t", "⇥"), ("\u00a0", "⍽"), ("[\u200b\u200c\u200d\ufeff]", "·")):
        text = re.sub(pattern, glyph, text)
    return re.sub(r"[\x00-\x1f]", lambda match: chr(0x2400 + ord(match[0])), text).replace("\x7f", "␡")


def _token_label(text: str) -> str:
    shown = _visible(text)
    bare = shown.lstrip(" ")
    return "␣" * (len(shown) - len(bare)) + bare or "∅"


def _feature_label(text: str) -> str:
    return _visible(text.strip()) or _token_label(text)


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "␣": r"\textvisiblespace{}",
    MINUS: "$-$", "∞": r"$\infty$", "∅": r"$\emptyset$",
}  # fmt: skip


def _latex(text: str) -> str:
    return re.sub(rf"[\\~^␣{MINUS}∞∅&%$#_{{}}]", lambda match: _LATEX.get(match[0], "\\" + match[0]), text)
