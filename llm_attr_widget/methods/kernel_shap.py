"""KernelSHAP: Shapley values by least squares over complementary pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from llm_attr_widget.methods.base import everyone_and_no_one, require_budget, require_features, require_regression
from llm_attr_widget.methods.fits import foreseen, kriging, relevance
from llm_attr_widget.methods.fits.least_squares import PairTable, Problem, solve
from llm_attr_widget.methods.fits.pairs import draw_pairs
from llm_attr_widget.types import Coalitions, Estimate, Values

_RELEVANT = 9
"""Features from which their relevance is found. Of fewer the default's 256 calls are all there are, and a fixed prior
keeps what little may be missing linear in the values.
"""

_LEAST = 64
"""Calls that are always enough: a prior that was found stands in for what they do not determine."""


@dataclass(frozen=True, kw_only=True)
class KernelShap:
    """Shapley values by constrained least squares on complementary pairs drawn without replacement.

    Lundberg and Lee 2017, eq. 9, is solved over the coalitions played, with the sum constraint exact (Covert and Lee
    2021, eq. 7). Pairs are drawn per size k in proportion to 1 / sqrt(k (n - k)): the geometric mean of the kernel's
    weight and of the leverage scores (Musco and Witter 2025, which are equal for all sizes), least in variance when
    residuals are alike (Chen et al. 2025, "modified l2"). Each size keeps its exact weight in the problem.

    From 9 features on, which of them matter, and how much they do together, is found from the pairs (see `relevance`),
    and the values are those expected of such a game (see `foreseen`): few relevant features of many are told from few
    calls, and where all matter nothing is lost (docs/benchmarks.md has the errors). Outputs of one fit share what was
    found, by the target as a whole, so that attributions of tokens add up. Of fewer features, what the pairs tell of
    interactions is taken out first by a fixed rule (see `kriging`).

    budget: model calls, v(all) and v(none) included; None means max(256, 16 features). From 2^features on the
    values are exact. Cost: the largest even number within min(budget, 2^features).
    Standard errors: see `foreseen.expected` and `kriging.estimate`; 1.96 of them are a 95% band, on the wide side.
    Fits any coalitions that hold v(all) and v(none), those without their complements by `least_squares.solve`; sizes
    that were not played are left out of the problem.
    Raises MethodError for a budget below 2 calls a feature, or below 64 where that is less.
    """

    budget: int | None = None

    name: str = field(default="kernel_shap", init=False, repr=False)
    label: str = field(default="Shapley value", init=False, repr=False)
    adds_up: bool = field(default=True, init=False, repr=False)
    sampled: bool = field(default=True, init=False, repr=False)
    pooled: bool = field(default=True, init=False, repr=False)

    def calls(self, features: int) -> int:
        require_features(features)
        budget = max(256, 16 * features) if self.budget is None else self.budget
        if features < int(budget).bit_length():  # 2^features <= budget, without building a huge number
            return 2**features
        require_regression(features, self.label)
        require_budget(budget, at_least=min(2 * features, _LEAST), features=features)
        return budget - budget % 2

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        pairs = self.calls(features) // 2 - 1
        yield everyone_and_no_one(features)
        yield from pair_blocks(features, pairs, rng)

    def fold(self, features: int, outputs: int) -> KernelShapFold:
        return KernelShapFold(features, outputs)


def pair_blocks(features: int, pairs: int, rng: np.random.Generator) -> Iterator[Coalitions]:
    """So many pairs (2, features), each its own block, for a Shapley regression."""
    sizes = np.arange(1, features // 2 + 1)
    shares = [0.0, *((2.0 - (2 * sizes == features)) / np.sqrt(sizes * (features - sizes)))]
    for _, pair in zip(range(pairs), draw_pairs(features, shares, rng), strict=False):
        yield pair


class KernelShapFold:
    """Takes any coalitions. An estimate is there as soon as v(all), v(none) and one more were played."""

    def __init__(self, features: int, outputs: int) -> None:
        self._pairs = PairTable(features, outputs)
        # By the number of pairs that a prior was found from: their values, and the prior.
        self._found: dict[int, tuple[Values, relevance.Mixture | None]] = {}
        # Shapley kernel summed over a size: Σ_|S|=k (n - 1) / (C(n, k) k (n - k)).
        sizes = np.arange(1, features // 2 + 1)
        self._weights = np.zeros(features // 2 + 1)
        self._weights[1:] = (2.0 - (2 * sizes == features)) * (features - 1) / (sizes * (features - sizes))

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._pairs.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        ends = self._pairs.ends()
        if ends is None:
            return None
        everyone, no_one = ends
        if self._pairs.features == 1:
            return Estimate((everyone - no_one)[:, None], np.zeros((len(everyone), 1)))
        if len(self._pairs) == 1:
            return None
        problem = self._pairs.problem(self._weights, (everyone + no_one) / 2)
        plain = self._pairs.features < 3 or not problem.whole or not problem.unplayed.any()
        if plain:
            return solve(problem, everyone - no_one)
        mixture = self._mixture(problem, everyone - no_one)
        if mixture is not None:
            return foreseen.estimate(mixture, problem, everyone - no_one)
        if kriging.tells(len(problem.signs), self._pairs.features):
            return kriging.estimate(problem, everyone - no_one)
        return solve(problem, everyone - no_one)

    def _mixture(self, problem: Problem, total: Values) -> relevance.Mixture | None:
        """The prior found from the first pairs and the target as a whole, the last output; None for too few of them.

        It is found anew as pairs grow by a third or so, by them alone: looking more often changes nothing.
        """
        size = relevance.size_for(1 + len(problem.signs))
        if size is None or self._pairs.features < _RELEVANT:
            return None
        values = np.concatenate([total[-1:] / 2, problem.halves[: size - 1, -1]])
        if size not in self._found or not np.array_equal(self._found[size][0], values):
            signs = np.vstack([np.ones((1, self._pairs.features)), 2 * problem.signs[: size - 1]])
            self._found[size] = values, relevance.find(signs, values)
        return self._found[size][1]
