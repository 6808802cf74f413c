"""Standard errors mean what they say: 1.96 of them cover the truth in 95% of repeats on random full-order games."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from llm_attr_widget.game.fitting import Trials
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


@cache
def games(features: int) -> tuple[TableGame, ...]:
    return tuple(random_game(features, seed=10_000 + repeat, outputs=2) for repeat in range(REPEATS))


@cache
def truths(features: int, truth: Callable[[TableGame], np.ndarray]) -> tuple[np.ndarray, ...]:
    return tuple(truth(game) for game in games(features))


def z_scores(method: Method, features: int, truth: Callable[[TableGame], np.ndarray]) -> np.ndarray:
    """`(repeats, outputs × features)`: error over standard error, a new game and a new seed each time."""
    scores = []
    for repeat, (game, right) in enumerate(zip(games(features), truths(features, truth), strict=True)):
        estimate = play_at_once(method, game, seed=repeat)
        scores.append(((estimate.values - right) / estimate.standard_errors).ravel())
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
    assert np.mean(np.abs(scores) < 1.96) >= 0.93  # on the wide side while pairs of orders are few
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


FAMILIES = ("linear", "noisy", "saturating", "together", "sparse", "majority")


def family(kind: str, features: int, seed: int) -> TableGame:
    """Games unlike `random_game`: a part that is truly linear, or one that depends on all of a few features."""
    rng, present = np.random.default_rng([seed, 17]), every_coalition(features)
    weights = rng.normal(scale=1.5, size=features)
    if kind == "sparse":
        weights[rng.choice(features, features - 2, replace=False)] = 0
    linear = present @ weights
    noise = rng.normal(scale=0.3, size=len(present))
    values = {"linear": linear, "noisy": linear + noise, "sparse": linear + noise}.get(kind)
    if kind == "saturating":
        values = -np.logaddexp(0, -linear)
    if kind in ("together", "majority"):
        values = np.zeros(len(present))
        for _ in range(3):
            count = 3 if kind == "majority" else int(rng.integers(2, 5))
            members = present[:, rng.choice(features, count, replace=False)]
            values += rng.normal(0, 4) * (members.sum(axis=1) >= 2 if kind == "majority" else members.all(axis=1))
    assert values is not None
    return TableGame(features, values[:, None])


def covered(method: Method, kind: str, features: int, truth: Callable[[TableGame], np.ndarray], repeats: int) -> float:
    inside = []
    for repeat in range(repeats):
        game = family(kind, features, repeat)
        found = play_at_once(method, game, repeat)
        error, width = np.abs(found.values - truth(game)), 1.96 * found.standard_errors
        assert not np.any((width < 1e-6) & (error > 1e-3)), f"certain and wrong: game {repeat}"
        inside.append(error <= width + 1e-9)
    return float(np.mean(inside))


def lowest(share: float, repeats: int) -> float:
    """Three standard deviations of a share among so many games below it: within a game features err together."""
    return share - 3 * np.sqrt(share * (1 - share) / repeats) / 2


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize(("features", "budget"), [(6, 24), (8, 60), (10, 120), (10, 400)])
def test_bands_of_lime_cover_the_weights_of_all_coalitions(kind: str, features: int, budget: int) -> None:
    share = covered(Lime(budget=budget), kind, features, on_everything(Lime()), 60)
    assert share >= lowest(0.95, 60)


@pytest.mark.parametrize(("budget", "trials"), [(60, 1), (256, 1), (256, 4)])
def test_bands_of_lime_cover_saturating_games_of_many_features(budget: int, trials: int) -> None:
    """In the mean of several trials too, whose errors are independent."""
    inside = []
    for repeat in range(25):
        game, found = family("saturating", 13, repeat), Trials(Lime(budget=budget), 13, 1, random=True)
        fits = Trials(Lime(budget=budget), 13, 1, random=False)
        for trial in range(trials):
            coalitions = np.vstack(list(Lime(budget=budget).design(13, np.random.default_rng([repeat, trial]))))
            for each in (found, fits):
                each.add(trial, coalitions, game(coalitions))
        truth = on_everything(Lime())(game)
        for each in (fits,) if trials == 1 else (fits, found):
            estimate = each.estimate()
            assert estimate is not None
            inside.append(np.abs(estimate.values - truth) < 1.96 * estimate.standard_errors)
    assert np.mean(inside) >= lowest(0.95, 25)


@pytest.mark.parametrize("kind", ["linear", "saturating"])
def test_bands_of_lime_are_no_wider_than_they_must_be(kind: str) -> None:
    assert covered(Lime(budget=400), kind, 10, on_everything(Lime()), 60) <= 0.995


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize(("features", "budget"), [(6, 24), (8, 60), (10, 60), (10, 400)])
def test_bands_of_orders_cover_and_are_never_certain_while_wrong(kind: str, features: int, budget: int) -> None:
    share = covered(PermutationShapley(budget=budget), kind, features, subset_shapley, 60)
    assert share >= lowest(0.95, 60)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize(
    ("method", "truth"),
    [
        (KernelShap(budget=40), subset_shapley),
        (Banzhaf(budget=40), subset_banzhaf),
        (Owen(budget=60, groups=tuple(range(8))), subset_shapley),
        (Sparse(budget=40, strength=0.05), on_everything(Sparse(strength=0.05))),
    ],
    ids=lambda value: repr(value) if not callable(value) else "",
)
def test_no_method_is_certain_while_wrong(method: Method, truth: Callable[[TableGame], np.ndarray], kind: str) -> None:
    covered(method, kind, 8, truth, 40)


@pytest.mark.parametrize("features", [2, 3])
def test_orders_are_certain_once_all_were_played(features: int) -> None:
    game = random_game(features, seed=1)
    found = play_at_once(PermutationShapley(budget=2 + 12 * (features - 1)), game, 0)
    np.testing.assert_allclose(found.values, subset_shapley(game), atol=1e-12)
    assert not found.standard_errors.any()
