"""A result as a still picture, for where no widget is shown: GitHub, nbviewer, a PDF, a notebook with no kernel."""

from __future__ import annotations

from html import escape

import numpy as np
from IPython.display import HTML

from llm_attr_widget.export.heatmap import image_png
from llm_attr_widget.export.html import img
from llm_attr_widget.export.style import (
    cell_decimals,
    feature_label,
    limit_of,
    limit_text,
    signed,
    token_label,
    visible,
)
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import UNKNOWN_ERROR

MOST_CELLS = 2_000
"""Of the table beside the picture: a notebook holds it, and a reader goes through it word by word."""


class Still(HTML):
    """The picture as each host takes it: HTML, PNG (of the matrix), or text. data: the HTML."""

    def __init__(self, result: Attribution) -> None:
        self.png = result.to_png(theme="light")
        self.text = repr(result)
        super().__init__(_html(result, self.png))

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return self.text


def _html(result: Attribution, matrix: bytes) -> str:
    """Pictures, the sentence on them, and the numbers as a table that can be read out."""
    said = f"<div>{escape(visible(str(result.status)))}</div>"
    return f"{img(matrix, alt=repr(result))}{_segments(result)}{said}{_table(result)}"


def _segments(result: Attribution) -> str:
    """The prompt's image, its segments tinted by the whole target's numbers; nothing where it has none."""
    if result.picture is None:
        return ""
    tinted, limit = image_png(result.picture, result.sequence, result.sequence_standard_errors)
    about = f"{result.label} of each segment for {result.target.text!r}; the full colour is ±{limit_text(limit)}"
    about = f"{about} {result.unit}".rstrip()
    return f"{img(tinted, alt=about)}<div>{_said(about)}</div>"


def _table(result: Attribution) -> str:
    rows = min(len(result.outputs), max(1, MOST_CELLS // max(1, len(result.features))))
    named = f"{result.label}, {result.unit}" if result.unit else result.label
    some = f" (first {rows} of {len(result.outputs)} rows; to_csv() has all)" if rows < len(result.outputs) else ""
    caption = f"{named}, of each part of the prompt (columns) for each token of the answer (rows){some}"
    head = "".join(f'<th scope="col">{_said(feature_label(text))}</th>' for text in result.features)
    decimals = cell_decimals(limit_of(result.values)) + 2  # those of a cell must fit into it
    numbers = [(result.values[row], result.standard_errors[row]) for row in range(rows)]
    labels = [token_label(text) for text in result.outputs[:rows]]
    if len(result.outputs) > 1:
        numbers.append((result.sequence, result.sequence_standard_errors))
        labels.append("total")
    body = "".join(
        f'<tr><th scope="row">{_said(label)}</th>'
        + "".join(f"<td>{_number(*both, decimals)}</td>" for both in zip(values.tolist(), errors.tolist(), strict=True))
        + "</tr>"
        for label, (values, errors) in zip(labels, numbers, strict=True)
    )
    return (
        f"<details><summary>The numbers as a table</summary><table><caption>{_said(caption)}</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _number(value: float, error: float, decimals: int) -> str:
    if np.isnan(value):
        return "not known"
    if np.isnan(error):
        return f"{signed(value, decimals)} ({UNKNOWN_ERROR})"
    return signed(value, decimals) + (f" ± {error:.{decimals}f}" if error > 0 else "")


def _said(text: str) -> str:
    return escape(visible(text), quote=False)
