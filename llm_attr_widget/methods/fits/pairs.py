"""Complementary pairs (a coalition and its complement), drawn without replacement, stratified by size.

A pair belongs to the size class k = min(|S|, features - |S|); class 0 is v(all) with v(none).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import row_keys
from llm_attr_widget.types import Coalitions

_DRAWN_AT_ONCE = 32
_ENUMERATED = 2048
_WIDE = 512
"""Features from which coalitions are drawn one by one: there are many classes, and of most only one is played."""


MANY = 2**62
"""In place of a class's number of pairs, where there are more: no run plays a share of them that could be seen."""


def pairs_in_class(features: int, size: int) -> int:
    """How many pairs there are whose smaller half has `size` features."""
    return comb(features, size) // (2 if 2 * size == features else 1)


def pairs_in_classes(features: int, classes: int) -> list[int]:
    """`pairs_in_class` of the classes 0, 1, … `classes` - 1, at most MANY: exact numbers have thousands of digits."""
    counts, ways = list[int](), 1
    for size in range(classes):
        counts.append(min(ways // (2 if 2 * size == features else 1), MANY))
        ways = min(ways * (features - size) // (size + 1), 4 * MANY) if ways < 4 * MANY else ways
    return counts


def draw_pairs(features: int, shares: Sequence[float], rng: np.random.Generator) -> Iterator[Coalitions]:
    """All pairs of the classes that have a share, each as `(2, features)`, in an order whose every prefix is a sample.

    shares: for the classes 0, 1, … features // 2, how much of a sample should be theirs. After m pairs each class
    has its share of m rounded (Sainte-Laguë's divisors) and within a class every subset of pairs is equally likely,
    so a stratified estimate is valid after every pair. Against drawing the class at random with probability equal to
    its share (exponential race), the counts don't vary; that takes 5–10% off the error of 100 calls on 12 features.
    """
    left = pairs_in_classes(features, len(shares))
    drawn = [0] * len(shares)
    classes = [_draw_class(features, size, count, rng) for size, count in enumerate(left)]
    queue = [(0.5 / share, size) for size, share in enumerate(shares) if share > 0]
    heapq.heapify(queue)
    while queue:
        _, size = heapq.heappop(queue)
        half = next(classes[size])
        drawn[size] += 1
        left[size] -= 1
        if left[size]:
            heapq.heappush(queue, ((drawn[size] + 0.5) / shares[size], size))
        yield np.stack([half, ~half])


def _draw_class(features: int, size: int, count: int, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """One half of every pair of the class, in uniformly random order, without holding more than was drawn."""
    seen: set[bytes] = set()
    at_once = _DRAWN_AT_ONCE if features <= _WIDE else 1
    # Drawing again on a repeat is quick while less than half of the class was drawn; after that the rest is listed.
    while count > _ENUMERATED and 2 * len(seen) < count:
        picks = np.argsort(rng.random((at_once, features)), axis=1)[:, :size]
        rows = np.zeros((at_once, features), dtype=bool)
        np.put_along_axis(rows, picks, values=True, axis=1)
        if 2 * size == features:
            rows ^= ~rows[:, :1]
        for key, row in zip(row_keys(rows), rows, strict=True):
            if key not in seen:
                seen.add(key)
                yield row
    rest = _list_class(features, size)
    if seen:
        rest = rest[[key not in seen for key in row_keys(rest)]]
    yield from rest[rng.permutation(len(rest))]


def _list_class(features: int, size: int) -> NDArray[np.bool_]:
    """One half of every pair of the class. Combinations come sorted, so in the middle class the first half suffices."""
    count = pairs_in_class(features, size)
    members = np.array(list(islice(combinations(range(features), size), count)), dtype=np.intp).reshape(count, size)
    rows = np.zeros((count, features), dtype=bool)
    np.put_along_axis(rows, members, values=True, axis=1)
    return rows
