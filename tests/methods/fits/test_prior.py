"""What a prior expects of a game, against sums over all sets of features and over all pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from llm_attr_widget.methods.fits import prior
from llm_attr_widget.methods.fits.prior import Prior
from tests.methods.games import TableGame, every_coalition, subset_shapley


def some_prior(features: int) -> Prior:
    rng = np.random.default_rng(features)
    return Prior(rng.exponential(size=features), rng.exponential(size=features), 0.7, 0.05)


def signs_of_all(features: int) -> np.ndarray:
    return np.where(every_coalition(features), 1.0, -1.0)


@pytest.mark.parametrize("features", [3, 4, 7])
def test_the_covariance_is_a_sum_over_all_odd_sets(features: int) -> None:
    given, signs = some_prior(features), signs_of_all(features)
    one, other = signs[5], signs[2]
    expected = float(given.linear @ (one * other))
    for size in range(1, features + 1, 2):
        for members in map(list, combinations(range(features), size)):
            expected += given.strength * float(
                np.prod(np.tanh(given.together[members]) * one[members] * other[members])
            )
    np.testing.assert_allclose(prior.covariance(given, one[None], other[None]), [[expected]], rtol=1e-12)


@pytest.mark.parametrize("features", [3, 4, 7])
def test_its_shapley_values_are_those_of_the_covariance_as_a_game(features: int) -> None:
    given, signs = some_prior(features), signs_of_all(features)
    for at in (1, 6):
        game = prior.covariance(given, signs[at : at + 1], signs).T
        found = prior.known_covariance(given, signs[at : at + 1])
        np.testing.assert_allclose(found, subset_shapley(TableGame(features, game)), atol=1e-12)


@pytest.mark.parametrize("features", [3, 4, 7])
def test_variances_and_what_is_independent_by_all_pairs(features: int) -> None:
    """Cov(y, y) on all coalitions, noise included, carried through Shapley's formula twice."""
    given, signs = some_prior(features), signs_of_all(features)
    noise = given.noise * np.diag(prior.independent(signs))
    noise -= noise[:, ::-1]  # a coalition and its complement share their noise, with opposite signs
    whole = prior.covariance(given, signs, signs) + noise
    with_values = subset_shapley(TableGame(features, whole))  # (coalitions, features)
    np.testing.assert_allclose(prior.shapley_covariance(given, signs), with_values, atol=1e-12)
    both = subset_shapley(TableGame(features, with_values))
    np.testing.assert_allclose(prior.shapley_variance(given), np.diagonal(both), rtol=1e-12)


def test_five_hundred_features_neither_overflow_nor_lose_the_sum() -> None:
    rng = np.random.default_rng(0)
    given = Prior(rng.exponential(size=500) / 500, np.where(rng.random(500) < 0.02, 3.0, 0.01), 0.7, 0.05)
    signs = np.where(rng.random((8, 500)) < 0.5, 1.0, -1.0)
    signs[0] = 1.0
    # Shapley values of a game add up to twice what it is worth, as an odd function, with all present.
    np.testing.assert_allclose(
        prior.known_covariance(given, signs).sum(axis=1), 2 * prior.covariance(given, signs, signs[:1])[:, 0], rtol=1e-6
    )
