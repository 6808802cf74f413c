"""Segments of every kind: which pixels each covers, and what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget.errors import CapabilityError, InputError
from llm_attr_widget.inputs import Boxes, Grid, Labels, Masks, Slic
from llm_attr_widget.inputs.image.segmentation import Segmentation, make_segmenter, quarters

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def masks_of(cut: Segmentation) -> list[np.ndarray]:
    return [
        np.array([segment in covering for covering in cut.members])[cut.regions] for segment in range(len(cut.names))
    ]


@given(st.integers(1, 6), st.integers(1, 9))
def test_a_grid_covers_each_pixel_once_with_boxes_of_nearly_one_size(rows, columns) -> None:
    cut = Grid(rows, columns).segment(PIXELS)
    masks = masks_of(cut)
    assert len(masks) == len(cut.names) == rows * columns
    assert (np.sum(masks, axis=0) == 1).all()
    heights = {int(mask.any(axis=1).sum()) for mask in masks}
    widths = {int(mask.any(axis=0).sum()) for mask in masks}
    assert max(heights) - min(heights) <= 1
    assert max(widths) - min(widths) <= 1
    for mask, (left, top, right, bottom) in zip(masks, cut.boxes or (), strict=True):
        assert mask[top:bottom, left:right].all()
        assert mask.sum() == (bottom - top) * (right - left)


def test_a_grid_is_named_row_by_row() -> None:
    assert Grid(2, 2).segment(PIXELS).names[1:3] == ("row 1, column 2", "row 2, column 1")


@given(st.lists(st.integers(0, 2**54 - 1), min_size=1, max_size=6).filter(all))
def test_masks_come_back_however_they_overlap(numbers) -> None:
    given_masks = [np.array([n >> i & 1 for i in range(54)], dtype=bool).reshape(6, 9) for n in numbers]
    cut = Masks(given_masks).segment(PIXELS)
    for mask, back in zip(given_masks, masks_of(cut), strict=True):
        np.testing.assert_array_equal(back, mask)
    assert len(set(cut.members)) == len(cut.members), "each region is one set of segments"
    assert set(np.unique(cut.regions)) == set(range(len(cut.members))), "no region is empty"


def test_boxes_may_overlap_and_have_names() -> None:
    cut = Boxes({"left": (0, 0, 5, 6), "middle": (3, 1, 7, 4)}).segment(PIXELS)
    left, middle = masks_of(cut)
    assert cut.names == ("left", "middle")
    assert left.sum() == 30
    assert middle.sum() == 12
    assert (left & middle).sum() == 6


def test_labels_are_segments_in_ascending_order_and_negative_ones_stay() -> None:
    labels = np.full((6, 9), 7)
    labels[0], labels[1], labels[2], labels[3] = -3, -1, 2, 0
    cut = Labels(labels).segment(PIXELS)
    assert cut.names == ("segment 1", "segment 2", "segment 3")
    zero, two, seven = masks_of(cut)
    np.testing.assert_array_equal(zero, labels == 0)
    np.testing.assert_array_equal(two, labels == 2)
    np.testing.assert_array_equal(seven, labels == 7)


def test_superpixels_follow_the_edges() -> None:
    halves = np.zeros((40, 40, 3), np.uint8)
    halves[:, 20:] = 255
    cut = Slic(8).segment(halves)
    assert 4 <= len(cut.names) <= 16
    for mask in masks_of(cut):
        assert len(np.unique(halves[mask])) == 1


def test_compact_superpixels_are_squares_whatever_the_edges() -> None:
    halves = np.zeros((40, 40, 3), np.uint8)
    halves[:, 13:] = 255
    loose, compact = (
        [len(np.unique(halves[mask])) for mask in masks_of(Slic(4, compactness).segment(halves))]
        for compactness in (1.0, 10_000.0)
    )
    assert max(loose) == 1
    assert max(compact) == 2


def test_superpixels_say_what_they_need(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(CapabilityError, match=r"llm_attr_widget\[images\]"):
        Slic().segment(PIXELS)


@pytest.mark.parametrize(
    ("named", "way"),
    [
        (3, Grid(3, 3)),
        ((2, 5), Grid(2, 5)),
        ("slic", Slic()),
        ([(0, 0, 2, 2)], Boxes([(0, 0, 2, 2)])),
        ({"a": (0, 0, 2, 2)}, Boxes({"a": (0, 0, 2, 2)})),
        (Grid(1, 2), Grid(1, 2)),
    ],
)
def test_ways_by_their_short_names(named, way) -> None:
    assert make_segmenter(named) == way


def test_arrays_are_masks_or_labels() -> None:
    assert isinstance(make_segmenter(np.zeros((6, 9), int)), Labels)
    assert isinstance(make_segmenter(np.ones((2, 6, 9), bool)), Masks)
    assert isinstance(make_segmenter([np.ones((6, 9), bool)]), Masks)
    assert isinstance(make_segmenter({"a": np.ones((6, 9), bool)}), Masks)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (0, "1 × 1 up to 6 × 9"),
        ((7, 2), "got 7 × 2"),
        ("squares", "Expected segments"),
        (1.5, "Expected segments"),
        ([], "Expected segments"),
        (np.zeros((6, 9)), "Expected segments"),
        ([(0, 0, 0, 4)], "not empty and inside"),
        ([(0, 0, 10, 4)], "image of 9 × 6"),
        (np.zeros((9, 6), int), r"shape \(6, 9\)"),
        (np.full((6, 9), -1), "at least 0"),
        (np.zeros((2, 6, 9), bool), "'mask 1' to have a pixel"),
        (np.ones((2, 9, 6), bool), r"'mask 1' of shape \(6, 9\)"),
        ([np.full((6, 9), 0.5)], "bool array"),
        (Masks([]), "at least one mask"),
        (Slic(0), "at least one superpixel"),
    ],
)
def test_what_cannot_be_cut_is_refused(segments, message) -> None:
    with pytest.raises(InputError, match=message):
        make_segmenter(segments).segment(PIXELS)


@pytest.mark.parametrize(("box", "count"), [((0, 0, 4, 4), 4), ((1, 2, 6, 5), 4), ((0, 0, 1, 4), 2), ((3, 3, 4, 4), 1)])
def test_quarters_cover_their_box(box, count) -> None:
    parts = list(quarters(box))
    assert len(parts) == count
    covered = np.zeros((6, 6), int)
    for _, (left, top, right, bottom) in parts:
        covered[top:bottom, left:right] += 1
    assert covered.sum() == (box[2] - box[0]) * (box[3] - box[1])
    assert covered.max() == 1
