"""A picture with parts of it replaced by what absent segments show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.picture import Picture

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False)
class Ground:
    """What absent segments show: pixels of the picture's shape.

    changed: for each region whether that differs from the picture. name: equal for equal pictures, cut alike, on
    equal grounds, so that images can be told apart by their visible regions.
    """

    picture: Picture
    pixels: NDArray[np.uint8]
    changed: NDArray[np.bool_] = field(init=False)
    name: str = field(init=False)
    _boxes: dict[int, tuple[int, int, int, int]] = field(init=False)
    _whole: Image.Image = field(init=False)
    _behind: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        from PIL import Image

        picture = self.picture
        differs = (picture.pixels != self.pixels).any(axis=2)
        counts = np.bincount(picture.regions.ravel(), weights=differs.ravel(), minlength=len(picture.members))
        for key, value in {
            "changed": counts > 0,
            "name": _digest(picture.pixels, picture.regions, self.pixels),
            "_boxes": boxes(picture.regions, len(picture.members)),
            "_whole": Image.fromarray(picture.pixels),
            "_behind": Image.fromarray(np.ascontiguousarray(self.pixels)),
        }.items():
            object.__setattr__(self, key, value)

    def shown(self, visible: NDArray[np.bool_]) -> Image.Image:
        """The picture with the ground in place of all regions that are not visible. visible: `(regions,)`.

        Cost: a copy of the image and of the hidden boxes; where a hidden region is no box, a mask of the image, too.
        """
        from PIL import Image

        image = self._whole.copy()
        hidden = [int(region) for region in np.flatnonzero(~visible)]
        for region in hidden:
            if region in self._boxes:
                image.paste(self._behind.crop(self._boxes[region]), self._boxes[region])
        others = [region for region in hidden if region not in self._boxes]
        if others:
            levels = np.zeros(len(visible), dtype=np.uint8)
            levels[others] = 255
            image.paste(self._behind, mask=Image.fromarray(levels[self.picture.regions]))
        return image


def boxes(regions: NDArray[np.int32], count: int) -> dict[int, tuple[int, int, int, int]]:
    """(left, top, right, bottom) of those of `count` regions that are whole rectangles."""
    sizes = np.bincount(regions.ravel(), minlength=count)
    (top, bottom), (left, right) = (_ends(lines, count) for lines in (regions, np.ascontiguousarray(regions.T)))
    full = (sizes > 0) & (sizes == (bottom - top) * (right - left))
    return {int(r): (int(left[r]), int(top[r]), int(right[r]), int(bottom[r])) for r in np.flatnonzero(full)}


def _ends(lines: NDArray[np.int32], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each region the first line it is in, and one past the last; anything for a region without pixels."""
    there = np.zeros((count, len(lines)), dtype=bool)
    for at, line in enumerate(lines):
        there[line, at] = True
    return there.argmax(axis=1), len(lines) - there[:, ::-1].argmax(axis=1)


def _digest(*arrays: NDArray[Any]) -> str:
    total = hashlib.blake2b(digest_size=12)
    for array in arrays:
        total.update(repr((array.shape, array.dtype)).encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
