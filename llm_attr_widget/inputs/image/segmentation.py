"""How an image is segmented: a grid, superpixels, a label map, masks, boxes.

Whoever does it, what comes out is a partition of the pixels into regions, each with the segments that cover it. A
segmenter of your own is any object with `segment`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import CapabilityError, InputError

Pixels: TypeAlias = NDArray[np.uint8]
"""`(height, width, 3)`, RGB."""
Box: TypeAlias = "tuple[int, int, int, int]"
"""(left, top, right, bottom) in pixels, right and bottom exclusive, as PIL has it."""
Mask: TypeAlias = "NDArray[np.bool_]"
"""`(height, width)`"""


@dataclass(frozen=True, eq=False, slots=True)
class Segmentation:
    """regions: `(height, width)`, int32, the region of each pixel. members: for each region the segments that cover
    it; none where the image is always present. names: of the segments. about: in words, how they were made.
    boxes: of rectangular segments, so that they can be split further; None where they have other shapes.
    """

    regions: NDArray[np.int32]
    members: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    about: str
    boxes: tuple[Box, ...] | None = None


@runtime_checkable
class Segmenter(Protocol):
    """A way of segmenting images."""

    def segment(self, pixels: Pixels) -> Segmentation: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What was segmented before."""

    segmentation: Segmentation

    def segment(self, pixels: Pixels) -> Segmentation:
        del pixels
        return self.segmentation


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows × columns of boxes, as equal as whole pixels allow, row by row."""

    rows: int
    columns: int

    def segment(self, pixels: Pixels) -> Segmentation:
        """Raises InputError for a grid with more rows or columns than the image has pixels."""
        height, width = pixels.shape[:2]
        if not (1 <= self.rows <= height and 1 <= self.columns <= width):
            raise InputError(
                f"Expected a grid of 1 × 1 up to {height} × {width} (rows × columns), the image's pixels; "
                f"got {self.rows} × {self.columns}."
            )
        ys, xs = (
            [round(k * length / count) for k in range(count + 1)]
            for length, count in ((height, self.rows), (width, self.columns))
        )
        boxes = {
            f"row {row + 1}, column {column + 1}": (xs[column], ys[row], xs[column + 1], ys[row + 1])
            for row in range(self.rows)
            for column in range(self.columns)
        }
        return _of_boxes(boxes, pixels, f"a grid of {self.rows} × {self.columns}")


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes (left, top, right, bottom), which may overlap; a list, or a dict from names. The rest stays.

    about: in words, where they come from.
    """

    boxes: Sequence[Box] | Mapping[str, Box]
    about: str = ""

    def segment(self, pixels: Pixels) -> Segmentation:
        """Raises InputError for a box that is empty or reaches out of the image."""
        return _of_boxes(_named(self.boxes, "box"), pixels, self.about or f"{len(self.boxes)} boxes")


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks `(height, width)`, which may overlap: an array or a list of them, or a dict from names. The rest stays."""

    masks: Sequence[Mask] | NDArray[np.bool_] | Mapping[str, Mask]

    def segment(self, pixels: Pixels) -> Segmentation:
        """Raises InputError for a mask of another shape than the image, or without a pixel."""
        named = _named(self.masks, "mask")
        return _layered(
            {name: _checked_mask(mask, name, pixels) for name, mask in named.items()}, pixels, f"{len(named)} masks"
        )


@dataclass(frozen=True, slots=True)
class Labels:
    """A label map `(height, width)` of whole numbers: each distinct one is a segment; negative ones always stay.

    Segments are called 1, 2, … in the order of their labels.
    """

    labels: NDArray[np.integer[Any]]

    def segment(self, pixels: Pixels) -> Segmentation:
        """Raises InputError for a map of another shape than the image, or without a label of at least 0."""
        labels = np.asarray(self.labels)
        if labels.shape != pixels.shape[:2] or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"Expected a label map of whole numbers of shape {pixels.shape[:2]}, as the image has, "
                f"got {labels.dtype} of shape {labels.shape}."
            )
        return _of_labels(labels, "a label map")


@dataclass(frozen=True, slots=True)
class Slic:
    """SLIC superpixels (Achanta et al. 2012), about `segments` of them: pieces of like colour. Needs scikit-image.

    compactness: how much nearness counts beside colour; higher makes squarer pieces.
    """

    segments: int = 24
    compactness: float = 10.0

    def segment(self, pixels: Pixels) -> Segmentation:
        """Raises CapabilityError without scikit-image, InputError for fewer than one segment."""
        try:
            from skimage.segmentation import slic
        except ImportError as error:
            raise CapabilityError(
                "SLIC superpixels need scikit-image. Install it with: pip install 'llm_attr_widget[images]'."
            ) from error
        if self.segments < 1:
            raise InputError(f"Expected at least one superpixel, got segments={self.segments}.")
        labels = slic(pixels, n_segments=self.segments, compactness=self.compactness, start_label=0)
        count = int(labels.max()) + 1
        return _of_labels(labels, f"{count} SLIC superpixels (compactness {self.compactness:g})")


Segments: TypeAlias = (
    "int | tuple[int, int] | Literal['slic'] | NDArray[Any] | Sequence[Any] | Mapping[str, Any] | Segmenter"
)
"""A segmenter, or what names one: n (an n × n grid), (rows, columns), "slic", a label map, masks, boxes."""


def make_segmenter(segments: Segments) -> Segmenter:
    """Raises InputError for what names no way of segmenting an image."""
    if isinstance(segments, Segmenter):
        return segments
    if isinstance(segments, str):
        if segments == "slic":
            return Slic()
    elif isinstance(segments, int):
        return Grid(segments, segments)
    elif hasattr(segments, "ndim"):
        array = np.asarray(segments)
        if array.dtype == np.bool_ and array.ndim == 3:
            return Masks(array)
        if np.issubdtype(array.dtype, np.integer):
            return Labels(array)
    elif isinstance(segments, Mapping | Sequence):
        each = list(segments.values()) if isinstance(segments, Mapping) else list(segments)
        if isinstance(segments, tuple) and len(each) == 2 and all(isinstance(n, int) for n in each):
            return Grid(*each)
        if each and all(hasattr(one, "ndim") and np.asarray(one).ndim == 2 for one in each):
            return Masks(cast(Any, segments))
        if each and all(isinstance(one, Sequence) and len(cast("Sequence[Any]", one)) == 4 for one in each):
            return Boxes(cast(Any, segments))
    raise InputError(
        f"Expected segments as n (an n × n grid), (rows, columns), 'slic', a label map, a list of masks or boxes, or "
        f"one of Grid, Slic, Labels, Masks and Boxes; got {segments!r:.80}."
    )


def _named(given: Any, what: str) -> dict[str, Any]:
    named = dict(given) if isinstance(given, Mapping) else {f"{what} {i + 1}": one for i, one in enumerate(given)}
    if not named:
        raise InputError(f"Expected at least one {what} as a segment, got none.")
    return cast("dict[str, Any]", named)


def _of_labels(labels: NDArray[Any], about: str) -> Segmentation:
    found, regions = np.unique(labels, return_inverse=True)
    segments = found[found >= 0]
    if not len(segments):
        raise InputError("Expected a label map with a label of at least 0, got negative ones alone: nothing may go.")
    outside = len(found) - len(segments)
    members = (*((),) * outside, *((i,) for i in range(len(segments))))
    names = tuple(f"segment {number}" for number in range(1, len(segments) + 1))
    return Segmentation(regions.reshape(labels.shape).astype(np.int32), members, names, about)


def _of_boxes(boxes: Mapping[str, Box], pixels: Pixels, about: str) -> Segmentation:
    height, width = pixels.shape[:2]
    areas: dict[str, tuple[slice, slice]] = {}
    for name, (left, top, right, bottom) in boxes.items():
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise InputError(
                f"Expected {name!r} as (left, top, right, bottom), not empty and inside the image of {width} × "
                f"{height}; got {(left, top, right, bottom)}."
            )
        areas[name] = slice(top, bottom), slice(left, right)
    made = _layered(areas, pixels, about)
    return Segmentation(made.regions, made.members, made.names, about, tuple(boxes.values()))


def _layered(areas: Mapping[str, Any], pixels: Pixels, about: str) -> Segmentation:
    """Regions of segments that may overlap. areas: what selects each segment's pixels in an array of the image.

    Cost: one visit of each segment's own pixels, not of the image for each segment.
    """
    regions = np.zeros(pixels.shape[:2], dtype=np.int32)
    members: list[tuple[int, ...]] = [()]
    for segment, area in enumerate(areas.values()):
        here = regions[area]
        met = np.flatnonzero(np.bincount(here.ravel(), minlength=len(members)))
        renumbered = np.zeros(len(members), dtype=np.int32)
        renumbered[met] = len(members) + np.arange(len(met))
        members += [(*members[region], segment) for region in met]
        regions[area] = renumbered[here]
    kept = np.flatnonzero(np.bincount(regions.ravel(), minlength=len(members)))
    renumbered = np.zeros(len(members), dtype=np.int32)
    renumbered[kept] = np.arange(len(kept))
    return Segmentation(renumbered[regions], tuple(members[region] for region in kept), tuple(areas), about)


def _checked_mask(mask: Any, name: str, pixels: Pixels) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.shape != pixels.shape[:2]:
        raise InputError(
            f"Expected {name!r} of shape {pixels.shape[:2]}, as the image has, got {array.shape}. Masks are made for "
            "the image as it is given (upright, as its EXIF orientation says), not as the model resizes it."
        )
    if array.dtype != np.bool_ and not set(np.unique(array).tolist()) <= {0, 1, 255}:
        raise InputError(f"Expected {name!r} as a bool array, got {array.dtype} with levels between. Compare it first.")
    if not array.any():
        raise InputError(f"Expected {name!r} to have a pixel, but it is empty. Leave it out.")
    return array.astype(bool)


def quarters(box: Box) -> Iterator[tuple[str, Box]]:
    """A box split in the middle, both ways: four named boxes, or fewer where it is one pixel wide or high."""
    left, top, right, bottom = box
    x, y = (left + right) // 2, (top + bottom) // 2
    for upper, low, high in (("top", top, y), ("bottom", y, bottom)):
        for side, start, end in (("left", left, x), ("right", x, right)):
            if start < end and low < high:
                yield f"{upper} {side}", (start, low, end, high)


def split(whole: Segmentation, segments: Collection[int]) -> Boxes:
    """The same boxes, those of some segments split in four where they are; names say whose parts they are.

    Raises InputError where segments are no boxes.
    """
    if whole.boxes is None:
        raise InputError(
            f"Expected segments that are boxes, to split them in four, got {whole.about}. Begin with a grid or boxes."
        )
    boxes: dict[str, Box] = {}
    for segment, (name, box) in enumerate(zip(whole.names, whole.boxes, strict=True)):
        parts = [(f"{name}, {part}", inner) for part, inner in quarters(box)] if segment in segments else []
        boxes.update(parts if len(parts) > 1 else [(name, box)])
    told = ", ".join(f"({whole.names[segment]})" for segment in sorted(segments))
    return Boxes(boxes, f"{whole.about}; {told} split in four")
