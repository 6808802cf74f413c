"""Which method "shapley" stands for: the one that a game of that size and budget can afford."""

from __future__ import annotations

from llm_attr_widget.methods.kernel_shap import KernelShap
from llm_attr_widget.methods.owen import Owen
from llm_attr_widget.methods.sparse import Sparse
from llm_attr_widget.types import Method

REGRESSED = 512
"""Features up to which KernelSHAP's default of 16 calls a feature is played without asking."""

_PAIRS_OF_ORDERS = 8
"""Calls a feature from which Owen values have standard errors worth the name: four pairs of orders."""

_REGRESSIONS = 16
"""Calls a feature of KernelSHAP's default."""


def shapley_method(features: int, budget: int | None) -> tuple[Method, str]:
    """The method, and in words why it is another one than KernelSHAP, "" where it is not.

    Up to 512 features, KernelSHAP. Of more, Shapley values cost tens of thousands of calls: with a budget of 8 calls a
    feature or more Owen values, which need fewer orders; else sparse weights, from 512 calls or the budget.
    """
    if features <= REGRESSED:
        return KernelShap(budget=budget), ""
    if budget is not None and budget >= _PAIRS_OF_ORDERS * features:
        chosen: Method = Owen(budget=budget)
    else:
        chosen = Sparse(budget=budget)
    return chosen, (
        f"Shapley values of {features:,} features would take {_REGRESSIONS * features:,} calls, so these are "
        f"{chosen.label}s from {chosen.calls(features):,}: choose larger features (granularity='sentence') or name a "
        "method and a budget for others"
    )
