"""Matplotlib figures of an attribution: arrays in, figure out. Nothing is registered with pyplot, nothing is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import require_package
from llm_attr_widget.export.fonts import families
from llm_attr_widget.export.style import (
    BAR_LIMIT,
    COLOURS,
    MINUS,
    PALETTES,
    Colours,
    Rgb,
    all_uncertain,
    cell_colour,
    cell_decimals,
    faded,
    feature_label,
    ink_on,
    limit_of,
    limit_text,
    missing,
    ramp,
    shorten,
    signed,
    token_label,
    visible,
    widest,
    worth_writing,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

LABELLED = 60  # rows or columns; past that each gets less than a readable label's height
WRITTEN = 24
COLUMN, ROW = 0.42, 0.32  # inches of a cell
LABEL_POINTS, NUMBER_POINTS = 8, 7
_SHADES = 8191  # of a colour map: near zero colours change fast. Odd, so that zero has one
_COLOURS, _PALETTE = COLOURS["light"], PALETTES["light"]


def token_figure(
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    features: Sequence[str],
    outputs: Sequence[str],
    *,
    name: str,
    unit: str,
    write: bool | None = None,
) -> Figure:
    """The matrix `(outputs, features)`, zero in the middle of the colours.

    write: a number in each cell, or in none; None writes those that the widget would, where they fit. Cells within two
    standard errors of zero are faded, and those whose errors are not known (NaN).
    """
    columns, rows = [feature_label(text) for text in features], [token_label(text) for text in outputs]
    figure = blank_figure(
        min(1.5 + _inches(rows) + COLUMN * max(2, len(columns)), 18.0),
        min(0.4 + 0.8 * _inches(columns) + max(ROW * len(rows), _named_inches(name, unit)), 14.0),
    )
    axes = figure.add_subplot()
    limit = limit_of(values)
    image = axes.imshow(values, cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    unsure = all_uncertain(values, errors)
    if unsure.any():
        faint = np.ma.masked_where(~unsure, values)
        axes.imshow(faint, cmap=fading(), vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    _ticks(axes.set_xticks, columns, rotation=45, ha="left")
    axes.xaxis.tick_top()
    _ticks(axes.set_yticks, rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(columns) <= LABELLED and len(rows) <= LABELLED:
        axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
    if write or (write is None and len(columns) <= WRITTEN):
        _numbers(axes, values, errors, limit, every=bool(write))
    scale(figure, axes, image, limit, name=name, unit=unit)
    return figure


def sequence_figure(
    sequence: NDArray[np.float64], errors: NDArray[np.float64], features: Sequence[str], *, name: str, unit: str
) -> Figure:
    """A bar per feature for the target as a whole, coloured as the widget's; whiskers are 95% bands (1.96 standard
    errors).
    """
    labels = [feature_label(text) for text in features]
    band = 1.96 * np.nan_to_num(errors)
    if band.any():
        name = f"{name} with 95% bands"
    figure = blank_figure(
        min(1.5 + COLUMN * max(2, len(labels)), 18.0), max(2.4, _named_inches(name, unit)) + 0.8 * _inches(labels)
    )
    axes = figure.add_subplot()
    limit = BAR_LIMIT * limit_of(sequence)
    places = np.arange(len(labels))
    colours = [
        _shares(cell_colour(v, e, limit, _COLOURS)) for v, e in zip(sequence.tolist(), errors.tolist(), strict=True)
    ]
    heights = np.nan_to_num(sequence)
    axes.bar(places, heights, color=colours, width=0.8)
    if band.any():
        axes.errorbar(places, heights, yerr=band, fmt="none", ecolor=_PALETTE.text, elinewidth=0.8, capsize=2)
    axes.axhline(0, color=_PALETTE.muted, linewidth=0.8)
    _ticks(axes.set_xticks, labels, rotation=45, ha="right")
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", color=_PALETTE.muted, labelcolor=_PALETTE.muted, labelsize=LABEL_POINTS)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_PALETTE.muted)
    axes.margins(x=0.01 if len(labels) > WRITTEN else 0.03)
    axes.set_ylabel(_named(name, unit), color=_PALETTE.text, **_plain(LABEL_POINTS + 1))
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def require_matplotlib() -> None:
    """Raises MissingPackage where there is no matplotlib."""
    require_package("matplotlib", extra="plots", what="Drawing a figure")


@cache
def diverging() -> Colormap:
    """The colours of all views from -limit to limit: zero is always the neutral middle."""
    return _colour_map("llm_attr_widget", ramp)


@cache
def fading() -> Colormap:
    """Of what may be zero; see-through where nothing is."""
    return _colour_map("llm_attr_widget_faded", faded).with_extremes(bad=(0, 0, 0, 0))


def _colour_map(name: str, colour: Callable[[Colours, float], Rgb]) -> Colormap:
    from matplotlib.colors import ListedColormap

    middles = (np.arange(_SHADES) + 0.5) / _SHADES * 2 - 1
    shades = np.array([colour(_COLOURS, t) for t in middles.tolist()])
    # matplotlib cuts off what is left of a whole number: a little more than it keeps it.
    made = ListedColormap(np.minimum(1, (shades + 0.2) / 255), name=name)
    return made.with_extremes(bad=_shares(missing(_COLOURS)))


def scale(figure: Figure, axes: Axes, colours: ScalarMappable, limit: float, *, name: str, unit: str) -> None:
    """What the colours mean, beside the axes: ends and middle, in the widget's words."""
    slim = max(15, 7 * figure.get_figheight())
    bar = figure.colorbar(colours, ax=axes, shrink=0.8, pad=0.02, aspect=slim, ticks=[-limit, 0, limit])
    end = limit_text(limit)
    bar.ax.set_yticklabels([f"{MINUS}{end} against", "0", f"for +{end}"], **_plain(LABEL_POINTS))
    bar.ax.tick_params(length=0, labelcolor=_PALETTE.muted)
    bar.outline.set_visible(False)
    bar.set_label(_named(name, unit), color=_PALETTE.text, **_plain(LABEL_POINTS + 1))


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that a notebook draws when a cell returns it. Raises MissingPackage."""
    require_matplotlib()
    # IPython draws a Figure that a cell returns only once pyplot's backend is loaded, which this does. The figure stays
    # out of pyplot's list, which would keep it in memory and draw it twice.
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    if "IPython" in sys.modules:
        plt.draw_if_interactive()
    return Figure(figsize=(width, height), layout="constrained", dpi=120, facecolor="white")


def caption(axes: Axes, text: str) -> None:
    """A title with a text of the caller's."""
    axes.set_title(shorten(text, 60), color=_PALETTE.text, **_plain(LABEL_POINTS + 1))


