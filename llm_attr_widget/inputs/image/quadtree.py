"""Segments of an image in nested quarters: what hierarchical methods descend along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.inputs.image.segmentation import Segmentation
from llm_attr_widget.inputs.text.cutting import Tree

Extent = tuple[float, float, float, float]
"""(left, top, right, bottom)"""


def quadtree(segmentation: Segmentation) -> Tree:
    """Segments in nested groups: by the quarter of the image that their middle lies in, then by quarters of that.

    A quarter in which all of a group lies, or a single segment, is no group of its own. Segments with one middle
    (masks within each other) stay together. For a grid split by `segmentation.split`, the parts of a box are a group.
    Without segments: ().
    """
    height, width = segmentation.regions.shape
    grown = _grown(range(len(segmentation.names)), middles(segmentation), (0, 0, width, height))
    return grown if isinstance(grown, tuple) else (grown,)


def middles(segmentation: Segmentation) -> NDArray[np.float64]:
    """`(segments, 2)`: the mean x and y of each segment's pixels."""
    height, width = segmentation.regions.shape
    regions, count = segmentation.regions.ravel(), len(segmentation.members)
    sums = [
        np.bincount(regions, minlength=count),
        np.bincount(regions, np.tile(np.arange(width) + 0.5, height), count),
        np.bincount(regions, np.repeat(np.arange(height) + 0.5, width), count),
    ]
    covers = np.array(
        [[segment in covering for segment in range(len(segmentation.names))] for covering in segmentation.members]
    )
    pixels, x, y = np.stack(sums) @ covers
    return np.column_stack([x, y]) / pixels[:, None]


def _grown(segments: Sequence[int], places: NDArray[np.float64], extent: Extent) -> int | Tree:
    if len(segments) == 1:
        return segments[0]
    left, top, right, bottom = extent
    if max(right - left, bottom - top) < 1:  # pixels: nothing is told apart within one
        return tuple(segments)
    x, y = (left + right) / 2, (top + bottom) / 2
    quarters: dict[tuple[bool, bool], list[int]] = {}
    for segment in segments:
        across, down = places[segment]
        quarters.setdefault((bool(down >= y), bool(across >= x)), []).append(segment)
    grown = [
        _grown(inside, places, (x if far else left, y if low else top, right if far else x, bottom if low else y))
        for (low, far), inside in sorted(quarters.items())
    ]
    return grown[0] if len(grown) == 1 else tuple(grown)
