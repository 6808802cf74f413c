"""All prompts, each followed by the target, as one tree of tokens. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trie:
    """Distinct tokens to be read, in preorder: a node's descendants are the nodes right behind it.

    tokens, depths: `(nodes,)`; a root has depth 0, which is its position in the sequence.
    ends: `(nodes,)`, one past a node's last descendant. So a is an ancestor of b, or b itself, where a <= b < ends[a].
    reads: `(prompts, target tokens)`, the node whose logits say target token k after a prompt.
    prompts: `(nodes,)`, one of the prompts that a node is in.
    """

    tokens: Indices
    depths: Indices
    ends: Indices
    reads: Indices
    prompts: Indices

    def __len__(self) -> int:
        return len(self.tokens)


def grow(prompts: Sequence[Sequence[int]], target: Sequence[int]) -> Trie:
    """The tree of all prompts + target (its last token is never read). Prompts must not be empty; equal ones share."""
    rows = [(*prompt, *target[:-1]) for prompt in prompts]
    order = sorted(range(len(rows)), key=rows.__getitem__)
    lengths = np.array([len(rows[index]) for index in order], dtype=np.int64)
    table = np.full((len(rows), int(lengths.max())), -1, dtype=np.int64)
    for place, index in enumerate(order):
        table[place, : lengths[place]] = rows[index]
    shared = _shared_with_previous(table, lengths)
    starts = np.concatenate([[0], np.cumsum(lengths - shared)])
    columns = np.arange(table.shape[1])
    new = (columns >= shared[:, None]) & (columns < lengths[:, None])
    depths = np.broadcast_to(columns, table.shape)[new]
    reads = _reads(order, lengths, shared, starts, len(target))
    origins = np.repeat(np.array(order, dtype=np.int64), lengths - shared)
    return Trie(table[new], depths, _ends(lengths, shared, starts), reads, origins)


def _shared_with_previous(table: Indices, lengths: Indices) -> Indices:
    """Length of the prefix that each row has in common with the row before; 0 for the first."""
    same = np.cumprod(table[1:] == table[:-1], axis=1, dtype=np.int64).sum(axis=1)
    return np.concatenate([[0], np.minimum(same, np.minimum(lengths[1:], lengths[:-1]))])


def _ends(lengths: Indices, shared: Indices, starts: Indices) -> Indices:
    """A node ends where the next row begins that shares no more than the tokens before it."""
    ends = np.empty(starts[-1], dtype=np.int64)
    end_at_depth = np.full(int(lengths.max()), starts[-1], dtype=np.int64)
    for place in range(len(lengths) - 1, -1, -1):
        ends[starts[place] : starts[place + 1]] = end_at_depth[shared[place] : lengths[place]]
        end_at_depth[shared[place] :] = starts[place]
    return ends


def _reads(order: Sequence[int], lengths: Indices, shared: Indices, starts: Indices, target: int) -> Indices:
    reads = np.empty((len(order), target), dtype=np.int64)
    node_at_depth = np.empty(int(lengths.max()), dtype=np.int64)
    for place, index in enumerate(order):
        node_at_depth[shared[place] : lengths[place]] = np.arange(starts[place], starts[place + 1])
        reads[index] = node_at_depth[lengths[place] - target : lengths[place]]
    return reads
