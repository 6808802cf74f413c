"""Standard errors mean what they say: 1.96 of them cover the truth in 95% of repeats on random full-order games."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from llm_attr_widget.methods import Banzhaf, KernelShap, Lime, Owen, PermutationShapley, Sparse, fit
from llm_attr_widget.types import Estimate, Method
from tests.methods.games import TableGame, every_coalition, random_game, subset_banzhaf, subset_shapley

REPEATS = 200


def on_everything(method: Method) -> Callable[[TableGame], np.ndarray]:
    """The fit on all coalitions: what a regression's sampled fits scatter around."""

    def truth(game: TableGame) -> np.ndarray:
        coalitions = every_coalition(game.features)
        return fit(method, coalitions, game(coalitions)).values

    return truth


def play_at_once(method: Method, game: TableGame, seed: int) -> Estimate:
    coalitions = np.vstack(list(method.design(game.features, np.random.default_rng(seed))))
    return fit(method, coalitions, game(coalitions))


def z_scores(method: Method, features: int, truth: Callable[[TableGame], np.ndarray]) -> np.ndarray:
    """`(repeats, outputs × features)`: error over standard error, a new game and a new seed each time."""
    scores = []
    for repeat in range(REPEATS):
        game = random_game(features, seed=10_000 + repeat, outputs=2)
        estimate = play_at_once(method, game, seed=repeat)
        scores.append(((estimate.values - truth(game)) / estimate.standard_errors).ravel())
    return np.array(scores)


@pytest.mark.parametrize(
    ("method", "features", "truth"),
    [
        *((KernelShap(budget=budget), 6, subset_shapley) for budget in (24, 36, 48, 60)),
        *((KernelShap(budget=budget), 8, subset_shapley) for budget in (32, 64, 128, 240)),
        *((KernelShap(budget=budget), 12, subset_shapley) for budget in (48, 400)),
        *((Banzhaf(budget=budget), 7, subset_banzhaf) for budget in (28, 64, 112)),
        *((Lime(budget=budget, strength=1e-9), 7, on_everything(Lime(strength=1e-9))) for budget in (28, 100)),
        *((Lime(budget=budget, penalty="lasso"), 7, on_everything(Lime(penalty="lasso"))) for budget in (28, 100)),
        *((Sparse(budget=budget, strength=0.05), 7, on_everything(Sparse(strength=0.05))) for budget in (28, 100)),
    ],
    ids=lambda value: repr(value) if not callable(value) else "",
)
def test_bands_cover_as_often_as_they_say(
    method: Method, features: int, truth: Callable[[TableGame], np.ndarray]
) -> None:
    scores = z_scores(method, features, truth)
    assert np.isfinite(scores).all()
    covered = np.mean(np.abs(scores) < 1.96)
    # The lasso's true coefficient is often exactly zero and so is its estimate: covered without fail.
    assert 0.93 <= covered <= (0.997 if isinstance(method, Sparse) else 0.99)
    assert abs(scores.mean()) < 0.1
    assert (0.5 if isinstance(method, Sparse) else 0.6) < scores.std() < 1.15


@pytest.mark.parametrize(
    ("features", "budget"), [(6, 24), (6, 60), (8, 32), (8, 64), (8, 128), (8, 200), (12, 48), (12, 400)]
)
@pytest.mark.parametrize("make", [PermutationShapley, Owen])
def test_bands_of_antithetic_orders_cover_as_often_as_they_say(make: type, features: int, budget: int) -> None:
    """A flat tree, so that Owen's values are Shapley's."""
    method = make(budget=budget) if make is PermutationShapley else make(budget=budget, groups=tuple(range(features)))
    scores = z_scores(method, features, subset_shapley)
    assert 0.93 <= np.mean(np.abs(scores) < 1.96) <= 0.99
    assert abs(scores.mean()) < 0.15


@pytest.mark.parametrize(
    ("method", "bias"),
    [(PermutationShapley(budget=40), 0.0), (KernelShap(budget=40), 1.2), (KernelShap(budget=90), 0.9)],
)
def test_one_game_over_many_seeds(method: Method, bias: float) -> None:
    """The mean error of each feature lies within its own noise, after the bias that kriging has in a single game.

    bias: as a share of the spread of one run.
    """
    game = random_game(7, seed=42, outputs=2)
    truth = subset_shapley(game)
    errors = np.array([play_at_once(method, game, seed).values - truth for seed in range(REPEATS)])
    shares = np.abs(errors.mean(axis=0)) / errors.std(axis=0, ddof=1)
    assert shares.max() < bias + 3.5 / np.sqrt(REPEATS)
