"""The image of a prompt as it is shown: its pixels, and which features lie where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """An image cut into regions. Whoever draws an attribution, on the wire or in a plot, draws this.

    pixels: `(height, width, 3)`, uint8, RGB, upright: the image as it was given, before the model's own resizing.
    regions: `(height, width)`, int32: the number of the region each pixel is in, from 0.
    members: for each region the features that cover it, ascending. One where segments do not overlap; several where
        they do, so that each region is one set of segments; none for what belongs to no segment and is always present.

    A feature's pixels are those of all regions it is a member of, and all of them go when it is absent: a pixel is
    present while all features of its region are. Features are numbered as in the attribution, text features among
    them; those of a picture are in no `Piece`.
    Arrays are read-only. Raises InputError where shapes, types or numbers do not fit together.
    """

    pixels: NDArray[np.uint8]
    regions: NDArray[np.int32]
    members: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise InputError(
                f"Expected a picture's pixels as uint8 of shape (height, width, 3), got {self.pixels.dtype} of shape "
                f"{self.pixels.shape}. Convert the image to RGB."
            )
        if self.regions.shape != self.pixels.shape[:2] or self.regions.size == 0:
            raise InputError(
                f"Expected regions of shape {self.pixels.shape[:2]}, as the picture has, and not empty; "
                f"got {self.regions.shape}. Give one region number for each pixel."
            )
        low, high = int(self.regions.min()), int(self.regions.max())
        if low < 0 or high >= len(self.members):
            raise InputError(
                f"Expected region numbers from 0 to {len(self.members) - 1}, one for each entry of `members`, "
                f"got {low} to {high}."
            )
        for name, dtype in (("pixels", np.uint8), ("regions", np.int32)):
            array = np.ascontiguousarray(getattr(self, name), dtype=dtype).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def features(self) -> tuple[int, ...]:
        """The features that lie in the picture, ascending."""
        return tuple(sorted({feature for covering in self.members for feature in covering}))

    def mask(self, feature: int) -> NDArray[np.bool_]:
        """Where a feature lies, `(height, width)`; nowhere for a feature of the text."""
        return np.array([feature in covering for covering in self.members])[self.regions]

    def tints(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """`(regions,)`: what is shown in each region, the sum of its features' scores; NaN in a region of none.

        scores: `(features,)`, of all features of the attribution.
        """
        return np.array([scores[list(covering)].sum() if covering else np.nan for covering in self.members])

    def at_most(self, side: int) -> Picture:
        """The same picture for display, neither side longer than `side` pixels; itself where it is small enough.

        Pixels are means over whole blocks, regions are sampled at their middles: one thinner than a block can vanish,
        its features and numbers stay.
        """
        step = -(-max(self.height, self.width) // side)
        if step <= 1:
            return self
        rows, columns = (_middles(length, step) for length in (self.height, self.width))
        return Picture(_block_means(self.pixels, step), self.regions[np.ix_(rows, columns)], self.members)


def _middles(length: int, step: int) -> NDArray[np.intp]:
    """The middle of each stretch of `step` pixels, the last of which may be shorter."""
    return np.minimum(np.arange(0, length, step) + step // 2, length - 1)


def _block_means(pixels: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """`(height / step, width / step, 3)`, rounded up; blocks at the right and lower edge may be smaller."""
    rows, columns = (np.arange(0, length, step) for length in pixels.shape[:2])
    # uint32 holds the sum of any block of up to 4,096 pixels a side.
    sums = np.add.reduceat(np.add.reduceat(pixels, rows, axis=0, dtype=np.uint32), columns, axis=1)
    heights = np.minimum(pixels.shape[0] - rows, step)
    widths = np.minimum(pixels.shape[1] - columns, step)
    areas = np.multiply.outer(heights, widths)[..., None]
    return ((sums + areas // 2) // areas).astype(np.uint8)
