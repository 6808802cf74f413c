"""An attribution as text for hosts without widgets: one self-contained HTML picture, no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, isnan, sqrt

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.export.style import (
    COLOURS,
    LABEL_SIZE,
    LEGEND,
    LEGEND_STRIP,
    MINUS,
    NUMBER_SIZE,
    Theme,
    cell_colour,
    cell_decimals,
    css,
    feature_label,
    ink_on,
    limit_of,
    limit_text,
    ramp,
    shorten,
    signed,
    token_label,
    visible,
    widest,
    worth_writing,
)
from llm_attr_widget.types import UNKNOWN_ERROR

MOST_CELLS = 6_000  # past that a table is slow to draw; the figure is the better picture
WRITTEN = 24  # columns that leave room for numbers
_GAP = 2

# Hosts say that they are dark; what the page says of the system's theme need not be theirs.
_DARK = (
    *('[data-jp-theme-light="false"]', "[data-vscode-theme-kind*=dark]", "[data-theme=dark]", "[theme=dark]"),
    *(".dark", ".vscode-dark"),
)
_STYLE = (
    f".law-still{{font:{LABEL_SIZE}px/1.4 system-ui,sans-serif;overflow-x:auto}}"
    f".law-still table{{border-collapse:separate;border-spacing:{_GAP}px;margin:0;width:auto}}"
    ".law-still table{font:inherit;color:inherit}"
    ".law-still :is(tr,th){background:none}"
    ".law-still th{font-weight:500;padding:0;border:0}"
    ".law-still thead th{position:relative}"
    ".law-still thead div{position:absolute;left:50%;bottom:4px;transform:rotate(-45deg);transform-origin:0 100%;"
    "white-space:nowrap}"
    ".law-still tbody th{text-align:right;padding:0 6px;white-space:nowrap}"
    f".law-still td{{border:0;border-radius:3px;padding:0;text-align:center;font-size:{NUMBER_SIZE}px}}"
    f".law-scale{{display:flex;gap:8px;align-items:center;margin-top:8px;font-size:{NUMBER_SIZE}px}}"
    f".law-scale i{{width:{LEGEND.width}px;height:{LEGEND_STRIP}px;border-radius:4px}}"
    f":is({','.join(_DARK)}) .law-still :is(td,i){{background:var(--dark)!important;color:var(--ink)!important}}"
)


def html_picture(
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    features: Sequence[str],
    outputs: Sequence[str],
    *,
    name: str,
    unit: str,
    about: str,
) -> str:
    """The matrix as an HTML table, outputs × features, coloured, with the numbers as tooltips, and its scale.

    values, errors: `(outputs, features)`. about: how the numbers were made. Colours are those of the host's theme,
    light where it has none. Past MOST_CELLS only the first rows are drawn, and the title says so.
    """
    rows = min(len(outputs), max(1, MOST_CELLS // max(1, len(features))))
    title = f"{name}, {unit}: {about}" if unit else f"{name}: {about}"
    title += f" (first {rows} of {len(outputs)} outputs)" if rows < len(outputs) else ""
    columns = [shorten(feature_label(text)) for text in features]
    above = max(1.0, widest(columns))
    down, aside = ceil(above / sqrt(2)) + 18, ceil(above / sqrt(2))
    head = "".join(f"<th><div>{escape(label)}</div></th>" for label in columns)
    limit = limit_of(values)
    body = "".join(_row(outputs[row], columns, values[row], errors[row], limit) for row in range(rows))
    return (
        f"<div class='law-still'><style>{_STYLE}</style><div>{escape(visible(title))}</div>"
        f"<table style='padding-right:{aside}px'><thead><tr style='height:{down}px'><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{_scale(limit, unit)}</div>"
    )


def still_page(title: str, body: str) -> str:
    """Such a picture as a page of its own."""
    head = f"<meta charset='utf-8'><title>{escape(visible(title), quote=False)}</title>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>\n"


def img(png: bytes, *, alt: str) -> str:
    """A PNG as an HTML image that needs no file beside it."""
    return f"<img alt='{escape(alt, quote=True)}' src='data:image/png;base64,{b64encode(png).decode()}'>"


def _row(
    output: str, columns: Sequence[str], values: NDArray[np.float64], errors: NDArray[np.float64], limit: float
) -> str:
    label = shorten(token_label(output))
    cells = (
        _cell(f"{column} → {label}", value, error, limit, written=len(columns) <= WRITTEN)
        for column, value, error in zip(columns, values.tolist(), errors.tolist(), strict=True)
    )
    return f"<tr><th>{escape(label)}</th>{''.join(cells)}</tr>"


def _cell(where: str, value: float, error: float, limit: float, *, written: bool) -> str:
    """written: a number in it, where it is worth it."""
    light, dark = (cell_colour(value, error, limit, COLOURS[theme]) for theme in ("light", "dark"))
    paint, text, size = f"background:{css(light)};--dark:{css(dark)}", "", "min-width:22px;height:20px"
    if written:
        size = "min-width:44px;height:26px"
        paint += f";color:{ink_on(light)};--ink:{ink_on(dark)}"
        text = signed(value, cell_decimals(limit)) if worth_writing(value, error, limit) else ""
    said = escape(f"{where}: {signed(value, 4)}{_spread(error)}", quote=True)
    return f"<td title='{said}' style='{size};{paint}'>{text}</td>"


def _spread(error: float) -> str:
    if isnan(error):
        return f" ({UNKNOWN_ERROR})"
    return f" ± {error:.4f} (one standard error)" if error > 0 else ""


def _scale(limit: float, unit: str) -> str:
    end = limit_text(limit)
    light, dark = (f"linear-gradient(90deg,{','.join(_stops(theme))})" for theme in ("light", "dark"))
    return (
        f"<div class='law-scale'><span>{MINUS}{end} against</span><i style='background:{light};--dark:{dark}'></i>"
        f"<span>for +{end} {escape(visible(unit))}</span></div>"
    )


def _stops(theme: Theme) -> Iterator[str]:
    return (css(ramp(COLOURS[theme], step / 10 - 1)) for step in range(21))
