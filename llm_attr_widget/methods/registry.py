"""The methods by name: to add one, write a file beside this one and an `Entry` here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeAlias, cast

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

MethodLike: TypeAlias = "str | Method | GradientMethod | type[Method] | type[GradientMethod]"
"""A method's name, the method itself, or its class."""

BUDGETS = ("budget", "steps", "samples")
"""What a method calls its cost, in model calls or points."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One method as it is offered.

    about: one line for people. cost: in model calls, for n features. when: when to use it. make: the method with its
    defaults, from a budget in model calls (None: its own). takes_budget: False where the number of features alone sets
    the cost.
    """

    name: str
    about: str
    cost: str
    when: str
    make: Callable[[int | None], Method | GradientMethod]
    takes_budget: bool = True

    @property
    def kind(self) -> type[Method | GradientMethod]:
        """The method's class."""
        return type(self.make(None))

    @property
    def label(self) -> str:
        """What one number is: "Shapley value", "LIME weight"."""
        return self.make(None).label

    @property
    def promises(self) -> str:
        """What may be relied on: whether numbers add up, and where their standard errors come from."""
        method = self.make(None)
        sums = "adds up to v(all) - v(none)" if method.adds_up else "does not add up"
        errors = "standard errors from sampling" if method.sampled else "the same numbers whatever the seed"
        return f"{sums}; {errors}"


COALITION_METHODS: tuple[Entry, ...] = (
    Entry(
        "shapley",
        "Shapley values: exact when the budget covers every coalition, else estimated by kernel_shap.",
        "the budget; by default max(256, 16 n), or 2^n where that is less",
        "The default: when you do not know which to take.",
        lambda budget: KernelShap(budget=budget),
    ),
    Entry(
        "kernel_shap",
        "Shapley values by least squares on complementary pairs of coalitions: the most accurate per model call.",
        "the budget; by default max(256, 16 n), or 2^n where that is less",
        "Up to some hundred features.",
        lambda budget: KernelShap(budget=budget),
    ),
    Entry(
        "permutation_shapley",
        "Shapley values as mean gains over random orders of the features.",
        "the budget; by default max(256, 16 n)",
        "When an unbiased estimate matters more than an accurate one.",
        lambda budget: PermutationShapley(budget=budget),
    ),
    Entry(
        "exact_shapley",
        "Shapley values from all 2^features coalitions, for up to 16 features.",
        "2^n",
        "Few features: slots of a template, sentences, documents.",
        lambda _: ExactShapley(),
        takes_budget=False,
    ),
    Entry(
        "leave_one_out",
        "What the target loses when one feature alone is absent. Quick; does not add up.",
        "n + 2",
        "A first look, where no feature says the same as another.",
        lambda _: LeaveOneOut(),
        takes_budget=False,
    ),
    Entry(
        "add_one_in",
        "What the target gains when one feature alone is present. Quick; misses words that need others.",
        "n + 2",
        "A first look, where features say the same as others (documents).",
        lambda _: AddOneIn(),
        takes_budget=False,
    ),
    Entry(
        "lime",
        "Weights of a linear model fitted near the full prompt. Not Shapley values; they do not add up.",
        "the budget",
        "To compare with LIME elsewhere.",
        lambda budget: Lime(budget=budget),
    ),
    Entry(
        "banzhaf",
        "Mean gain of a feature over all coalitions of the others, every coalition alike. Does not add up.",
        "the budget",
        "Where ranks matter and the model is noisy.",
        lambda budget: Banzhaf(budget=budget),
    ),
    Entry(
        "sparse",
        "Lasso over few random coalitions, as ContextCite: for many features of which few matter. Does not add up.",
        "the budget",
        "Hundreds of sentences of which a few are the source.",
        lambda budget: Sparse(budget=budget),
    ),
    Entry(
        "owen",
        "Shapley values that keep neighbouring features together, for hundreds of features and more.",
        "the budget; by default 8 n",
        "Long prompts with a structure: turns, paragraphs, sentences.",
        lambda budget: Owen(budget=budget),
    ),
)

