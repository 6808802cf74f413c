"""KernelSHAP by a prior that was found: exact in the end, adding up on the way, sure of what it may be sure of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from llm_attr_widget.methods import KernelShap, fit
from llm_attr_widget.methods.fits import foreseen, kriging
from llm_attr_widget.types import Coalitions, Estimate
from tests.methods.games import TableGame, every_coalition, random_game, subset_shapley

Game = Callable[[Coalitions], np.ndarray]


def played(game: Game, features: int, budget: int, seed: int) -> Estimate:
    coalitions = np.vstack(list(KernelShap(budget=budget).design(features, np.random.default_rng(seed))))
    return fit(KernelShap(), coalitions, game(coalitions))


def few_of_many(features: int, seed: int) -> tuple[Game, np.ndarray]:
    """Five features that act by twos and threes, the rest a little, and their Shapley values."""
    rng = np.random.default_rng(seed)
    one, two, three, four, five = rng.choice(features, 5, replace=False).tolist()
    terms = {(one,): 2.0, (two, three): 3.0, (one, four, five): -4.0, (two, four, five): 2.0}
    slopes = rng.normal(scale=0.05, size=features)

    def game(coalitions: Coalitions) -> np.ndarray:
        together = sum(worth * coalitions[:, list(members)].all(axis=1) for members, worth in terms.items())
        return (together + coalitions @ slopes)[:, None]

    shapley = slopes.copy()
    for members, worth in terms.items():
        shapley[list(members)] += worth / len(members)
    return game, shapley


@pytest.mark.parametrize("rows", [510, 512])
def test_with_nearly_all_pairs_it_is_close_and_with_all_exact(rows: int) -> None:
    game = random_game(9, seed=3)
    coalitions = np.vstack(list(KernelShap(budget=512).design(9, np.random.default_rng(0))))[:rows]
    estimate = fit(KernelShap(), coalitions, game(coalitions))
    np.testing.assert_allclose(estimate.values, subset_shapley(game), atol=1e-10 if rows == 512 else 0.01)
    assert (estimate.standard_errors > 0).all() == (rows < 512)


@pytest.mark.parametrize(("features", "budget"), [(9, 24), (12, 100), (40, 64), (40, 200), (200, 160)])
def test_estimates_add_up_exactly(features: int, budget: int) -> None:
    game, shapley = few_of_many(features, 4)
    found = played(game, features, budget, 0)
    np.testing.assert_allclose(found.values.sum(), shapley.sum(), atol=1e-9)


def test_outputs_share_a_prior_so_what_adds_up_in_the_game_adds_up_in_the_attributions() -> None:
    game = random_game(12, seed=5, outputs=2)
    whole = game.mapped(lambda table: np.column_stack([table, table.sum(axis=1)]))
    found = played(whole, 12, 120, 0)
    np.testing.assert_allclose(found.values[:2].sum(axis=0), found.values[2], atol=1e-9)


def test_few_that_matter_are_found_from_hardly_more_pairs_than_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the regression that takes all features alike, on the same coalitions."""

    def mean_error() -> float:
        errors = []
        for seed in range(6):
            game, shapley = few_of_many(40, seed)
            found = played(game, 40, 110, seed).values[0]
            errors.append(np.linalg.norm(found - shapley) / np.linalg.norm(shapley))
        return float(np.mean(errors))

    found = mean_error()
    monkeypatch.setattr("llm_attr_widget.methods.kernel_shap._RELEVANT", 99)
    assert found < 0.5 * mean_error()


def test_it_makes_errors_no_larger_where_all_features_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    def mean_error() -> float:
        errors = []
        for seed in range(10):
            game = random_game(10, seed=seed, outputs=1)
            truth = subset_shapley(game)
            errors.append(np.linalg.norm(played(game, 10, 100, seed).values - truth) / np.linalg.norm(truth))
        return float(np.mean(errors))

    found = mean_error()
    monkeypatch.setattr("llm_attr_widget.methods.kernel_shap._RELEVANT", 99)
    assert found < 1.1 * mean_error()


