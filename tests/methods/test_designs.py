"""What is played: budgets kept, blocks small, pairs complementary, samples fair."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import comb

import numpy as np
import pytest

from llm_attr_widget.errors import MethodError
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
)
from llm_attr_widget.methods.fits.pairs import draw_pairs, pairs_in_class
from llm_attr_widget.methods.permutation import chain, stratified_orders
from llm_attr_widget.types import Method

METHODS: tuple[Method, ...] = (
    LeaveOneOut(),
    AddOneIn(),
    ExactShapley(),
    *(make(budget=budget) for budget in (33, 100, None) for make in (KernelShap, PermutationShapley, Banzhaf, Owen)),
    *(Lime(budget=budget) for budget in (33, 100, None)),
    *(Sparse(budget=budget) for budget in (33, 100, None)),
)


@pytest.mark.parametrize("features", [1, 2, 3, 8, 13])
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_design_plays_what_it_said_and_begins_with_all_and_none(method: Method, features: int) -> None:
    blocks = list(method.design(features, np.random.default_rng(0)))
    played = np.vstack(blocks)
    assert played.dtype == bool
    assert len(played) == method.calls(features)
    budget = getattr(method, "budget", None)
    assert budget is None or len(played) <= budget
    np.testing.assert_array_equal(blocks[0][:2], [[True] * features, [False] * features])
    if not isinstance(method, (PermutationShapley, Owen)):
        assert len({row.tobytes() for row in played}) == len(played), "a coalition was played twice"
        assert max(map(len, blocks)) <= 8


@pytest.mark.parametrize("method", [KernelShap(budget=500), Banzhaf(budget=500)], ids=repr)
def test_pairs_are_complementary_and_block_by_block(method: Method) -> None:
    for block in method.design(40, np.random.default_rng(0)):
        assert len(block) == 2
        np.testing.assert_array_equal(block[0], ~block[1])


def test_large_games_are_never_listed() -> None:
    for method in (KernelShap(budget=3000), Banzhaf(budget=3000), Lime(budget=2000), PermutationShapley(budget=3000)):
        assert sum(map(len, method.design(500, np.random.default_rng(0)))) == method.calls(500)


@pytest.mark.parametrize("features", [5, 6, 14])
def test_every_pair_comes_exactly_once(features: int) -> None:
    pairs = list(draw_pairs(features, [0.0] + [1.0] * (features // 2), np.random.default_rng(0)))
    assert len(pairs) == 2 ** (features - 1) - 1
    assert len({row.tobytes() for pair in pairs for row in pair}) == 2**features - 2


def test_class_counts_follow_the_shares_at_every_prefix() -> None:
    shares = np.array([0.0, 1.0, 2.0, 1.0])
    counts = np.zeros(4)
    for number, pair in enumerate(draw_pairs(30, list(shares), np.random.default_rng(0)), start=1):
        size = int(pair[0].sum())
        counts[min(size, 30 - size)] += 1
        if counts[1] < 30:  # until a class is used up
            assert np.abs(counts - number * shares / shares.sum()).max() <= 1.0
        if number == 100:
            break


@pytest.mark.parametrize(("features", "size"), [(6, 2), (6, 3), (16, 5), (16, 8)])
def test_within_a_class_every_feature_is_as_likely(features: int, size: int) -> None:
    """The first pair of a class, over many seeds: listed classes and drawn ones, and the middle class."""
    shares = [0.0] * size + [1.0]
    counts, seeds = np.zeros(features), 2000
    for seed in range(seeds):
        pair = next(draw_pairs(features, shares, np.random.default_rng(seed)))
        half = pair[0] if size * 2 != features or seed % 2 else pair[1]
        assert half.sum() == size
        counts += half
    expected = seeds * size / features
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_pairs_in_class_adds_up() -> None:
    for features in range(1, 12):
        assert sum(pairs_in_class(features, size) for size in range(features // 2 + 1)) == 2 ** (features - 1)
    assert pairs_in_class(10, 5) == comb(10, 5) // 2


@pytest.mark.parametrize("features", [2, 5, 6, 9, 12])
def test_a_round_of_orders_and_reverses_puts_every_feature_everywhere_equally_often(features: int) -> None:
    orders = stratified_orders(features, np.random.default_rng(0))
    length = features // 2 if features % 2 == 0 else features
    for _ in range(3):
        places = np.zeros((features, features), dtype=int)
        for _ in range(length):
            order = next(orders)
            assert sorted(order) == list(range(features))
            places[order, np.arange(features)] += 1
            places[order[::-1], np.arange(features)] += 1
        assert (places == 2 * length / features).all()


def test_first_orders_are_uniform() -> None:
    """Each single order of a round must be uniform over all orders: that is what makes the mean unbiased."""
    for position in range(2):
        counts: Counter[tuple[int, ...]] = Counter()
        for seed in range(4800):
            orders = stratified_orders(4, np.random.default_rng(seed))
            drawn = [next(orders) for _ in range(2)]
            counts[tuple(map(int, drawn[position]))] += 1
        assert len(counts) == 24
        chi_square = sum((count - 200) ** 2 / 200 for count in counts.values())
        assert chi_square < 52  # 99.95% quantile, 23 degrees of freedom


def test_chain_adds_features_in_order() -> None:
    np.testing.assert_array_equal(chain(np.array([2, 0, 1])), [[False, False, True], [True, False, True]])


def test_owen_orders_keep_groups_together() -> None:
    method = Owen(groups=((0, 3), (1, (2, 5)), 4), budget=200)
    for block in list(method.design(6, np.random.default_rng(0)))[1:]:
        steps = np.vstack([np.zeros(6, dtype=bool), block, np.ones(6, dtype=bool)])
        order = [int(np.flatnonzero(after & ~before)[0]) for before, after in pairwise(steps)]
        for group in ({0, 3}, {1, 2, 5}, {2, 5}):
            places = sorted(order.index(feature) for feature in group)
            assert places[-1] - places[0] == len(group) - 1


@pytest.mark.parametrize("groups", [((0, 1), (1, 2)), ((0, 1),), ((0, 1, 2, 3),)])
def test_owen_refuses_groups_that_are_no_partition(groups: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(MethodError, match="0 to 2 once"):
        Owen(groups=groups).calls(3)


@pytest.mark.parametrize("make", [KernelShap, PermutationShapley, Banzhaf, Owen, Lime, Sparse])
def test_a_budget_that_gives_no_estimate_is_refused(make: type) -> None:
    with pytest.raises(MethodError, match="budget of 3"):
        make(budget=3).calls(10)
    with pytest.raises(MethodError, match="0 features"):
        make().calls(0)


def test_exact_shapley_refuses_large_games() -> None:
    with pytest.raises(MethodError, match="2\\^17"):
        ExactShapley().calls(17)
    assert ExactShapley(max_features=17).calls(17) == 2**17


@pytest.mark.parametrize(
    "options", [{"kernel_width": 0.0}, {"strength": -1.0}, {"distance": "manhattan"}, {"penalty": "elastic"}]
)
def test_lime_refuses_options_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(MethodError, match="Expected"):
        Lime(**options)  # type: ignore[arg-type]  # wrong on purpose
