"""Prompts cut into blocks, each scored at once somewhere: neighbours in the tree of their tokens stay together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from llm_attr_widget.types import Prompt


def in_blocks(prompts: Sequence[Prompt], most: int, *, workers: int = 1) -> list[list[int]]:
    """Rows of the prompts in blocks of at most `most`, every row once, blocks of (almost) one size.

    Rows are ordered by what else their prompts hold (an image) and then by their ids, so that a block's prompts begin
    alike and what they share is read once. workers: how many wait for a block; none goes without while there are rows.
    """
    order = sorted(range(len(prompts)), key=lambda row: (prompts[row].extras_key or "", prompts[row].ids))
    if not order:
        return []
    count = max(-(-len(order) // most), min(workers, len(order)))
    ends = [len(order) * block // count for block in range(count + 1)]
    return [order[start:end] for start, end in pairwise(ends)]


def halves(rows: list[int]) -> list[list[int]]:
    """A block in two, or as it is where it has one row."""
    middle = len(rows) // 2
    return [part for part in (rows[:middle], rows[middle:]) if part]
