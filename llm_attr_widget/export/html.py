"""An attribution as text for hosts without widgets: one self-contained HTML picture, no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.export.figures import AGAINST, FOR, limit_of, visible

MOST_CELLS = 6_000  # past that a table is slow to draw; the figure is the better picture


def html_picture(values: NDArray[np.float64], features: Sequence[str], outputs: Sequence[str], *, title: str) -> str:
    """The matrix as an HTML table, outputs × features, coloured, with the numbers as tooltips.

    Colours are translucent, so that they stand on a light and on a dark page. Past MOST_CELLS only the first rows
    are drawn, and the title says so.
    """
    rows = min(len(outputs), max(1, MOST_CELLS // max(1, len(features))))
    if rows < len(outputs):
        title += f" (first {rows} of {len(outputs)} outputs)"
    limit = limit_of(values)
    head = "".join(f"<th style='{_HEAD}'>{escape(visible(text))}</th>" for text in features)
    body = "".join(
        f"<tr><th style='{_SIDE}'>{escape(visible(outputs[row]))}</th>"
        + "".join(_cell(float(value), limit) for value in values[row])
        + "</tr>"
        for row in range(rows)
    )
    return (
        f"<div style='{_BOX}'><div style='margin-bottom:4px'>{escape(title)}</div>"
        f"<table style='border-collapse:separate;border-spacing:2px'><tr><th></th>{head}</tr>{body}</table></div>"
    )


def img(png: bytes, *, alt: str) -> str:
    """A PNG as an HTML image that needs no file beside it."""
    return f"<img alt='{escape(alt, quote=True)}' src='data:image/png;base64,{b64encode(png).decode()}'>"


_BOX = "font:12px/1.4 system-ui,sans-serif;overflow-x:auto"
_HEAD = "font-weight:500;writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;padding:2px 0"
_SIDE = "font-weight:500;text-align:right;padding:0 6px;white-space:nowrap"


def _cell(value: float, limit: float) -> str:
    if not np.isfinite(value):
        return "<td style='width:22px;height:20px;text-align:center'>·</td>"
    colour = FOR if value > 0 else AGAINST
    share = round(100 * (abs(value) / limit) ** 0.75)
    paint = f"color-mix(in srgb,{colour} {share}%,rgba(128,128,128,.08))"
    return f"<td title='{value:+.4f}' style='width:22px;height:20px;border-radius:3px;background:{paint}'></td>"