GRADIENT_METHODS: tuple[Entry, ...] = (
    Entry(
        "layer_integrated_gradients",
        "The gradient averaged on the way from a neutral prompt to yours. Needs a local model; nearly adds up.",
        "the budget in points, each a forward and a backward pass for each output",
        "Thousands of tokens, with a local model.",
        lambda budget: LayerIntegratedGradients() if budget is None else LayerIntegratedGradients(steps=budget),
    ),
    Entry(
        "layer_gradient_x_activation",
        "The gradient at your prompt times the way from a neutral one. Quick; misses what a sure model needs.",
        "1 point",
        "A glance at a long prompt, with a local model.",
        lambda _: LayerGradientXActivation(),
        takes_budget=False,
    ),
    Entry(
        "layer_gradient_shap",
        "Integrated gradients at random points, with standard errors. Needs a local model.",
        "the budget in points, each a forward and a backward pass for each output",
        "As layer_integrated_gradients, where an error bar is wanted.",
        lambda budget: LayerGradientShap() if budget is None else LayerGradientShap(samples=budget),
    ),
)

METHODS: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in COALITION_METHODS + GRADIENT_METHODS})
"""Every method by its name: `METHODS["shapley"].when`."""


def make_method(method: MethodLike, *, budget: int | None = None) -> Method | GradientMethod:
    """The method meant by a name, a class, or the method itself, which passes through.

    budget: model calls (points for a gradient method) of a method named or given as a class; None for its own default.
    Raises MethodError for what is no method, and for a budget given to one that is made already or whose cost is fixed.
    """
    check_budget(budget)
    given: Any = method
    if isinstance(given, str):
        check_method(given)
        return _made(METHODS[given], budget)
    if isinstance(given, type):
        entry = next((entry for entry in METHODS.values() if entry.kind is given), None)
        return _of_class(given, budget) if entry is None else _made(entry, budget)
    if not isinstance(given, Method | GradientMethod):
        check_method(given)
    if budget is not None:
        raise MethodError(f"Give the budget to the method itself, {given!r}, or name the method and keep {budget=}.")
    return given


def with_budget(method: Method | GradientMethod, budget: int | None) -> Method | GradientMethod:
    """The same method with another budget; itself where its cost is fixed or the budget is its own."""
    name = budget_of(method)[0]
    if name is None or budget is None or getattr(method, name) == budget:
        return method
    values = {field.name: getattr(method, field.name) for field in fields(cast(Any, method)) if field.init}
    return type(method)(**{**values, name: budget})


def budget_of(method: Method | GradientMethod) -> tuple[str | None, int | None]:
    """What a method calls its budget, and what it is; (None, None) for one whose cost is fixed."""
    own = {field.name for field in fields(method) if field.init} if is_dataclass(method) else set[str]()
    name = next((name for name in BUDGETS if name in own), None)
    return (None, None) if name is None else (name, getattr(method, name))


def check_method(name: object) -> None:
    """Raises MethodError, naming the known ones, for what is no method's name."""
    if isinstance(name, str) and name in METHODS:
        return
    close = get_close_matches(name, METHODS, 1) if isinstance(name, str) else []
    meant = f" Did you mean {close[0]!r}?" if close else ""
    known = ", ".join(map(repr, METHODS))
    raise MethodError(f"Expected a method among {known}, or a Method; got {name!r}.{meant}")


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


def _made(entry: Entry, budget: int | None) -> Method | GradientMethod:
    if budget is not None and not entry.takes_budget:
        raise MethodError(
            f"The cost of {entry.name!r} is set by the number of features, but budget={budget} was given. "
            "Leave the budget out, or choose 'shapley'."
        )
    return entry.make(None if budget is None else int(budget))


def _of_class(kind: type[Any], budget: int | None) -> Method | GradientMethod:
    """A method of the caller's own class, with its defaults."""
    try:
        made: Any = kind() if budget is None else kind(budget=int(budget))
    except TypeError as error:
        raise MethodError(
            f"Expected a method, or a class that makes one; {kind.__name__} does not: {error}."
        ) from error
    if not isinstance(made, Method | GradientMethod):
        check_method(kind)
    return made
