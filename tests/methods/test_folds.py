"""Fits that grow: any split of what was played gives the same estimate, and so do other methods' coalitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    fit,
    make_method,
)
from llm_attr_widget.methods.registry import COALITION_METHODS
from llm_attr_widget.types import Estimate, Method
from tests.methods.games import every_coalition, random_game, subset_banzhaf, subset_shapley

METHODS: tuple[Method, ...] = (
    LeaveOneOut(),
    AddOneIn(),
    ExactShapley(),
    KernelShap(budget=40),
    PermutationShapley(budget=60),
    Banzhaf(budget=40),
    Owen(budget=60),
    Lime(budget=40),
    Lime(budget=40, penalty="lasso"),
    Sparse(budget=40),
)


def same(one: Estimate | None, other: Estimate | None) -> None:
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        np.testing.assert_allclose(one.values, other.values, atol=1e-9)
        np.testing.assert_allclose(one.standard_errors, other.standard_errors, atol=1e-8)


@pytest.mark.parametrize("method", METHODS, ids=repr)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_split_and_any_look_gives_the_same_estimate(method: Method, data: st.DataObject) -> None:
    game = random_game(6, seed=0)
    coalitions = np.vstack(list(method.design(6, np.random.default_rng(0))))
    values = game(coalitions)
    end = data.draw(st.integers(1, len(coalitions)))
    cuts = sorted(data.draw(st.sets(st.integers(0, end), max_size=8)))
    whole, parts = method.fold(6, 3), method.fold(6, 3)
    whole.add(coalitions[:end], values[:end])
    for start, stop in zip([0, *cuts], [*cuts, end], strict=True):
        parts.add(coalitions[start:stop], values[start:stop])
        if data.draw(st.booleans()):
            parts.estimate()
    same(whole.estimate(), parts.estimate())


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_an_estimate_comes_early_and_has_the_right_shape(method: Method) -> None:
    game = random_game(8, seed=1)
    fold = method.fold(8, game.outputs)
    assert fold.estimate() is None
    first = None
    for number, block in enumerate(method.design(8, np.random.default_rng(0))):
        fold.add(block, game(block))
        estimate = fold.estimate()
        if estimate is not None:
            first = number if first is None else first
            assert estimate.values.shape == estimate.standard_errors.shape == (3, 8)
            assert not (np.isnan(estimate.values) & ~np.isnan(estimate.standard_errors)).any()
            assert not (estimate.standard_errors < 0).any()
    assert first is not None
    assert first <= 1


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_estimates_are_not_changed_by_what_comes_after(method: Method) -> None:
    game = random_game(6, seed=2)
    blocks = list(method.design(6, np.random.default_rng(0)))
    fold = method.fold(6, 3)
    for block in blocks[:-1]:
        fold.add(block, game(block))
    early = fold.estimate()
    assert early is not None
    kept = early.values.copy(), early.standard_errors.copy()
    fold.add(blocks[-1], game(blocks[-1]))
    fold.estimate()
    np.testing.assert_array_equal(early.values, kept[0])
    np.testing.assert_array_equal(early.standard_errors, kept[1])


def test_kernel_shap_fits_lone_halves_of_pairs() -> None:
    """Coalitions without their complements (LIME's): all of one half determine the values, less noise."""
    game = random_game(8, seed=3)
    drawn = np.vstack(list(Lime(budget=150).design(8, np.random.default_rng(0))))
    truth = subset_shapley(game)
    estimate = fit(KernelShap(), drawn, game(drawn))
    assert np.linalg.norm(estimate.values - truth) < 0.25 * np.linalg.norm(truth)
    np.testing.assert_allclose(estimate.values.sum(axis=1), game.total, atol=1e-10)


def test_a_lone_half_counts_as_a_row_of_the_constrained_regression() -> None:
    """Against the regression written out row by row, with an intercept fixed at v(none)."""
    game = random_game(6, seed=4, outputs=1)
    rng = np.random.default_rng(4)
    inner = every_coalition(6)[1:-1][rng.permutation(62)[:37]]
    sizes = inner.sum(axis=1)
    kernel = np.array([5 / (size * (6 - size)) for size in sizes])
    classes = np.minimum(sizes, 6 - sizes)
    # Sizes k and n - k share a class: its weight is spread over the rows that were played of both.
    weight = kernel * np.where(classes == 3, 1, 2) / np.bincount(classes)[classes]
    rows = inner[:, :-1].astype(float) - inner[:, -1:]
    right = game(inner)[:, 0] - game.table[0, 0] - inner[:, -1] * game.total[0]
    root = np.sqrt(weight)
    expected, *_ = np.linalg.lstsq(rows * root[:, None], right * root, rcond=None)
    ends = every_coalition(6)[[63, 0]]
    played = np.vstack([ends, inner])
    np.testing.assert_allclose(fit(KernelShap(), played, game(played)).values[0, :-1], expected, atol=1e-10)


def test_other_methods_coalitions() -> None:
    game = random_game(6, seed=5)
    everything = every_coalition(6)[np.random.default_rng(5).permutation(64)]
    values = game(everything)
    for method in (ExactShapley(), KernelShap()):
        np.testing.assert_allclose(fit(method, everything, values).values, subset_shapley(game), atol=1e-10)
    np.testing.assert_allclose(fit(Banzhaf(), everything, values).values, subset_banzhaf(game), atol=1e-12)
    single = 1 << np.arange(6)
    np.testing.assert_allclose(
        fit(LeaveOneOut(), everything, values).values, (game.table[63] - game.table[63 - single]).T
    )
    ends = every_coalition(6)[[0, 63]]
    with pytest.raises(MethodError, match="permutation_shapley"):
        fit(PermutationShapley(), ends, game(ends))
    lone = every_coalition(6)[:31]
    with pytest.raises(MethodError, match="banzhaf"):
        fit(Banzhaf(), lone, game(lone))
    with pytest.raises(MethodError, match="leave_one_out"):
        fit(LeaveOneOut(), everything[values[:, 0] < -1e9], values[:0])


def test_permutation_shapley_recognises_chains_among_other_rows() -> None:
    game = random_game(5, seed=6)
    method = PermutationShapley(budget=50)
    clean = np.vstack(list(method.design(5, np.random.default_rng(0))))
    stray = np.array([[True, False, True, False, True]])
    noisy = np.vstack([stray, clean[2:6], stray, stray, clean[6:10], clean[:2], clean[10:], clean[2:4]])
    same(fit(method, clean, game(clean)), fit(method, noisy, game(noisy)))


def test_repeated_coalitions_are_averaged() -> None:
    """Sampled baselines: the same coalition played again may have another value."""
    game = random_game(5, seed=7)
    for method in (LeaveOneOut(), ExactShapley(), Banzhaf()):
        coalitions = np.vstack(list(method.design(5, np.random.default_rng(0))))
        noise = np.random.default_rng(1).normal(size=(len(coalitions), 3))
        values = np.vstack([game(coalitions) + noise, game(coalitions) - noise])
        twice = fit(method, np.vstack([coalitions, coalitions]), values)
        np.testing.assert_allclose(twice.values, fit(method, coalitions, game(coalitions)).values, atol=1e-10)


def test_stopped_exact_shapley_says_that_it_is_an_estimate() -> None:
    game = random_game(7, seed=8)
    coalitions = np.vstack(list(ExactShapley().design(7, np.random.default_rng(0))))[:60]
    estimate = fit(ExactShapley(), coalitions, game(coalitions))
    assert (estimate.standard_errors > 0).all()


def test_the_table_of_methods() -> None:
    names = [entry.name for entry in COALITION_METHODS]
    assert len(set(names)) == len(names)
    assert {method.name for method in METHODS} | {"shapley"} <= set(names)
    for entry in COALITION_METHODS:
        assert entry.about.endswith(".")
        method = make_method(entry.name, budget=64) if entry.takes_budget else make_method(entry.name)
        assert method.name == (entry.name if entry.name != "shapley" else "kernel_shap")
        assert method.calls(5) <= 64
    with pytest.raises(MethodError, match="sharply"):
        make_method("sharply")
    with pytest.raises(MethodError, match="budget=10"):
        make_method("leave_one_out", budget=10)
