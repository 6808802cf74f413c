"""A picture and its regions: checked, masked, made smaller for display."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget.errors import InputError
from llm_attr_widget.picture import Picture


def picture(height: int = 4, width: int = 6, seed: int = 0) -> Picture:
    """Two segments that overlap in the middle third, an uncovered lower half."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    regions = np.zeros((height, width), dtype=np.int32)
    regions[: height // 2] = np.arange(width) * 3 // width + 1
    return Picture(pixels, regions, ((), (0,), (0, 2), (2,)))


def test_a_feature_lies_where_its_regions_are() -> None:
    shown = picture()
    assert shown.features == (0, 2)
    upper = np.zeros((4, 6), dtype=bool)
    upper[:2] = True
    np.testing.assert_array_equal(shown.mask(0), upper & (np.arange(6) < 4))
    np.testing.assert_array_equal(shown.mask(2), upper & (np.arange(6) >= 2))
    assert not shown.mask(1).any(), "a feature of the text"


def test_a_region_shows_the_sum_of_its_features() -> None:
    np.testing.assert_array_equal(picture().tints(np.array([1.0, 10.0, -3.0])), [np.nan, 1, -2, -3])


def test_nothing_can_be_written_into_it() -> None:
    shown = picture()
    with pytest.raises(ValueError, match="read-only"):
        shown.pixels[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        shown.regions[0] = 0


def test_what_the_caller_gave_can_still_be_written_into() -> None:
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    Picture(pixels, np.zeros((2, 2), dtype=np.int32), ((0,),))
    pixels[0] = 1


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_smaller_for_display_is_the_mean_of_blocks(height: int, width: int, side: int) -> None:
    shown = picture(height, width)
    small = shown.at_most(side)
    assert max(small.height, small.width) <= side
    assert small.members == shown.members
    step = -(-max(height, width) // side)
    for row, column in np.ndindex(small.height, small.width):
        block = np.s_[row * step : (row + 1) * step, column * step : (column + 1) * step]
        mean = shown.pixels[block].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(small.pixels[row, column], mean, atol=0.51)
        assert small.regions[row, column] in shown.regions[block]


def test_small_enough_stays_itself() -> None:
    shown = picture()
    assert shown.at_most(6) is shown


@pytest.mark.parametrize(
    ("pixels", "regions", "message"),
    [
        (np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), np.int32), "RGB"),
        (np.zeros((2, 2, 3), np.float32), np.zeros((2, 2), np.int32), "uint8"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2), np.int32), r"regions of shape \(2, 3\)"),
        (np.zeros((0, 3, 3), np.uint8), np.zeros((0, 3), np.int32), "not empty"),
        (np.zeros((1, 1, 3), np.uint8), np.array([[1]], np.int32), "from 0 to 0"),
        (np.zeros((1, 1, 3), np.uint8), np.array([[-1]], np.int32), "got -1 to -1"),
    ],
)
def test_what_does_not_fit_together_is_refused(pixels, regions, message) -> None:
    with pytest.raises(InputError, match=message):
        Picture(pixels, regions, ((0,),))
