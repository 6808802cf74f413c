"""Shapley values by walking through orders of the features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import factorial

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import (
    everyone_and_no_one,
    finite_or_nan,
    require_budget,
    require_features,
    student_inflation,
)
from llm_attr_widget.types import Coalitions, Estimate, Values

_WIDE = 1024
"""Features up to which a whole order is played at once: of more it would take a minute and a gigabyte."""

_FEW_ORDERS = 5
"""Features whose orders, 120 at most, are counted, to see when all of them were played."""

_ALIKE = 1e-10
"""Share of the squared size of gains up to which a spread is rounding."""

_PRIOR_DEGREES = 2
"""Weight of the mean variance of all features in the variance of each, in pairs of orders."""


@dataclass(frozen=True, kw_only=True)
class PermutationShapley:
    """Mean gain of each feature over random orders in which the features join (Castro et al. 2009).

    Orders come in antithetic pairs, an order and its reverse (Mitchell et al. 2022, section 4.1), and cyclically
    stratified (see `stratified_orders`). The mean over any number of pairs is unbiased.

    budget: model calls; None means max(256, 16 features). Cost: 2 + 2 (features - 1) for each pair of orders.
    Standard errors: from the spread of whole pairs. Plain ones are too small below about 20 pairs, and zero where
    pairs happened to agree; so each feature's variance takes in, as if it were two more pairs (Smyth 2004, "moderated
    t", with a fixed prior), the mean variance of all features and what pairs may not have shown yet: see
    `ChainFold`. The error is widened by Student's t. How much stratification helps the mean beyond what the spread of
    pairs tells depends on the game (not at all to half of the error), so bands are on the wide side: 95% bands cover
    93 to 100%. NaN until the second pair; zero only once every order was played equally often.

    The fold recognises chains: consecutive rows that each add one feature to the row before, from one feature to all
    but one. v(all) and v(none) may stand anywhere; rows that belong to no whole chain are passed over.
    """

    budget: int | None = None

    name: str = field(default="permutation_shapley", init=False, repr=False)
    label: str = field(default="Shapley value", init=False, repr=False)
    adds_up: bool = field(default=True, init=False, repr=False)
    sampled: bool = field(default=True, init=False, repr=False)

    def calls(self, features: int) -> int:
        return 2 + self._pairs(features) * 2 * (features - 1)

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        pairs = self._pairs(features)
        yield everyone_and_no_one(features)
        for _, order in zip(range(pairs), stratified_orders(features, rng), strict=False):
            if features <= _WIDE:
                yield np.vstack([chain(order), chain(order[::-1])])
            else:
                yield from chain_blocks(order)
                yield from chain_blocks(order[::-1])

    def fold(self, features: int, outputs: int) -> ChainFold:
        return ChainFold(features, outputs)

    def _pairs(self, features: int) -> int:
        require_features(features)
        if features == 1:
            return 0
        budget = max(256, 16 * features) if self.budget is None else self.budget
        require_budget(budget, at_least=2 * features, features=features)
        return (budget - 2) // (2 * (features - 1))


def stratified_orders(features: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Orders without end, in rounds that put every feature at every position equally often.

    A round shifts the features cyclically through the positions, in a random arrangement of the positions. Shifting an
    order itself would do that too, but the coalitions before a feature would be nested from shift to shift, which costs
    more than stratifying gains (on 12 features and 400 calls: error .083 so, .071 without, .053 here).
    With an even number of features half a round suffices, as an order and its reverse fill mirrored positions.
    """
    half = features // 2
    while True:
        order = rng.permutation(features)
        places = rng.permutation(features)
        rounds = features
        if features % 2 == 0:
            # Half a turn apart means mirrored: then the first half of the shifts meets each mirrored pair once.
            low = rng.permutation(half)
            first = np.where(rng.random(half) < 0.5, low, features - 1 - low)
            places, rounds = np.concatenate([first, features - 1 - first]), half
        for shift in rng.permutation(rounds):
            placed = np.empty(features, dtype=np.intp)
            placed[np.roll(places, -int(shift))] = order
            yield placed


def chain(order: NDArray[np.intp]) -> Coalitions:
    """`(features - 1, features)`: the coalitions between none and all as the features join in this order."""
    joined = np.empty(len(order), dtype=np.intp)
    joined[order] = np.arange(len(order))
    return joined[None, :] <= np.arange(len(order) - 1)[:, None]


