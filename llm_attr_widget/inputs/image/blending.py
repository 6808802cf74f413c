"""A large picture with parts of it replaced, mixed in pixel values: the processor resizes it once for all coalitions.

Resizing and normalizing are linear in the image's levels, up to rounding. So what the processor makes of a picture
with hidden regions is what it makes of the picture, less each hidden region's own part of the difference to the ground;
that part is what the same processor makes of the region's mask. Between two regions the edge is as soft as the
processor's own resizing. With nothing hidden the values are the processor's own, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.inputs.image.ground import Ground
from llm_attr_widget.inputs.image.processing import Extras, Processing
from llm_attr_widget.picture import Picture

LARGE = 1 << 20
"""Pixels of a picture from which on it is mixed: smaller ones are painted over, which costs little."""
MASK_SIDE = 1024
"""Pixels of the longer side of the masks that the processor resizes."""
AT_ONCE = 16
"""Masks that go through the processor together."""
NEAR = 0.02
"""Mean distance from a picture that was painted over, as a share of the largest change, that edges alone explain."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """How much of each pixel value is each region's, by the name of the values.

    parts: for each region where its values are (in the flat array) and its share of each; the shares of all regions add
    up to 1 wherever the image is.
    """

    parts: dict[str, tuple[tuple[NDArray[np.intp], Array], ...]]


@dataclass(frozen=True)
class Blend:
    """Pixel values of one picture on one ground, for any of its regions hidden."""

    whole: Extras
    _changes: dict[str, tuple[tuple[NDArray[np.intp], Array], ...]]

    def pixels(self, visible: Sequence[NDArray[np.bool_]]) -> Iterator[Extras]:
        """What the model takes for each; visible: `(regions,)`. Cost: one visit of the values of hidden regions."""
        for row in visible:
            hidden = np.flatnonzero(~row)
            yield {name: self._mixed(name, value, hidden) for name, value in self.whole.items()}

    def _mixed(self, name: str, value: Any, hidden: NDArray[np.intp]) -> Any:
        if name not in self._changes or not len(hidden):
            return value
        values = np.asarray(value).astype(np.float32)
        flat = values.reshape(-1)
        for region in hidden:
            places, change = self._changes[name][region]
            flat[places] += change
        return value.new_tensor(values) if hasattr(value, "new_tensor") else values


def weights_of(processing: Processing, picture: Picture, whole: Extras) -> Weights | None:
    """The weights of a large picture's regions; None where the processor's values are laid out otherwise for an image
    of another size, so that small masks say nothing of the large picture.

    whole: what the processor makes of the picture.
    """
    small = picture.at_most(MASK_SIDE)
    count = len(picture.members)
    there = np.bincount(picture.regions.ravel(), minlength=count) > 0
    if not (np.bincount(small.regions.ravel(), minlength=count)[there] > 0).all():
        return None  # a region thinner than a block of pixels would have no mask
    everywhere = np.ones(small.regions.shape, dtype=bool)
    black, white = _processed(processing, [~everywhere, everywhere])
    names = [name for name, value in whole.items() if _is_float(value)]
    if not names or not all(_alike(whole, black, name, exact=name not in names) for name in whole):
        return None
    ranges = {name: _flat(white[name]) - _flat(black[name]) for name in names}
    parts: dict[str, list[tuple[NDArray[np.intp], Array]]] = {name: [] for name in names}
    for start in range(0, count, AT_ONCE):
        masks = [small.regions == region for region in range(start, min(start + AT_ONCE, count))]
        for values in _processed(processing, masks):
            for name in names:
                parts[name].append(_share(_flat(values[name]) - _flat(black[name]), ranges[name]))
    return Weights({name: _adding_up(found, len(ranges[name])) for name, found in parts.items()})


def blend(processing: Processing, weights: Weights, whole: Extras, ground: Ground) -> Blend | None:
    """The picture on this ground; None where what comes out is not what the processor makes of the painted picture.

    Cost: two large images through the processor.
    """
    regions = len(ground.picture.members)
    behind = processing.pixels([ground.shown(np.zeros(regions, dtype=bool))])[0]
    changes: dict[str, tuple[tuple[NDArray[np.intp], Array], ...]] = {}
    for name, parts in weights.parts.items():
        difference = _flat(behind[name]) - _flat(whole[name])
        changes[name] = tuple((at, (share * difference[at]).astype(np.float32)) for at, share in parts)
    made = Blend(whole, changes)
    some = np.arange(regions) % 2 == 0
    painted, mixed = processing.pixels([ground.shown(some)])[0], next(made.pixels([some]))
    for name in weights.parts:
        size = np.abs(_flat(behind[name]) - _flat(whole[name])).max(initial=0)
        if np.abs(_flat(painted[name]) - _flat(mixed[name])).mean() > NEAR * size:
            return None
    return made


def _processed(processing: Processing, masks: Sequence[NDArray[np.bool_]]) -> list[Extras]:
    from PIL import Image

    return processing.pixels([Image.fromarray(mask.astype(np.uint8) * 255).convert("RGB") for mask in masks])


def _is_float(value: Any) -> bool:
    return hasattr(value, "shape") and np.issubdtype(np.asarray(value).dtype, np.floating)


def _alike(one: Extras, other: Extras, name: str, *, exact: bool) -> bool:
    """Whether both have values of that name in the same places, or, `exact`, the same values."""
    if name not in other:
        return False
    a, b = np.asarray(one[name]), np.asarray(other[name])
    return np.array_equal(a, b) if exact else a.shape == b.shape


def _flat(value: Any) -> Array:
    return np.asarray(value).astype(np.float32, copy=False).reshape(-1)


def _share(above: Array, whole: Array) -> tuple[NDArray[np.intp], Array]:
    """Where a mask is, and how much of it; nowhere in what is no part of the image (padding)."""
    share = np.divide(above, whole, out=np.zeros_like(above), where=np.abs(whole) > 1e-6)
    places = np.flatnonzero(np.abs(share) > 1e-4)
    return places, share[places]


def _adding_up(
    parts: Sequence[tuple[NDArray[np.intp], Array]], values: int
) -> tuple[tuple[NDArray[np.intp], Array], ...]:
    """The shares of all regions made to add up to 1: resized masks miss that by their rounding."""
    total = np.zeros(values, dtype=np.float32)
    for places, share in parts:
        total[places] += share
    total[np.abs(total) < 0.5] = 1
    return tuple((places, share / total[places]) for places, share in parts)
