"""Blocks of prompts: every row once, and what neighbours share is read once."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.models.blocks import halves, in_blocks
from llm_attr_widget.models.huggingface.tree.trie import grow
from llm_attr_widget.types import Prompt
from tests.models.asked import TARGET, prompts


@pytest.mark.parametrize("count", [0, 1, 5, 32, 33, 200])
@pytest.mark.parametrize("most", [1, 7, 32])
@pytest.mark.parametrize("workers", [1, 3, 40])
def test_every_row_is_in_one_block_and_blocks_are_of_a_size(count, most, workers):
    blocks = in_blocks([Prompt((row % 5, row)) for row in range(count)], most, workers=workers)
    assert sorted(row for block in blocks for row in block) == list(range(count))
    sizes = [len(block) for block in blocks]
    assert all(1 <= size <= most for size in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert len(blocks) >= min(count, workers)


def read(blocks):
    return sum(len(grow([prompt.ids for prompt in block], TARGET)) for block in blocks)


def test_blocks_read_hardly_more_than_all_prompts_as_one_tree():
    asked = prompts(count=512, length=40)
    whole = read([asked])
    given = read([asked[start : start + 32] for start in range(0, len(asked), 32)])
    cut = read([[asked[row] for row in block] for block in in_blocks(asked, 32)])
    assert cut <= 1.03 * whole
    assert given > 1.1 * whole  # else there would be nothing to gain


def test_prompts_with_one_image_stay_together():
    asked = [Prompt((9 - row,), {"pixels": row % 2}, f"image {row % 2}") for row in range(8)]
    assert [{row % 2 for row in block} for block in in_blocks(asked, 4)] == [{0}, {1}]


def test_halves_of_a_block_are_the_block():
    assert halves([3, 1, 2]) == [[3], [1, 2]]
    assert halves([7]) == [[7]]
    rows = list(np.random.default_rng(0).permutation(17))
    assert [row for half in halves(rows) for row in half] == rows
