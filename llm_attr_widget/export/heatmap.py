"""The picture of a prompt with its segments tinted by their attribution, as a matplotlib figure."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.export.figures import blank_figure, caption, require_matplotlib, scale
from llm_attr_widget.export.style import COLOURS, CURVE, FADE, PALETTES, all_uncertain, limit_of, token_label
from llm_attr_widget.picture import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array: TypeAlias = NDArray[np.float64]

LUMINANCE = np.array([0.3, 0.59, 0.11])
"""Of red, green and blue, as the blend modes of the web weigh them (Compositing and Blending Level 1, 13.2)."""

_OUTLINE = 0.6
"""Opacity of the lines between regions."""

_SHOWN = 1_000
"""Pixels of the longer side: more than that a figure does not show."""


def image_figure(
    picture: Picture,
    scores: NDArray[np.float64],
    errors: NDArray[np.float64],
    *,
    name: str,
    unit: str,
    title: str = "",
    opacity: float = 0.7,
) -> Figure:
    """The picture, each region tinted by the sum of its features' scores, with outlines and a legend: as the widget.

    scores, errors: `(features,)`, of all features of the attribution. title: the text they explain. opacity: of the
    strongest tint, 0 to 1. Zero is no tint at all; regions without a feature, and such without a score yet, are not
    tinted. Regions within two standard errors of zero are faded, and those whose errors are not known (NaN).
    Raises InputError for an opacity outside 0 to 1, MissingPackage without matplotlib.
    """
    require_matplotlib()
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap, Normalize

    if not 0 <= opacity <= 1:
        raise InputError(f"Expected an opacity from 0 (the picture alone) to 1 (the tint alone), got {opacity}.")
    small = picture.at_most(_SHOWN)
    pixels, limit = _shown(small, scores, errors, opacity)
    wide = min(2.0, max(0.5, picture.width / picture.height)) ** 0.5
    figure = blank_figure(4.4 * wide + 1.2, 4.4 / wide + 0.3)
    axes = figure.add_subplot()
    axes.imshow(pixels, interpolation="nearest")
    ink = PALETTES["light"].text
    axes.add_collection(LineCollection(list(outlines(small.regions)), colors=ink, linewidths=0.6, alpha=_OUTLINE))
    axes.set_axis_off()
    if title:
        caption(axes, token_label(title))
    on_white = mixed(np.ones((255, 3)), np.linspace(-1, 1, 255), np.full(255, opacity))
    colours = ScalarMappable(Normalize(-limit, limit), ListedColormap(on_white))
    scale(figure, axes, colours, limit, name=name, unit=unit)
    return figure


def image_png(
    picture: Picture, scores: NDArray[np.float64], errors: NDArray[np.float64], *, opacity: float = 0.7
) -> tuple[bytes, float]:
    """The same tints and outlines as a PNG file, and the score of the strongest tint. Needs no matplotlib.

    scores, errors, opacity: as of `image_figure`.
    """
    from PIL import Image, ImageColor

    small = picture.at_most(_SHOWN)
    pixels, limit = _shown(small, scores, errors, opacity)
    edge = np.zeros(small.regions.shape, dtype=bool)
    edge[1:] |= small.regions[1:] != small.regions[:-1]
    edge[:, 1:] |= small.regions[:, 1:] != small.regions[:, :-1]
    ink = np.array(ImageColor.getrgb(PALETTES["light"].text))
    pixels[edge] = np.rint(pixels[edge] + _OUTLINE * (ink - pixels[edge].astype(np.float64))).astype(np.uint8)
    written = BytesIO()
    Image.fromarray(pixels).save(written, format="PNG")
    return written.getvalue(), limit


def _shown(picture: Picture, scores: Array, errors: Array, opacity: float) -> tuple[NDArray[np.uint8], float]:
    """`(height, width, 3)`: the picture tinted by these scores of all features, and the score of the strongest tint."""
    tints, spread = picture.tints(scores), picture.tints(errors)
    limit = limit_of(tints)
    strengths = opacity * np.where(all_uncertain(tints, spread), FADE, 1.0)
    return tinted(picture, tints / limit, strengths), limit


def tinted(picture: Picture, shares: NDArray[np.float64], strengths: NDArray[np.float64]) -> NDArray[np.uint8]:
    """`(height, width, 3)`: the picture under its tint; as it is where it has none.

    shares: `(regions,)`, from -1 to 1; NaN where there is no tint. strengths: `(regions,)`, 0 to 1, of a full tint.
    """
    share = np.nan_to_num(shares)[picture.regions]
    return np.rint(255 * mixed(picture.pixels / 255, share, strengths[picture.regions])).astype(np.uint8)


def mixed(
    ground: NDArray[np.float64], shares: NDArray[np.float64], strengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Colours `(…, 3)` on a ground of that shape: the sign is the colour, the size how much of it there is.

    The ground loses its own colours under a tint, twice as fast as the tint comes, so that the tint can be read.
    """
    ends = COLOURS["light"]
    colours = np.where(shares[..., None] < 0, ends.against, ends.pro) / 255
    much = (strengths * np.minimum(1, np.abs(shares)) ** CURVE)[..., None]
    grey = (ground @ LUMINANCE)[..., None]
    calm = ground + np.minimum(1, 2 * much) * (grey - ground)
    return (1 - much) * calm + much * colours


def outlines(regions: NDArray[np.int32]) -> NDArray[np.float64]:
    """`(lines, 2, 2)`: the edges between pixels of different regions, as (x, y) from and to, in pixels.

    Pixel (row, column) is the square around (column, row). An edge of several pixels is one line.
    """
    across = _runs(regions[1:] != regions[:-1])
    along = _runs((regions[:, 1:] != regions[:, :-1]).T)
    lines = [((start, line + 0.5), (end, line + 0.5)) for line, start, end in across]
    lines += [((line + 0.5, start), (line + 0.5, end)) for line, start, end in along]
    return np.array(lines, dtype=np.float64).reshape(-1, 2, 2)


def _runs(edge: NDArray[np.bool_]) -> list[tuple[int, float, float]]:
    """Each row's stretches of True: (row, its beginning, its end), half a pixel out on both sides."""
    steps = np.diff(np.pad(edge.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    return [(int(r), s - 0.5, e - 0.5) for r, s, e in zip(rows, starts, ends, strict=True)]
