"""Interactions foreseen: the prediction and its Shapley values against sums over all sets, and what it is good for."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest

from llm_attr_widget.methods import ExactShapley, KernelShap, fit
from llm_attr_widget.methods.fits import kriging
from llm_attr_widget.methods.fits.least_squares import PairTable, solve
from tests.methods.games import TableGame, every_coalition, random_game, subset_shapley


def covariance_by_hand(one: np.ndarray, other: np.ndarray) -> float:
    """Over all sets of 3, 5, … features: product of the signs of both, each order with its share of the variance."""
    n = len(one)
    orders = range(3, n + 1, 2)
    shares = np.array([0.15 ** ((k - 3) // 2) for k in orders])
    shares /= shares.sum()
    both = one * other
    return sum(
        share * sum(np.prod(both[list(members)]) for members in combinations(range(n), k)) / comb(n, k)
        for k, share in zip(orders, shares, strict=True)
    )


@pytest.mark.parametrize("features", [3, 4, 7])
def test_covariances_and_their_shapley_values_are_sums_over_all_sets(features: int) -> None:
    signs = np.where(every_coalition(features), 1.0, -1.0)
    rng = np.random.default_rng(0)
    covariance, _ = kriging._tables(features)
    for at in rng.integers(len(signs), size=4):
        game = np.array([[covariance_by_hand(signs[at], row)] for row in signs])
        different = kriging._disagreements(signs[at : at + 1] / 2, signs / 2)
        np.testing.assert_allclose(covariance[different[0]], game[:, 0], atol=1e-12)
        known = kriging._kriging(signs[[-1, at]], np.zeros((2, 1)))
        np.testing.assert_allclose(known.to_shapley[1], subset_shapley(TableGame(features, game))[0], atol=1e-12)


def test_left_out_pairs_are_what_kriging_without_them_mispredicts() -> None:
    game = random_game(6, seed=1)
    rows = np.vstack(list(KernelShap(budget=36).design(6, np.random.default_rng(0))))[::2]
    signs = np.where(rows, 1.0, -1.0)
    values = (game(rows) - game(~rows)) / 2
    for row in (3, 9):
        kept = np.arange(len(rows)) != row
        known = kriging._kriging(signs[kept], values[kept])
        covariance = kriging._tables(6)[0][kriging._disagreements(signs / 2, signs[kept] / 2)]
        rest = values[kept] - covariance[kept] @ known.weights
        # What is left is trend and nugget: weights are left over nugget.
        nugget = np.r_[0.15e-3, np.full(kept.sum() - 1, 0.15)][:, None] * known.weights
        trend = np.linalg.lstsq(signs[kept], rest - nugget, rcond=None)[0]
        predicted = covariance[row] @ known.weights + signs[row] @ trend
        whole = kriging._kriging(signs, values)
        np.testing.assert_allclose(whole.left_out[row], values[row] - predicted, atol=1e-9)


def relative_errors(game: TableGame, budget: int, seed: int) -> tuple[float, float]:
    """Of KernelShap, and of the same regression without kriging."""
    n, truth = game.features, subset_shapley(game)
    coalitions = np.vstack(list(KernelShap(budget=budget).design(n, np.random.default_rng(seed))))
    table = PairTable(n, game.outputs)
    table.add(coalitions, game(coalitions))
    weights = KernelShap().fold(n, game.outputs)._weights
    plain = solve(table.problem(weights, None), game.total).values
    ours = fit(KernelShap(), coalitions, game(coalitions)).values
    return float(np.linalg.norm(ours - truth)), float(np.linalg.norm(plain - truth))


@pytest.mark.parametrize(
    ("budget", "smooth", "noisy"), [(40, 0.9, 0.95), (100, 0.9, 1.0), (300, 0.6, 1.05), (600, 0.5, 1.15)]
)
def test_it_makes_errors_smaller_and_never_much_larger(budget: int, smooth: float, noisy: float) -> None:
    """Against the plain regression: on games whose interactions fade with their order, and on white noise."""
    fading = np.array([relative_errors(random_game(10, seed=seed), budget, seed) for seed in range(12)])
    noise = np.array(
        [
            relative_errors(TableGame(10, np.random.default_rng(seed).normal(size=(2**10, 3))), budget, seed)
            for seed in range(12)
        ]
    )
    assert fading[:, 0].mean() < smooth * fading[:, 1].mean()
    assert noise[:, 0].mean() < noisy * noise[:, 1].mean()


def test_past_the_largest_size_it_krigs_with_the_first_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer pairs make a worse prediction, and still an estimate that adds up, with bands that hold."""
    monkeypatch.setattr(kriging, "_SIZES", (64, 32))
    scores = []
    for seed in range(60):
        game = random_game(9, seed=seed)
        coalitions = np.vstack(list(KernelShap(budget=300).design(9, np.random.default_rng(seed))))
        estimate = fit(KernelShap(), coalitions, game(coalitions))
        np.testing.assert_allclose(estimate.values.sum(axis=1), game.total, atol=1e-9)
        scores.append((estimate.values - subset_shapley(game)) / estimate.standard_errors)
    assert 0.93 <= np.mean(np.abs(scores) < 1.96) <= 0.99


def test_with_all_pairs_but_one_it_is_close_and_with_all_exact() -> None:
    game = random_game(7, seed=3)
    coalitions = np.vstack(list(ExactShapley().design(7, np.random.default_rng(0))))
    for rows, tolerance in ((126, 0.02), (128, 1e-10)):
        estimate = fit(ExactShapley(), coalitions[:rows], game(coalitions[:rows]))
        np.testing.assert_allclose(estimate.values, subset_shapley(game), atol=tolerance)
