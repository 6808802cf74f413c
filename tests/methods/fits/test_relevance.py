"""A prior is found by descent, sees which features matter, and does not see it in chance."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.methods import KernelShap
from llm_attr_widget.methods.fits import relevance
from llm_attr_widget.methods.fits.descent import minimise
from tests.methods.games import random_game


def pairs_of(features: int, budget: int, seed: int) -> np.ndarray:
    """Signs `(pairs, features)`, the first of them v(all)."""
    rows = np.vstack(list(KernelShap(budget=budget).design(features, np.random.default_rng(seed))))[::2]
    return np.where(rows, 1.0, -1.0)


def test_descent_finds_the_bottom_of_a_narrow_valley() -> None:
    def valley(at: np.ndarray) -> tuple[float, np.ndarray]:
        x, y = at
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2, np.array(
            [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]
        )

    found = minimise(valley, np.array([-1.2, 1.0]), steps=100, longest=2.0)
    np.testing.assert_allclose(found, 1.0, atol=1e-3)


def test_descent_steps_back_from_where_there_is_no_value() -> None:
    def walled(at: np.ndarray) -> tuple[float, np.ndarray]:
        if at[0] <= 0:
            return np.inf, np.zeros(1)
        return float(at[0] - np.log(at[0])), 1 - 1 / at

    np.testing.assert_allclose(minimise(walled, np.array([30.0]), steps=50, longest=40.0), 1.0, atol=1e-3)


@pytest.mark.parametrize("own", [0, 9])
def test_the_gradient_is_that_of_the_value(own: int) -> None:
    rng = np.random.default_rng(own)
    signs = pairs_of(9, 40, 0)
    evidence = relevance._Evidence(signs, rng.normal(size=len(signs)))
    at = rng.normal(size=4 + own) / 2 - 1
    steps = 1e-5 * np.eye(len(at))
    numeric = [(evidence(at + step)[0] - evidence(at - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(evidence(at)[1], numeric, atol=1e-6)


def test_the_features_that_matter_are_found_among_many() -> None:
    signs = pairs_of(60, 120, 1)

    def game(at: np.ndarray) -> np.ndarray:
        return 2.0 * at[:, 3] - 1.5 * at[:, 40] + 3.0 * (at[:, [7, 9, 50]] > 0).all(axis=1)

    found = relevance.find(signs[:48], (game(signs) - game(-signs))[:48] / 2)
    assert found is not None
    assert found.share == 1.0
    assert set(np.argsort(-found.each.linear)[:5].tolist()) == {3, 7, 9, 40, 50}
    assert set(np.argsort(-found.each.together)[:3].tolist()) == {7, 9, 50}


def test_chance_is_not_taken_for_relevance() -> None:
    for seed in range(5):
        signs = pairs_of(12, 96, seed)
        found = relevance.find(signs, np.random.default_rng(seed).normal(size=len(signs)))
        assert found is not None
        assert found.share < 0.2


def test_the_scale_of_values_does_not_matter() -> None:
    signs = pairs_of(10, 60, 2)
    game = random_game(10, seed=2, outputs=1)
    values = ((game(signs > 0) - game(signs < 0)) / 2)[:, 0]
    one, other = relevance.find(signs, values), relevance.find(signs, 2.0**-30 * values)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.each.linear, other.each.linear, rtol=1e-6)
    assert one.share == pytest.approx(other.share)


@pytest.mark.parametrize("broken", [np.zeros(20), np.r_[np.nan, np.ones(19)], np.r_[np.ones(19), np.inf]])
def test_where_there_is_nothing_to_go_by_there_is_no_prior(broken: np.ndarray) -> None:
    assert relevance.find(pairs_of(10, 40, 0), broken) is None


def test_sizes_grow_with_the_pairs() -> None:
    assert relevance.size_for(11) is None
    assert [relevance.size_for(pairs) for pairs in (12, 23, 24, 127, 128, 5000)] == [12, 20, 24, 96, 96, 96]
