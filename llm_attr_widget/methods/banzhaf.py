"""Banzhaf values by least squares over complementary pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import comb

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import everyone_and_no_one, require_budget, require_features, require_regression
from llm_attr_widget.methods.fits.least_squares import PairTable, solve
from llm_attr_widget.methods.fits.pairs import draw_pairs
from llm_attr_widget.types import Coalitions, Estimate, Values


@dataclass(frozen=True, kw_only=True)
class Banzhaf:
    """Mean gain of each feature over all coalitions of the others, every coalition alike (Banzhaf 1965).

    It is the slope of the best linear fit to all coalitions, equally weighted (Hammer and Holzman 1992), so pairs
    played without replacement are fitted by least squares (Liu et al. 2025, "Kernel Banzhaf"), each size with its
    exact weight. Values need not add up to v(all) - v(none).

    budget: model calls; None means max(256, 16 features). From 2^features on the values are exact.
    Cost: the largest even number within min(budget, 2^features).
    Fits any coalitions that come with their complements; a coalition without its complement is passed over.
    """

    budget: int | None = None

    name: str = field(default="banzhaf", init=False, repr=False)
    label: str = field(default="Banzhaf value", init=False, repr=False)
    adds_up: bool = field(default=False, init=False, repr=False)
    sampled: bool = field(default=True, init=False, repr=False)
    pooled: bool = field(default=True, init=False, repr=False)

    def calls(self, features: int) -> int:
        require_features(features)
        budget = max(256, 16 * features) if self.budget is None else self.budget
        if features < budget.bit_length():
            return 2**features
        require_regression(features, self.label)
        require_budget(budget, at_least=2 * features, features=features)
        return budget - budget % 2

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        pairs = self.calls(features) // 2 - 1
        yield everyone_and_no_one(features)
        shares = [0.0, *_class_weights(features)[1:].tolist()]
        for _, pair in zip(range(pairs), draw_pairs(features, shares, rng), strict=False):
            yield pair

    def fold(self, features: int, outputs: int) -> BanzhafFold:
        return BanzhafFold(features, outputs)


class BanzhafFold:
    """An estimate is there once a pair other than v(all), v(none) was played; with one feature, from that one on."""

    def __init__(self, features: int, outputs: int) -> None:
        self._pairs = PairTable(features, outputs)
        self._weights = _class_weights(features)

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._pairs.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        problem = self._pairs.problem(self._weights, None)
        if len(problem.signs) < min(2, self._pairs.features):
            return None
        return solve(problem, None)


def _class_weights(features: int) -> NDArray[np.float64]:
    """Share of all coalitions in each size class 0 … features // 2."""
    sizes = range(features // 2 + 1)
    return np.array([(1 if 2 * size == features else 2) * comb(features, size) / 2**features for size in sizes])