@pytest.mark.parametrize(("features", "budget"), [(40, 120), (40, 240)])
def test_bands_hold_where_few_features_matter(features: int, budget: int) -> None:
    scores = []
    for seed in range(12):
        game, shapley = few_of_many(features, seed)
        found = played(game, features, budget, seed)
        scores.append((found.values[0] - shapley) / found.standard_errors[0])
    assert np.mean(np.abs(scores) < 1.96) >= 0.93
    assert np.std(scores) < 1.15


def test_features_that_play_alike_score_alike_and_an_idle_one_next_to_nothing() -> None:
    present = every_coalition(10)
    rest = random_game(7, seed=6, outputs=1)
    values = rest(present[:, 3:]) * (1 + present[:, :2].sum(axis=1, keepdims=True))
    found = played(TableGame(10, values), 10, 200, 0)  # 0 and 1 are alike, 2 changes nothing
    gap, spread = np.diff(found.values[0, :2])[0], found.standard_errors[0, :2].sum()
    assert abs(gap) < 2 * spread
    assert abs(found.values[0, 2]) < 3.5 * found.standard_errors[0, 2]


def test_of_many_pairs_the_first_foresee_and_all_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseen, "_MOST", 100)
    monkeypatch.setattr(foreseen, "_OF_MANY", 64)
    scores, ours, plain = [], 0.0, 0.0
    for seed in range(10):
        game = random_game(10, seed=seed, outputs=1)
        truth = subset_shapley(game)
        found = played(game, 10, 500, seed)
        np.testing.assert_allclose(found.values.sum(axis=1), game.total, atol=1e-9)
        scores.append((found.values - truth) / found.standard_errors)
        ours += float(np.linalg.norm(found.values - truth))
        coalitions = np.vstack(list(KernelShap(budget=500).design(10, np.random.default_rng(seed))))
        with monkeypatch.context() as context:
            context.setattr("llm_attr_widget.methods.kernel_shap._RELEVANT", 99)
            context.setattr(kriging, "tells", lambda *_: False)
            plain += float(np.linalg.norm(fit(KernelShap(), coalitions, game(coalitions)).values - truth))
    assert ours < plain
    assert 0.92 <= np.mean(np.abs(scores) < 1.96) <= 1.0


def test_a_whole_that_cannot_be_explained_leaves_the_fixed_prior_to_the_others() -> None:
    game = random_game(10, seed=7, outputs=3)
    table = game.table.copy()
    table[5, 2] = np.nan
    found = played(TableGame(10, table), 10, 200, 0)
    assert np.isfinite(found.values[:2]).all()


def test_looking_often_changes_nothing() -> None:
    game, _ = few_of_many(20, 8)
    method = KernelShap(budget=160)
    often, once = method.fold(20, 1), method.fold(20, 1)
    for block in method.design(20, np.random.default_rng(0)):
        often.add(block, game(block))
        often.estimate()
        once.add(block, game(block))
    one, other = often.estimate(), once.estimate()
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.values, other.values, atol=1e-12)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, atol=1e-12)


def test_a_coalition_played_again_with_another_value_finds_the_prior_anew() -> None:
    """Sampled baselines: values are means, and so is what the prior is found from."""
    game, _ = few_of_many(12, 9)
    coalitions = np.vstack(list(KernelShap(budget=60).design(12, np.random.default_rng(0))))
    noise = np.random.default_rng(1).normal(size=(len(coalitions), 1))
    fold = KernelShap().fold(12, 1)
    fold.add(coalitions, game(coalitions) + noise)
    fold.estimate()
    fold.add(coalitions, game(coalitions) - noise)
    twice, once = fold.estimate(), fit(KernelShap(), coalitions, game(coalitions))
    assert twice is not None
    np.testing.assert_allclose(twice.values, once.values, atol=1e-8)
