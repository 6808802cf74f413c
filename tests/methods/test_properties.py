"""What each method promises, on random full-order table games, against oracles that share no code with it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from llm_attr_widget.methods import (
    AddOneIn,
    Banzhaf,
    ExactShapley,
    KernelShap,
    LeaveOneOut,
    Lime,
    Owen,
    PermutationShapley,
    Sparse,
    fit,
)
from llm_attr_widget.types import Method
from tests.methods.games import (
    TableGame,
    brute_force_shapley,
    every_coalition,
    play,
    random_game,
    subset_banzhaf,
    subset_shapley,
)

SHAPLEY = (ExactShapley(), KernelShap(budget=24), KernelShap(), PermutationShapley(budget=40), Owen(budget=60))
SAMPLED = (
    KernelShap(budget=24),
    PermutationShapley(budget=40),
    Owen(budget=40),
    Banzhaf(budget=24),
    Lime(budget=24),
    Lime(budget=24, penalty="lasso"),
    Sparse(budget=24),
)
EXACT = (LeaveOneOut(), AddOneIn(), ExactShapley())
ALL = (*EXACT, *SAMPLED)
# LIME promises neither symmetry nor null features: its kernel makes features correlate, most of all in small games.
SIZED = [(method, features) for method in ALL for features in ((7,) if isinstance(method, Lime) else (4, 5, 6, 7, 8))]


@pytest.mark.parametrize("features", [4, 5, 6, 7, 8])
def test_exact_shapley_is_the_mean_over_all_orders(features: int) -> None:
    game = random_game(features, seed=features)
    expected = brute_force_shapley(game)
    np.testing.assert_allclose(subset_shapley(game), expected, atol=1e-12)
    for method in (ExactShapley(), KernelShap(budget=2**features), KernelShap(budget=10**6)):
        estimate = play(method, game)
        np.testing.assert_allclose(estimate.values, expected, atol=1e-10)
        assert not estimate.standard_errors.any()


@pytest.mark.parametrize("features", [1, 2, 3])
@pytest.mark.parametrize("method", [ExactShapley(), KernelShap(), PermutationShapley(), Owen(budget=40)], ids=repr)
def test_tiny_games(method: Method, features: int) -> None:
    game = random_game(features, seed=features)
    tolerance = 0.3 if method.sampled and features > 2 else 1e-12
    np.testing.assert_allclose(play(method, game).values, brute_force_shapley(game), atol=tolerance)


@pytest.mark.parametrize("features", [4, 5, 6, 7, 8])
@pytest.mark.parametrize("method", SHAPLEY, ids=repr)
def test_shapley_estimates_add_up_exactly(method: Method, features: int) -> None:
    game = random_game(features, seed=features)
    assert method.adds_up
    np.testing.assert_allclose(play(method, game).values.sum(axis=1), game.total, atol=1e-10)


@pytest.mark.parametrize(
    "method",
    [KernelShap(budget=1000), PermutationShapley(budget=8000), Owen(budget=8000, groups=(*range(10),))],
    ids=repr,
)
def test_sampled_shapley_approaches_the_truth(method: Method) -> None:
    game = random_game(10, seed=2)
    truth = subset_shapley(game)
    error = np.linalg.norm(play(method, game).values - truth) / np.linalg.norm(truth)
    assert error < 0.03


@pytest.mark.parametrize(("method", "features"), SIZED, ids=repr)
def test_features_that_play_alike_score_alike(method: Method, features: int) -> None:
    """Symmetry, exactly where the method is exact, else within its own standard errors."""
    rng = np.random.default_rng(3)
    other = random_game(features - 2, seed=3).table
    together = rng.normal(size=(3, *other.shape))
    together[0] = other
    both = np.arange(2**features) & 3
    count = (both & 1) + (both >> 1)  # features 0 and 1 count the same
    game = TableGame(features, together[count, np.arange(2**features) >> 2])
    estimate = play(method, game)
    gap = np.abs(estimate.values[:, 0] - estimate.values[:, 1])
    spread = estimate.standard_errors[:, 0] + estimate.standard_errors[:, 1]
    assert np.all(gap <= 1e-9 + 3 * spread)


@pytest.mark.parametrize(("method", "features"), SIZED, ids=repr)
def test_a_feature_that_changes_nothing_scores_nothing(method: Method, features: int) -> None:
    small = random_game(features - 1, seed=4)
    game = TableGame(features, np.vstack([small.table, small.table]))
    estimate = play(method, game)
    shrunk = 1e-9 + 3.5 * estimate.standard_errors[:, -1]
    if isinstance(method, (PermutationShapley, Owen, LeaveOneOut, AddOneIn, ExactShapley)):
        shrunk = np.full_like(shrunk, 1e-9)
    assert np.all(np.abs(estimate.values[:, -1]) <= shrunk)


@pytest.mark.parametrize("features", [4, 6, 8])
@pytest.mark.parametrize("method", [m for m in ALL if not isinstance(m, Sparse) and "lasso" not in repr(m)], ids=repr)
def test_attributions_are_linear_in_the_values(method: Method, features: int) -> None:
    """So the attribution of a span is the sum of its tokens' attributions, for every method but the lasso."""
    one, two = random_game(features, seed=5), random_game(features, seed=6)
    mixed = TableGame(features, 2.0 * one.table - 3.0 * two.table)
    parts = 2.0 * play(method, one).values - 3.0 * play(method, two).values
    np.testing.assert_allclose(play(method, mixed).values, parts, atol=1e-9)


