"""Error of Shapley estimators at equal numbers of model calls: ours, captum's and shapiq's.

`python -m benchmarks.estimators` plays them on table games of 12 features whose Shapley values are known, and writes
the tables of docs/benchmarks.md (a few minutes on one core; no model is called). Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from captum.attr import KernelShap as CaptumKernelShap
from captum.attr import ShapleyValueSampling
from numpy.typing import NDArray

from benchmarks.report import PAGE, between, table
from llm_attr_widget.methods import KernelShap, PermutationShapley, fit
from llm_attr_widget.types import Method
from tests.methods.games import TableGame, every_coalition, random_game, subset_shapley

Array = NDArray[np.float64]
FEATURES = 12
BUDGETS = (48, 100, 200, 400, 800, 1600)
GAMES = 20


@dataclass
class Counted:
    """A game of one output, as a function of coalitions. calls: how many coalitions it was asked for."""

    game: TableGame
    calls: int = field(default=0)

    def __call__(self, coalitions: NDArray[np.generic]) -> Array:
        rows = np.atleast_2d(np.asarray(coalitions)).astype(bool)
        self.calls += len(rows)
        return self.game(rows)[:, 0] - self.game.table[0, 0]


Estimator = Callable[[Counted, int, int], Array]
"""Game, budget, seed → Shapley values `(features,)`."""


def ours(make: Callable[[int], Method]) -> Estimator:
    def run(game: Counted, budget: int, seed: int) -> Array:
        method, features = make(budget), game.game.features
        coalitions = np.vstack(list(method.design(features, np.random.default_rng(seed))))
        return fit(method, coalitions, game(coalitions)[:, None]).values[0]

    return run


def captums(kind: type, *, calls_per_sample: Callable[[int], int], first: int = 0) -> Estimator:
    """first: calls that it makes besides its samples."""

    def run(game: Counted, budget: int, seed: int) -> Array:
        features = game.game.features
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002  captum draws from the global state
        method = kind(lambda rows: torch.from_numpy(game(rows.numpy())))
        samples = (budget - first) // calls_per_sample(features)
        found = method.attribute(torch.ones(1, features), n_samples=samples, perturbations_per_eval=features)
        return found.numpy()[0].astype(np.float64)

    return run


def shapiqs(name: str, **options: object) -> Estimator:
    def run(game: Counted, budget: int, seed: int) -> Array:
        import shapiq.approximator

        approximator = getattr(shapiq.approximator, name)(game.game.features, random_state=seed, **options)
        found = approximator.approximate(budget, game)
        return np.array([found[(feature,)] for feature in range(game.game.features)])

    return run


ESTIMATORS: tuple[tuple[str, Estimator], ...] = (
    ("**ours, kernel_shap** (the default)", ours(lambda budget: KernelShap(budget=budget))),
    ("ours, permutation_shapley", ours(lambda budget: PermutationShapley(budget=budget))),
    ("captum ShapleyValueSampling", captums(ShapleyValueSampling, calls_per_sample=lambda n: n, first=1)),
    ("captum KernelShap", captums(CaptumKernelShap, calls_per_sample=lambda _: 1)),
    ("shapiq KernelSHAP", shapiqs("KernelSHAP")),
    ("shapiq KernelSHAP, paired", shapiqs("KernelSHAP", pairing_trick=True)),
    ("shapiq kADDSHAP, order 2", shapiqs("kADDSHAP", max_order=2)),
    ("shapiq kADDSHAP, order 3", shapiqs("kADDSHAP", max_order=3)),
    ("shapiq kADDSHAP, order 3, paired", shapiqs("kADDSHAP", max_order=3, pairing_trick=True)),
    ("shapiq PermutationSamplingSV", shapiqs("PermutationSamplingSV")),
    ("shapiq StratifiedSamplingSV", shapiqs("StratifiedSamplingSV")),
    ("shapiq OwenSamplingSV", shapiqs("OwenSamplingSV")),
    ("shapiq SVARM", shapiqs("SVARM")),
    ("shapiq UnbiasedKernelSHAP, paired", shapiqs("UnbiasedKernelSHAP", pairing_trick=True)),
)


def fading(features: int, seed: int) -> TableGame:
    """Interactions of every order, which fade with it."""
    return random_game(features, seed=seed, outputs=1)


def saturating(features: int, seed: int) -> TableGame:
    """log σ(Σ w): evidence for one token, as a log-prob."""
    weights = np.random.default_rng(seed).normal(scale=1.5, size=(features, 1))
    return TableGame(features, -np.logaddexp(0, -(every_coalition(features) @ weights)))


def noise(features: int, seed: int) -> TableGame:
    """Every coalition's value drawn on its own: nothing can be foreseen."""
    return TableGame(features, np.random.default_rng(seed).normal(size=(2**features, 1)))


FAMILIES: tuple[tuple[str, Callable[[int, int], TableGame]], ...] = (
    ("Interactions of every order that fade (0.7 per feature)", fading),
    ("Evidence that saturates: the log of a logistic function of a weighted sum", saturating),
    ("White noise: every coalition's value drawn on its own", noise),
)


def errors(
    family: Callable[[int, int], TableGame],
    estimators: Sequence[tuple[str, Estimator]],
    *,
    features: int,
    budgets: Sequence[int],
    games: int,
) -> Array:
    """`(estimators, budgets)`: mean over games of |estimate - truth| / |truth| (L2). One seed for each game.

    Raises ValueError for an estimator that asks for more than its budget.
    """
    found = np.zeros((len(estimators), len(budgets)))
    for seed in range(games):
        game = family(features, seed)
        truth = subset_shapley(game)[0]
        for row, (name, estimate) in enumerate(estimators):
            for column, budget in enumerate(budgets):
                counted = Counted(game)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # captum and shapiq warn of their own choices
                    values = estimate(counted, budget, seed)
                if counted.calls > budget:
                    raise ValueError(f"{name} made {counted.calls} calls, and was given {budget}.")
                found[row, column] += np.linalg.norm(values - truth) / np.linalg.norm(truth) / games
    return found


def section(title: str, names: Sequence[str], budgets: Sequence[int], found: Array) -> str:
    """One family's table; the smallest error at each budget in bold."""
    best = found.min(axis=0)
    rows = [
        [name, *(f"**{value:.3f}**" if value == low else f"{value:.3f}" for value, low in zip(row, best, strict=True))]
        for name, row in zip(names, found, strict=True)
    ]
    return f"### {title}\n\n{table(['calls', *map(str, budgets)], rows)}"


def main(features: int, budgets: Sequence[int], games: int) -> str:
    """All tables, as text."""
    sections: list[str] = []
    for title, family in FAMILIES:
        found = errors(family, ESTIMATORS, features=features, budgets=budgets, games=games)
        sections.append(section(title, [name for name, _ in ESTIMATORS], budgets, found))
        print(sections[-1])
    return "\n".join(sections)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few games and budgets; the document is not written")
    if parser.parse_args().quick:
        main(FEATURES, BUDGETS[:2], 2)
    else:
        content = main(FEATURES, BUDGETS, GAMES)
        PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "benchmarks.estimators", content), encoding="utf-8")
