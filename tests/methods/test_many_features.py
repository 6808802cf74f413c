"""One feature, two, a thousand, a hundred thousand: every method works, or says what to do instead."""

from __future__ import annotations

import tracemalloc
from itertools import islice

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.engine.plan import plan
from llm_attr_widget.errors import MethodError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.methods import COALITION_METHODS, KernelShap, Owen, Sparse, make_method
from llm_attr_widget.methods.base import influence
from llm_attr_widget.methods.choice import shapley_method
from llm_attr_widget.methods.fits.pairs import MANY, pairs_in_class, pairs_in_classes
from llm_attr_widget.types import GradientMethod
from tests.support import BitsInput, FunctionModel

NAMES = [entry.name for entry in COALITION_METHODS]
TARGET = Target((0,), ("a",))
WORK = 60_000_000
"""Bytes that a method may take beside what was played, for each feature count here: far below features squared."""


def counting() -> FunctionModel:
    """Feature 0 is worth a nat, feature 1 half of one."""
    return FunctionModel(lambda ids, _: [-4.0 + (0 in ids) + 0.5 * (1 in ids)])


def refused(name: str, features: int) -> bool:
    least_squares = name in ("shapley", "kernel_shap", "lime", "banzhaf")
    return (name == "exact_shapley" and features > 16) or (least_squares and features > 2048)


@pytest.mark.parametrize("features", [1, 2, 1000, 1100, 10_000, 100_000])
@pytest.mark.parametrize("name", NAMES)
def test_the_first_coalitions_come_at_once_or_a_plain_refusal(name: str, features: int) -> None:
    method = make_method(name)
    assert not isinstance(method, GradientMethod)
    tracemalloc.start()
    try:
        if refused(name, features):
            with pytest.raises(MethodError, match="coarser granularity"):
                next(method.design(features, np.random.default_rng(0)))
            return
        calls = method.calls(features)
        blocks = list(islice(method.design(features, np.random.default_rng(0)), 3))
        fold = method.fold(features, 1)
        for block in blocks:
            fold.add(block, block[:, :1].astype(float))
        assert tracemalloc.get_traced_memory()[1] < WORK
        assert calls >= sum(map(len, blocks)) >= 2
        assert blocks[0].shape[1] == features
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("features", "budget"), [(600, None), (600, 2210), (3000, None)])
def test_the_default_takes_what_fits_and_says_so(features: int, budget: int | None) -> None:
    ready = plan(counting(), None, BitsInput(features), TARGET, budget=budget)
    assert ready.planned <= (budget or 512)
    method = ready.method
    assert isinstance(method, Sparse)
    result = attribute(counting(), None, BitsInput(features), TARGET, budget=budget, progress=False)
    assert np.argsort(-result.sequence)[:2].tolist() == [0, 1]
    assert result.provenance.planned == ready.planned
    assert f"{features:,} features would take {16 * features:,} calls" in result.doubts[0]
    assert "sparse weights from" in repr(result)
    assert not result.refit(Sparse(strength=0.1)).provenance.instead


def test_the_default_is_kernel_shap_while_that_fits_and_owen_where_it_is_paid_for() -> None:
    assert shapley_method(512, None) == (KernelShap(), "")
    assert shapley_method(40, 200) == (KernelShap(budget=200), "")
    method, why = shapley_method(2000, 16_000)
    assert method == Owen(budget=16_000)
    assert "Owen values from 15,994" in why
    assert isinstance(shapley_method(2000, 15_999)[0], Sparse)


def test_a_plan_whose_ledger_does_not_fit_is_refused() -> None:
    for name in ("leave_one_out", "owen"):
        with pytest.raises(MethodError, match=r"GB of memory.*sparse"):
            plan(counting(), None, BitsInput(100_000), TARGET, method=name)


def test_kernel_shap_works_past_a_thousand_features() -> None:
    result = attribute(counting(), None, BitsInput(1100), TARGET, method=KernelShap(budget=2210), progress=False)
    np.testing.assert_allclose(result.sequence.sum(), 1.5, atol=1e-4)
    np.testing.assert_allclose(result.sequence[:3], [1.0, 0.5, 0.0], atol=1e-3)


def test_class_sizes_are_exact_up_to_many() -> None:
    for features in (1, 2, 9, 10, 70, 1100):
        classes = features // 2 + 1
        exact = [min(pairs_in_class(features, size), MANY) for size in range(classes)]
        assert pairs_in_classes(features, classes) == exact


@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_influence_is_the_same_by_either_gram_matrix(strength: float) -> None:
    rng = np.random.default_rng(0)
    wide, weights = rng.normal(size=(5, 9)), rng.uniform(0.5, 2, 5)
    gram = (wide * weights[:, None]).T @ wide + strength * np.eye(9)
    expected = (weights[:, None] * wide) @ np.linalg.pinv(gram, rcond=1e-10)
    np.testing.assert_allclose(influence(wide, weights, strength), expected, atol=1e-9)
    tall = wide.T
    gram = (tall * np.arange(1, 10)[:, None]).T @ tall + strength * np.eye(5)
    expected = (np.arange(1, 10)[:, None] * tall) @ np.linalg.inv(gram)
    np.testing.assert_allclose(influence(tall, np.arange(1.0, 10), strength), expected, atol=1e-9)