# LIME's lasso is left out: its strength is in the unit of the values, as captum's.
@pytest.mark.parametrize("method", [m for m in ALL if "lasso" not in repr(m)], ids=repr)
def test_scaling_and_shifting_the_values(method: Method) -> None:
    game = random_game(6, seed=7)
    moved = play(method, TableGame(6, 5.0 * game.table + 100.0))
    straight = play(method, game)
    np.testing.assert_allclose(moved.values, 5.0 * straight.values, atol=1e-7)
    np.testing.assert_allclose(moved.standard_errors, 5.0 * straight.standard_errors, atol=1e-7)


@pytest.mark.parametrize("features", [5, 6, 7, 8])
@pytest.mark.parametrize("method", ALL, ids=repr)
def test_equal_seeds_play_equal_coalitions(method: Method, features: int) -> None:
    first, again, other = (np.vstack(list(method.design(features, np.random.default_rng(seed)))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    if method.sampled:
        assert first.shape != other.shape or (first != other).any()


@pytest.mark.parametrize("method", [m for m in ALL if m.sampled], ids=repr)
def test_one_column_that_cannot_be_explained_stays_alone(method: Method) -> None:
    game = random_game(6, seed=8, outputs=4)
    broken = game.table.copy()
    broken[1:, 1] = np.nan
    broken[::3, 2] = -np.inf
    estimate, straight = play(method, TableGame(6, broken)), play(method, game)
    assert np.isnan(estimate.values[1]).all()
    assert np.isnan(estimate.standard_errors[1]).all()
    assert np.isnan(estimate.values[2]).any()
    np.testing.assert_allclose(estimate.values[[0, 3]], straight.values[[0, 3]], atol=1e-9)
    np.testing.assert_allclose(estimate.standard_errors[[0, 3]], straight.standard_errors[[0, 3]], atol=1e-9)


def test_leave_one_out_and_add_one_in_by_definition() -> None:
    game = random_game(5, seed=9)
    single = 1 << np.arange(5)
    np.testing.assert_allclose(play(LeaveOneOut(), game).values, (game.table[-1] - game.table[31 - single]).T)
    np.testing.assert_allclose(play(AddOneIn(), game).values, (game.table[single] - game.table[0]).T)
    assert play(LeaveOneOut(), random_game(1, seed=9)).values.shape == (3, 1)


@pytest.mark.parametrize("features", [1, 2, 4, 5, 8])
def test_banzhaf_is_the_mean_gain(features: int) -> None:
    game = random_game(features, seed=features)
    estimate = play(Banzhaf(), game)
    np.testing.assert_allclose(estimate.values, subset_banzhaf(game), atol=1e-12)
    assert not estimate.standard_errors.any()


def test_owen_values_of_two_groups_by_all_their_orders() -> None:
    """All orders that keep {0, 1, 2} together, one by one, against many sampled ones."""
    game = random_game(5, seed=10)
    gains, orders = np.zeros((5, game.outputs)), 0
    for inner in permutations((0, 1, 2)):
        for outer in permutations((inner, (3,), (4,))):
            index = 0
            for feature in (f for group in outer for f in group):
                gains[feature] += game.table[index | 1 << feature] - game.table[index]
                index |= 1 << feature
            orders += 1
    estimate = play(Owen(groups=((0, 1, 2), 3, 4), budget=4000), game)
    z = (estimate.values - (gains / orders).T) / estimate.standard_errors
    assert np.abs(z).max() < 3.5
    assert np.abs(estimate.values - (gains / orders).T).max() < 0.05
    shapley = subset_shapley(game)
    assert np.abs(estimate.values - shapley).max() > 0.05, "this game must tell Owen values from Shapley values"


def test_fit_at_once_equals_the_stream() -> None:
    game = random_game(6, seed=11)
    for method in ALL:
        coalitions = np.vstack(list(method.design(6, np.random.default_rng(0))))
        np.testing.assert_allclose(
            fit(method, coalitions, game(coalitions)).values, play(method, game).values, atol=1e-9
        )


@pytest.mark.parametrize("penalty", ["ridge", "lasso"])
def test_lime_equals_scikit_learn(penalty: str) -> None:
    from sklearn.linear_model import Lasso, Ridge

    game = random_game(9, seed=12)
    method = Lime(budget=80, penalty=penalty, kernel_width=0.4)
    coalitions = np.vstack(list(method.design(9, np.random.default_rng(0))))
    cosine = coalitions.sum(axis=1) / (np.sqrt(np.maximum(coalitions.sum(axis=1), 1)) * 3)
    # A ridge of 1 on all 2^9 coalitions: on 80 of them it counts by their share.
    model = Ridge(alpha=80 / 512) if penalty == "ridge" else Lasso(alpha=0.01, tol=1e-12, max_iter=100_000)
    model.fit(coalitions.astype(float), game(coalitions), sample_weight=np.exp(-((1 - cosine) ** 2) / (2 * 0.4**2)))
    np.testing.assert_allclose(fit(method, coalitions, game(coalitions)).values, model.coef_, atol=1e-8)


def test_sparse_finds_the_few_that_matter_among_many() -> None:
    rng = np.random.default_rng(13)
    features, causes = 300, {7: 2.0, 120: -1.5, 260: 1.0}
    method = Sparse(budget=100)
    fold = method.fold(features, 1)
    for block in method.design(features, rng):
        fold.add(
            block, sum(block[:, [i]] * weight for i, weight in causes.items()) + 0.2 * rng.normal(size=(len(block), 1))
        )
    estimate = fold.estimate()
    assert estimate is not None
    assert set(np.argsort(-np.abs(estimate.values[0]))[:3]) == set(causes)
    assert np.count_nonzero(estimate.values) < 20
    for i, weight in causes.items():
        assert 0.5 < estimate.values[0, i] / weight <= 1.1


def test_every_coalition_helper_counts_in_binary() -> None:
    assert every_coalition(3).shape == (8, 3)
    np.testing.assert_array_equal(every_coalition(3)[5], [True, False, True])