def _numbers(
    axes: Axes, values: NDArray[np.float64], errors: NDArray[np.float64], limit: float, *, every: bool
) -> None:
    decimals = cell_decimals(limit)
    for row, column in np.ndindex(values.shape):
        value, error = float(values[row, column]), float(errors[row, column])
        if every or worth_writing(value, error, limit):
            ink = ink_on(cell_colour(value, error, limit, _COLOURS))
            text = signed(value, decimals)
            axes.text(column, row, text, ha="center", va="center", color=ink, **_plain(NUMBER_POINTS))


def _ticks(setter: Callable[..., object], labels: Sequence[str], *, rotation: int = 0, ha: str | None = None) -> None:
    step = max(1, -(-len(labels) // LABELLED))
    places = list(range(0, len(labels), step))
    turned = {"rotation": rotation, "ha": ha, "rotation_mode": "anchor"} if rotation else {}
    texts = [shorten(labels[place]) for place in places]
    setter(places, texts, color=_PALETTE.muted, **turned, **_plain(LABEL_POINTS))


def _plain(points: int) -> dict[str, Any]:
    """Of a text that says what it says: no formula, whatever dollars are in it."""
    return {"fontsize": points, "fontfamily": families(), "parse_math": False}


def _inches(labels: Sequence[str]) -> float:
    """What the widest label takes."""
    return widest(shorten(label) for label in labels) / 12 * LABEL_POINTS / 72


def _named_inches(name: str, unit: str) -> float:
    """Height that the name of a scale needs, written upwards."""
    return max(2.0, widest([_named(name, unit)]) / 12 * (LABEL_POINTS + 1) / 72 + 0.2)


def _named(name: str, unit: str) -> str:
    return visible(f"{name}, {unit}" if unit else name)


def _shares(colour: Rgb) -> tuple[float, float, float]:
    red, green, blue = (part / 255 for part in colour)
    return red, green, blue
