"""Segments in nested quarters, for methods that descend from coarse to fine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget import attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.inputs import Grid, ImageInput, Masks, Slic
from llm_attr_widget.inputs.image.quadtree import middles, quadtree
from llm_attr_widget.inputs.image.segmentation import split
from llm_attr_widget.inputs.text.cutting import Tree
from llm_attr_widget.methods import Owen
from llm_attr_widget.methods.owen import leaves
from tests.inputs.image.processors import build, picture
from tests.support import FunctionModel

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def groups_of(tree: Tree) -> Iterator[list[int]]:
    """Members of every group, at every level."""
    yield list(leaves(tree))
    for node in tree:
        if isinstance(node, tuple):
            yield from groups_of(node)


def test_a_grid_is_quartered_and_its_quarters_again() -> None:
    assert quadtree(Grid(4, 4).segment(PIXELS)) == (
        (0, 1, 4, 5),
        (2, 3, 6, 7),
        (8, 9, 12, 13),
        (10, 11, 14, 15),
    )
    assert quadtree(Grid(4, 4).segment(PIXELS[:4, :4])) == quadtree(Grid(4, 4).segment(PIXELS))  # one pixel each
    assert quadtree(Grid(2, 2).segment(PIXELS)) == (0, 1, 2, 3)
    assert quadtree(Grid(1, 1).segment(PIXELS)) == (0,)


def test_the_parts_of_a_split_box_are_a_group() -> None:
    finer = split(Grid(2, 2).segment(PIXELS), [2]).segment(PIXELS)
    assert quadtree(finer) == (0, 1, (2, 3, 4, 5), 6)
    again = split(finer, [3]).segment(PIXELS)
    assert quadtree(again) == (0, 1, (2, (3, 4, 5, 6), 7, 8), 9)


@given(st.integers(1, 12), st.integers(1, 12))
def test_each_segment_is_there_once_and_groups_lie_together(rows, columns) -> None:
    cut = Grid(rows, columns).segment(PIXELS)
    tree = quadtree(cut)
    assert sorted(leaves(tree)) == list(range(rows * columns))
    for group in groups_of(tree):
        xs, ys = {number % columns for number in group}, {number // columns for number in group}
        assert len(group) == (max(xs) - min(xs) + 1) * (max(ys) - min(ys) + 1), "a group is a rectangle of boxes"


def test_superpixels_and_masks_within_each_other() -> None:
    cut = Slic(12).segment(PIXELS)
    assert sorted(leaves(quadtree(cut))) == list(range(len(cut.names)))
    around, inside = np.ones((24, 36), bool), np.zeros((24, 36), bool)
    inside[10:14, 16:20] = True
    nested = Masks([around, inside, inside]).segment(PIXELS)
    np.testing.assert_array_equal(middles(nested), [[18, 12]] * 3)
    assert quadtree(nested) == (0, 1, 2)


@pytest.mark.parametrize(
    ("segments", "granularity", "tree"),
    [
        (2, "word", ((0, 1, 2, 3), ((4, 5, 6), (7, 8)))),
        (None, "word", ((0, 1, 2), (3, 4))),
        (4, None, ((0, 1, 4, 5), (2, 3, 6, 7), (8, 9, 12, 13), (10, 11, 14, 15))),
        (1, "word", (0, ((1, 2, 3), (4, 5)))),
    ],
)
def test_an_image_has_its_quarters_and_the_text_its_sentences(segments, granularity, tree) -> None:
    players = ImageInput(build("llava")[1], picture(), "Red circle. Why?", segments=segments, granularity=granularity)
    assert players.tree() == tree
    model = FunctionModel(lambda ids, _: [float(len(ids))])
    target = Target((0,), ("a",))
    found = attribute(model, None, players, target, method="owen", progress=False)
    assert isinstance(found.method, Owen)
    assert found.method.groups == tree
