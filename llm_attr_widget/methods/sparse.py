"""Sparse regression: which few of many features matter, from few coalitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.base import require_budget, require_features
from llm_attr_widget.methods.fits.linear import LassoFold
from llm_attr_widget.methods.fits.uniform import uniform_design
from llm_attr_widget.types import Coalitions

_ENOUGH = 512
"""Calls that tell some twenty causes among any number of features: their number counts by its logarithm."""


@dataclass(frozen=True, kw_only=True)
class Sparse:
    """Weights of a lasso fitted to uniformly drawn coalitions, in the manner of ContextCite (Cohen-Wang et al. 2024).

    For many features of which few matter: the number of calls grows with those few, not with all. Not Shapley values,
    they need not add up to v(all) - v(none), and the penalty draws every weight towards zero by about its strength.

    strength: of the penalty in Σ r² / 2m + strength Σ |β| (ContextCite's is 0.01 on scaled data); None chooses it
        for each output from that output's noise (scaled lasso, Sun and Zhang 2012, eq. 3–4, universal level).
    budget: model calls; None means as many as features, but from 64 to 512. Cost: min(budget, 2^features).
    """

    budget: int | None = None
    strength: float | None = None

    name: str = field(default="sparse", init=False, repr=False)
    label: str = field(default="sparse weight", init=False, repr=False)
    adds_up: bool = field(default=False, init=False, repr=False)
    sampled: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.strength is not None and not self.strength >= 0:
            raise MethodError(f"Expected a penalty strength of at least 0, got {self.strength}.")

    def calls(self, features: int) -> int:
        require_features(features)
        budget = max(64, min(features, _ENOUGH)) if self.budget is None else self.budget
        if features < budget.bit_length():
            return 2**features
        require_budget(budget, at_least=8, features=features)
        return budget

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        return uniform_design(features, self.calls(features), rng)

    def fold(self, features: int, outputs: int) -> LassoFold:
        return LassoFold(features, outputs, _all_alike, self.strength)


def _all_alike(coalitions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones(len(coalitions))
