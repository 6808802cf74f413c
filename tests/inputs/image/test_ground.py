"""Pictures with parts replaced, held against one `np.where` over their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.inputs.image.ground import Ground, boxes
from llm_attr_widget.inputs.image.segmentation import make_segmenter
from llm_attr_widget.picture import Picture

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (23, 31, 3), dtype=np.uint8)
ROUND = (np.hypot(*np.meshgrid(np.arange(31) - 15, np.arange(23) - 11)) < 9).astype(bool)
CUTS = {
    "grid": 4,
    "uneven grid": (3, 5),
    "boxes that overlap": [(0, 0, 20, 20), (10, 10, 31, 23)],
    "a round mask and a box": [ROUND, np.arange(31)[None].repeat(23, 0) < 3],
    "labels at random": RNG.integers(-1, 5, (23, 31)),
    "one pixel": [(30, 22, 31, 23)],
}


@pytest.mark.parametrize("name", CUTS)
def test_hidden_regions_show_the_ground_and_no_other_pixel_does(name) -> None:
    cut = make_segmenter(CUTS[name]).segment(PIXELS)
    behind = RNG.integers(0, 256, PIXELS.shape, dtype=np.uint8)
    ground = Ground(Picture(PIXELS, cut.regions, cut.members), behind)
    for _ in range(12):
        visible = RNG.random(len(cut.members)) < 0.5
        expected = np.where(visible[cut.regions][..., None], PIXELS, behind)
        np.testing.assert_array_equal(np.asarray(ground.shown(visible)), expected)
    np.testing.assert_array_equal(np.asarray(ground.shown(np.ones(len(cut.members), bool))), PIXELS)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([[0, 0, 1], [0, 0, 1]], {0: (0, 0, 2, 2), 1: (2, 0, 3, 2)}),
        ([[0, 0, 1], [0, 1, 1]], {}),
        ([[0, 1, 0]], {1: (1, 0, 2, 1)}),
        ([[0, 0], [3, 3]], {0: (0, 0, 2, 1), 3: (0, 1, 2, 2)}),
    ],
)
def test_which_regions_are_rectangles(regions, expected) -> None:
    assert boxes(np.array(regions, dtype=np.int32), 5) == expected


def test_a_region_that_looks_like_its_ground_has_not_changed() -> None:
    regions = np.array([[0, 0, 1]], dtype=np.int32)
    pixels = np.array([[[1, 2, 3]] * 3], dtype=np.uint8)
    behind = pixels.copy()
    behind[0, 2, 1] += 1
    picture = Picture(pixels, regions, ((0,), (1,)))
    assert Ground(picture, behind).changed.tolist() == [False, True]
    assert Ground(picture, behind).name != Ground(picture, pixels).name
