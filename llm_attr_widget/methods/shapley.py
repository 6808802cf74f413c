"""Exact Shapley values, from all 2^features coalitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.base import require_features
from llm_attr_widget.methods.kernel_shap import KernelShap, KernelShapFold
from llm_attr_widget.types import Coalitions


@dataclass(frozen=True, kw_only=True)
class ExactShapley:
    """Shapley values over all coalitions.

    With every coalition played the weighted regression's solution is the Shapley value (Lundberg and Lee 2017,
    theorem 2; Charnes et al. 1988), so KernelSHAP's fold gives it, exactly; until then, or on the coalitions of a
    run that was stopped, it gives the regression's estimate with its standard errors, which are zero once it is exact.

    max_features: refuse larger games, with MethodError. Cost: 2^features model calls.
    """

    max_features: int = 16

    name: str = field(default="exact_shapley", init=False, repr=False)
    label: str = field(default="Shapley value", init=False, repr=False)
    adds_up: bool = field(default=True, init=False, repr=False)
    sampled: bool = field(default=False, init=False, repr=False)
    pooled: bool = field(default=True, init=False, repr=False)

    def calls(self, features: int) -> int:
        require_features(features)
        if features > self.max_features:
            raise MethodError(
                f"Exact Shapley values of {features} features need 2^{features} model calls; at most "
                f"2^{self.max_features} are allowed. Choose a coarser granularity, method='shapley', or raise "
                "max_features."
            )
        return 2**features

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        return KernelShap(budget=self.calls(features)).design(features, rng)

    def fold(self, features: int, outputs: int) -> KernelShapFold:
        return KernelShapFold(features, outputs)
