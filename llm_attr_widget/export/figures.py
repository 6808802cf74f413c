"""Matplotlib figures of an attribution: arrays in, figure out. Nothing is registered with pyplot, nothing is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# The widget's colours: blue against, orange for; told apart with any common colour blindness.
AGAINST, NOTHING, FOR = "#2c62be", "#f4f4f2", "#d66014"
# On a picture, colour grows with |share| to this power, and what may be zero keeps this share of it: as in the widget.
CURVE, FADE = 0.75, 0.45
LABELLED = 60  # rows or columns; past that each gets less than a readable label's height
WRITTEN = 24


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

    write: numbers in the cells; None writes them where they fit. Cells within two standard errors of zero are
    written in grey.
    """
    figure = blank_figure(min(2.2 + 0.42 * len(features), 18.0), min(1.6 + 0.32 * len(outputs), 14.0))
    axes = figure.add_subplot()
    limit = limit_of(values)
    image = axes.imshow(
        np.ma.masked_invalid(values), cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
    _ticks(axes.set_xticks, features, rotation=45)
    axes.xaxis.tick_top()
    _ticks(axes.set_yticks, outputs, rotation=0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(features) <= LABELLED and len(outputs) <= LABELLED:
        axes.set_xticks(np.arange(len(features) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(outputs) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
    if write or (write is None and len(features) <= WRITTEN):
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                unsure = abs(value) < 2 * np.nan_to_num(errors[row, column])
                colour = "#8a929d" if unsure else "white" if abs(value) > 0.6 * limit else "#1d2430"
                axes.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, label=f"{name}, {unit}" if unit else name, shrink=0.8, pad=0.02)
    return figure


def sequence_figure(
    sequence: NDArray[np.float64], errors: NDArray[np.float64], features: Sequence[str], *, name: str, unit: str
) -> Figure:
    """A bar per feature for the target as a whole; whiskers are 95% bands (1.96 standard errors)."""
    figure = blank_figure(min(1.5 + 0.42 * len(features), 18.0), 3.2)
    axes = figure.add_subplot()
    limit = limit_of(sequence)
    places = np.arange(len(features))
    heights = np.nan_to_num(sequence)
    axes.bar(places, heights, color=diverging()((heights / limit + 1) / 2), width=0.8)
    band = 1.96 * np.nan_to_num(errors)
    if band.any():
        axes.errorbar(places, heights, yerr=band, fmt="none", ecolor="#1d2430", elinewidth=0.8, capsize=2)
    axes.axhline(0, color="#8a929d", linewidth=0.8)
    _ticks(axes.set_xticks, features, rotation=45, below=True)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_ylabel(f"{name}, {unit}" if unit else name)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def diverging() -> Colormap:
    """The colour map of all views: zero is always the neutral middle."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("llm_attr_widget", [AGAINST, NOTHING, FOR], N=511)
    return colours.with_extremes(bad="#c9ced6")


def limit_of(values: NDArray[np.float64]) -> float:
    """The value at which colours are full: the largest |value| that is finite, or 1 where all are zero."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def visible(text: str) -> str:
    """A label in which white space can be seen, and which matplotlib does not take for a formula."""
    shown = text.replace("\n", "⏎").replace("\t", "⇥")
    shown = "␣" + shown[1:] if shown.startswith(" ") else shown
    return (shown if len(shown) <= 24 else shown[:23] + "…").replace("$", r"\$")


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that a notebook draws when a cell returns it."""
    # IPython draws a Figure that a cell returns only once pyplot's backend is loaded, which this does. The figure stays
    # out of pyplot's list, which would keep it in memory and draw it twice.
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    if "IPython" in sys.modules:
        plt.draw_if_interactive()
    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def _ticks(setter: Callable[..., object], labels: Sequence[str], *, rotation: int, below: bool = False) -> None:
    step = max(1, -(-len(labels) // LABELLED))
    places = list(range(0, len(labels), step))
    texts = [visible(labels[i]) for i in places]
    if rotation:
        setter(places, texts, rotation=rotation, fontsize=8, ha="right" if below else "left", rotation_mode="anchor")
    else:
        setter(places, texts, fontsize=8)
