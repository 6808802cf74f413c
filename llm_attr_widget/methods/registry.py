"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.ablation import AddOneIn, LeaveOneOut
from llm_attr_widget.methods.banzhaf import Banzhaf
from llm_attr_widget.methods.gradients import (
    LayerGradientShap,
    LayerGradientXActivation,
    LayerIntegratedGradients,
)
from llm_attr_widget.methods.kernel_shap import KernelShap
from llm_attr_widget.methods.lime import Lime
from llm_attr_widget.methods.owen import Owen
from llm_attr_widget.methods.permutation import PermutationShapley
from llm_attr_widget.methods.shapley import ExactShapley
from llm_attr_widget.methods.sparse import Sparse
from llm_attr_widget.types import GradientMethod, Method


@dataclass(frozen=True, slots=True)
class Entry:
    """One method as it is offered.

    about: one line for people. make: the method with its defaults, from a budget in model calls (None: its own).
    takes_budget: False where the number of features alone sets the cost.
    """

    name: str
    about: str
    make: Callable[[int | None], Method | GradientMethod]
    takes_budget: bool = True


COALITION_METHODS: tuple[Entry, ...] = (
    Entry(
        "shapley",
        "Shapley values: exact when the budget covers every coalition, else estimated by kernel_shap.",
        lambda budget: KernelShap(budget=budget),
    ),
    Entry(
        "kernel_shap",
        "Shapley values by least squares on complementary pairs of coalitions: the most accurate per model call.",
        lambda budget: KernelShap(budget=budget),
    ),
    Entry(
        "permutation_shapley",
        "Shapley values as mean gains over random orders of the features.",
        lambda budget: PermutationShapley(budget=budget),
    ),
    Entry(
        "exact_shapley",
        "Shapley values from all 2^features coalitions, for up to 16 features.",
        lambda _: ExactShapley(),
        takes_budget=False,
    ),
    Entry(
        "leave_one_out",
        "What the target loses when one feature alone is absent. Quick; does not add up.",
        lambda _: LeaveOneOut(),
        takes_budget=False,
    ),
    Entry(
        "add_one_in",
        "What the target gains when one feature alone is present. Quick; misses words that need others.",
        lambda _: AddOneIn(),
        takes_budget=False,
    ),
    Entry(
        "lime",
        "Weights of a linear model fitted near the full prompt. Not Shapley values; they do not add up.",
        lambda budget: Lime(budget=budget),
    ),
    Entry(
        "banzhaf",
        "Mean gain of a feature over all coalitions of the others, every coalition alike. Does not add up.",
        lambda budget: Banzhaf(budget=budget),
    ),
    Entry(
        "sparse",
        "Lasso over few random coalitions, as ContextCite: for many features of which few matter. Does not add up.",
        lambda budget: Sparse(budget=budget),
    ),
    Entry(
        "owen",
        "Shapley values that keep neighbouring features together, for hundreds of features and more.",
        lambda budget: Owen(budget=budget),
    ),
)

GRADIENT_METHODS: tuple[Entry, ...] = (
    Entry(
        "layer_integrated_gradients",
        "The gradient averaged on the way from a neutral prompt to yours. Needs a local model; nearly adds up.",
        lambda budget: LayerIntegratedGradients() if budget is None else LayerIntegratedGradients(steps=budget),
    ),
    Entry(
        "layer_gradient_x_activation",
        "The gradient at your prompt times the way from a neutral one. Quick; misses what a sure model needs.",
        lambda _: LayerGradientXActivation(),
        takes_budget=False,
    ),
    Entry(
        "layer_gradient_shap",
        "Integrated gradients at random points, with standard errors. Needs a local model.",
        lambda budget: LayerGradientShap() if budget is None else LayerGradientShap(samples=budget),
    ),
)

METHODS: tuple[Entry, ...] = COALITION_METHODS + GRADIENT_METHODS


def check_method(name: object) -> None:
    """Raises MethodError, naming the known ones, for what is no method's name."""
    if not any(entry.name == name for entry in METHODS):
        known = ", ".join(repr(entry.name) for entry in METHODS)
        raise MethodError(f"Expected a method among {known}; got {name!r}.")


def check_budget(budget: object) -> None:
    """Raises MethodError for what is neither None nor a whole number."""
    if budget is not None and not _is_whole(budget):
        raise MethodError(f"Expected a whole number of model calls, got budget={budget!r}. Give an int, such as 200.")


def check_trials(trials: object) -> None:
    """Raises MethodError for what is no whole number of trials, from one on."""
    if not _is_whole(trials):
        raise MethodError(f"Expected a whole number of trials, got trials={trials!r}. Give an int, such as 4.")
    if cast(int, trials) < 1:
        raise MethodError(f"Expected at least one trial, got trials={trials}.")


def check_seed(seed: object) -> None:
    """Raises MethodError for what is no whole number from zero on."""
    if not _is_whole(seed) or cast(int, seed) < 0:
        raise MethodError(f"Expected a seed that is a whole number, 0 or more, got seed={seed!r}.")


def _is_whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def make_method(name: str, *, budget: int | None = None) -> Method | GradientMethod:
    """The method of that name with its defaults.

    budget: model calls (points for a gradient method), None for the method's own default. Raises MethodError for an
    unknown name, naming the known ones, and for a budget given to a method whose cost is fixed. For more options, make
    the class itself.
    """
    check_method(name)
    check_budget(budget)
    entry = next(entry for entry in METHODS if entry.name == name)
    if budget is not None and not entry.takes_budget:
        raise MethodError(
            f"The cost of {name!r} is set by the number of features, but budget={budget} was given. "
            "Leave the budget out, or choose 'shapley'."
        )
    return entry.make(None if budget is None else int(budget))