def chain_blocks(order: NDArray[np.intp]) -> Iterator[Coalitions]:
    """`chain`, a whole one up to a thousand features or so; of more, some rows at a time, about a megabyte."""
    if len(order) <= _WIDE:
        yield chain(order)
        return
    joined = np.empty(len(order), dtype=np.intp)
    joined[order] = np.arange(len(order))
    step = max(1, _WIDE * _WIDE // len(order))
    for start in range(0, len(order) - 1, step):
        yield joined[None, :] <= np.arange(start, min(start + step, len(order) - 1))[:, None]


class ChainFold:
    """Mean gains over whole chains. Values with one chain, standard errors from the second pair of chains on.

    Pairs that agree prove nothing: the next order may bring a gain that no order before it did, as in a game in which
    several features act only together. Three spreads stand for that, each less as pairs grow: that within pairs, which
    an order and its reverse only seem to cancel (over the squared number of pairs); the size of gains, over four with
    every pair; and while all pairs are exactly alike, the size of gains by the rule of succession,
    by which one pair in so many and one may differ.
    """

    def __init__(self, features: int, outputs: int) -> None:
        self._features = features
        self._ends: list[Values | None] = [None, None]
        self._row = np.zeros(features, dtype=bool)
        self._joined = np.full(features, features - 1, dtype=np.intp)
        self._values: list[Values] = []
        self._waiting: list[tuple[NDArray[np.intp], Values]] = []
        self._half: Values | None = None
        self._sum = np.zeros((features, outputs))
        self._chains = 0
        self._pair_mean = np.zeros((features, outputs))
        self._pair_squares = np.zeros((features, outputs))
        self._pairs = 0
        self._within = np.zeros(outputs)
        self._size = np.zeros(outputs)
        self._orders: Counter[bytes] = Counter()

    def add(self, coalitions: Coalitions, values: Values) -> None:
        for row, size, value in zip(coalitions, coalitions.sum(axis=1), finite_or_nan(values), strict=True):
            if size in (0, self._features):
                end = int(size > 0)
                self._ends[end] = value if self._ends[end] is None else self._ends[end]
            else:
                self._follow(row, int(size), value)

    def _follow(self, row: NDArray[np.bool_], size: int, value: Values) -> None:
        if size != len(self._values) + 1 or (self._values and not row[self._row].all()):
            self._values.clear()
        if size == len(self._values) + 1:
            if not self._values:
                self._joined = np.full(self._features, self._features - 1, dtype=np.intp)
                self._row = np.zeros(self._features, dtype=bool)
            self._joined[row & ~self._row] = len(self._values)
            self._row = row.copy()
            self._values.append(value)
        if len(self._values) == self._features - 1:
            self._waiting.append((self._joined, np.array(self._values)))
            self._values.clear()

    def estimate(self) -> Estimate | None:
        no_one, everyone = self._ends
        if no_one is None or everyone is None:
            return None
        if self._features == 1:
            return Estimate((everyone - no_one)[:, None], np.zeros((len(everyone), 1)))
        for joined, values in self._waiting:
            if self._features <= _FEW_ORDERS:
                self._orders[joined.tobytes()] += 1
            self._count(np.diff(np.vstack([no_one, values, everyone]), axis=0)[joined])
        self._waiting.clear()
        if self._chains == 0:
            return None
        return Estimate((self._sum / self._chains).T, self._standard_errors().T)

    def _count(self, gains: Values) -> None:
        """Take one chain's gains `(features, outputs)` into the running mean, and each second one into the spread."""
        self._sum += gains
        self._chains += 1
        if self._half is None:
            self._half = gains
            return
        pair = (self._half + gains) / 2
        self._within += np.square((self._half - gains) / 2).mean(axis=0)
        self._size += np.square(pair).mean(axis=0)
        self._half = None
        self._pairs += 1
        step = pair - self._pair_mean
        self._pair_mean += step / self._pairs
        self._pair_squares += step * (pair - self._pair_mean)

    def _standard_errors(self) -> Values:
        if len(set(self._orders.values())) == 1 and len(self._orders) == factorial(self._features):
            return np.where(np.isnan(self._sum), np.nan, 0.0)
        if self._pairs < 2:
            return np.full_like(self._pair_mean, np.nan)
        degrees = self._pairs - 1
        pooled = self._pair_squares.mean(axis=0) / degrees + self._unseen()
        variance = (self._pair_squares + _PRIOR_DEGREES * pooled) / (degrees + _PRIOR_DEGREES)
        widened = student_inflation(np.asarray(degrees + _PRIOR_DEGREES, dtype=np.float64))
        return widened * np.sqrt(variance / self._pairs)

    def _unseen(self) -> Values:
        """`(outputs,)`: variance of what the pairs so far may not have shown."""
        within, size = self._within / self._pairs, self._size / self._pairs
        alike = self._pair_squares.max(axis=0) <= _ALIKE * size
        return within / self._pairs**2 + size * np.where(alike, 1 / (self._pairs + 1), 0.25 ** min(self._pairs, 500))
