"""An attribution as text that other programs read: CSV, JSON, LaTeX.

The widget's Export menu writes the very same: js/src/export/tables.ts is held against this file by tests/exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.export.style import (
    COLOURS,
    LATEX,
    as_javascript,
    cell_colour,
    cell_decimals,
    feature_label,
    ink_on,
    limit_of,
    signed,
    token_label,
    visible,
)
from llm_attr_widget.types import UNKNOWN_ERROR, Piece

Floats: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Content:
    """What is written. values, standard_errors: `(outputs, features)`; ends: `(outputs, 2)`; sequence: `(features,)`.

    about: label, unit, adds_up, sampled, baseline, model, seed, calls, and where it is known status (the sentence on
    them) and doubts: written to JSON as they are.
    """

    values: Floats
    standard_errors: Floats
    ends: Floats
    sequence: Floats
    sequence_standard_errors: Floats
    features: Sequence[str]
    outputs: Sequence[str]
    pieces: Sequence[Piece]
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the numbers are, for a legend: unknown is not exact."""
        unknown = "" if np.isfinite(self.standard_errors).all() else f" ({UNKNOWN_ERROR})"
        return f"{self.about['label']}{unknown}, {self.about['unit']}"


Formulas: TypeAlias = Literal["quoted", "kept"]
"""What becomes of texts that a spreadsheet would compute: see `to_csv`."""


def to_csv(content: Content, formulas: Formulas = "quoted") -> str:
    """One line a cell, with the columns of `to_dataframe()` (RFC 4180); numbers as float32 holds them.

    formulas: a spreadsheet takes a text that begins with = + - @ (behind tabs and line ends, too) for a formula, and a
    prompt may be anybody's. "quoted": such texts have an apostrophe before them, as OWASP advises (CSV injection);
    "kept": texts are what they are, for programs that compute nothing. Raises InputError for anything else.
    """
    if formulas not in get_args(Formulas):
        raise InputError(f'Expected formulas="quoted" or formulas="kept", got {formulas!r}.')
    shown = _no_formula if formulas == "quoted" else str
    lines: list[list[object]] = [["output", "output_text", "feature", "feature_text", "value", "standard_error"]]
    for row, output in enumerate(content.outputs):
        for column, feature in enumerate(content.features):
            numbers = float(content.values[row, column]), float(content.standard_errors[row, column])
            lines.append([row, shown(output), column, shown(feature), *map(_number, numbers)])
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
        "standard_errors": _plain(content.standard_errors),
        "ends": _plain(content.ends),
        "sequence": _plain(content.sequence),
        "sequence_standard_errors": _plain(content.sequence_standard_errors),
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    # Halves of a pair are no characters: a file cannot hold them as they are.
    return re.sub(r"[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def to_latex(content: Content) -> str:
    r"""A tabular with coloured cells; needs `\usepackage[table]{xcolor}` and `\usepackage{graphicx}`.

    A last row says so where a standard error is not known. Texts of scripts that LaTeX's usual fonts lack need
    LuaLaTeX or XeLaTeX, and a font that has them.
    """
    limit = limit_of(content.values)
    decimals = cell_decimals(limit)
    head = [rf"\rotatebox{{60}}{{{_latex(feature_label(text))}}}" for text in content.features]
    lines = [
        " & ".join(
            [_latex(token_label(text)), *(_cell(v, e, limit, decimals) for v, e in zip(row, errors, strict=True))]
        )
        for text, row, errors in zip(
            content.outputs, content.values.tolist(), content.standard_errors.tolist(), strict=True
        )
    ]
    packages = r"\usepackage[table]{xcolor} and \usepackage{graphicx}"
    note = visible(f"% {content.about['label']}, {content.about['unit']}. Needs {packages}.")
    notes = [note, *([visible(f"% {content.about['status']}.")] if content.about.get("status") else [])]
    if UNKNOWN_ERROR in content.name:
        lines.append(rf"\multicolumn{{{len(content.features) + 1}}}{{l}}{{{_latex(visible(content.name))}}}")
    rows = [r" & ".join(["", *head]), *lines]
    body = [rf"{row} \\" for row in rows]
    return "\n".join([*notes, rf"\begin{{tabular}}{{r*{{{len(content.features)}}}{{c}}}}", *body, r"\end{tabular}", ""])


def _number(value: float) -> str:
    """The shortest decimal (from six digits on) that gives the same float32, as JavaScript writes it."""
    single = np.float32(value)
    if not np.isfinite(single):
        return "nan" if np.isnan(single) else "inf" if single > 0 else "-inf"
    texts = (f"{float(single):.{digits}g}" for digits in range(6, 10))
    short = next((text for text in texts if np.float32(text) == single), f"{float(single):.9g}")
    return as_javascript(float(short))


def _plain(array: Floats) -> Any:
    if array.ndim > 1:
        return [_plain(row) for row in array]
    texts = [_number(value) if np.isfinite(value) else None for value in array]
    # A whole number is written without a point, as JavaScript does.
    return [None if text is None else int(text) if re.fullmatch(r"-?\d+", text) else float(text) for text in texts]


def _no_formula(text: str) -> str:
    return "'" + text if re.match(r"[\t\r\n]*[=+\-@\uff1d\uff0b\uff0d\uff20]", text) else text


def _quoted(text: str) -> str:
    special = re.search(r'[",\r\n]|^[ \t]|[ \t]$', text)
    return '"' + text.replace('"', '""') + '"' if special else text


def _cell(value: float, error: float, limit: float, decimals: int) -> str:
    single, spread = float(np.float32(value)), float(np.float32(error))
    colour = cell_colour(single, spread, limit, COLOURS["light"])
    ink = "FFFFFF" if ink_on(colour) == "#ffffff" else "10141B"
    paint = "".join(f"{part:02X}" for part in colour)
    return rf"\cellcolor[HTML]{{{paint}}}\textcolor[HTML]{{{ink}}}{{{_latex(signed(single, decimals))}}}"


def _latex(text: str) -> str:
    """As text, every space with its width."""
    return re.sub(" (?= )", r"\\ ", "".join(LATEX.get(char, char) for char in text))
