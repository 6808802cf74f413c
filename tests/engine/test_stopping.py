"""Ending early: only when the top features are told from the rest, and then hardly ever wrongly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from llm_attr_widget import Separated, attribute, run
from llm_attr_widget.engine.stopping import width
from llm_attr_widget.errors import MethodError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.methods import Banzhaf, ExactShapley, KernelShap, PermutationShapley
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Method
from tests.methods.games import TableGame, random_game, subset_banzhaf, subset_shapley
from tests.support import BitsInput, FunctionModel

TARGET = Target((0,), ("a",))


def clear_model(features: int = 10, noise: float = 0.05) -> FunctionModel:
    """Three features matter much, the others hardly."""
    weights = np.r_[3.0, -2.0, 1.5, np.full(features - 3, 0.01)]
    extra = np.random.default_rng(0).normal(size=2**features) * noise
    return FunctionModel(lambda ids, _: [weights[list(ids)].sum() + extra[sum(1 << i for i in ids)] - 20])


def attributed(model: FunctionModel, **options: object) -> Attribution:
    return attribute(model, None, BitsInput(10), TARGET, progress=False, **options)  # type: ignore[arg-type]


def test_a_clear_case_ends_early_and_says_so() -> None:
    result = attributed(clear_model(), budget=600, stop_when=Separated())
    assert 40 <= result.provenance.calls < 200
    assert result.provenance.early
    assert result.phase == "finished"
    assert {text for text, _, _ in result.top(3)} == {" f0", " f1", " f2"}
    assert f"{result.provenance.calls} of 600 calls, top 3 features separated at 95% confidence" in repr(result)


def test_an_unclear_case_spends_the_budget_and_says_so() -> None:
    result = attributed(clear_model(), budget=100, stop_when=Separated(top=6))
    assert result.provenance.calls == 100
    assert not result.provenance.early
    assert "100 of 100 calls, not top 6 features separated" in repr(result)


def test_where_it_ends_depends_on_the_seed_alone() -> None:
    ends = [
        list(
            run(clear_model(), None, BitsInput(10), TARGET, budget=600, stop_when=Separated(), seconds_per_update=pace)
        )[-1].calls
        for pace in (0, 0.01, 60)
    ]
    assert len(set(ends)) == 1
    other = attributed(clear_model(noise=0.6), budget=600, stop_when=Separated(), seed=1)
    assert other.provenance.calls != ends[0]


def test_what_can_never_be_met_is_refused_before_anything_is_played() -> None:
    model = clear_model()
    for options, said in (
        ({"stop_when": Separated(top=10)}, "top 10 of 10"),
        ({"method": "leave_one_out", "stop_when": Separated()}, "leave_one_out.* does not get better"),
        ({"method": ExactShapley(), "stop_when": Separated()}, "exact_shapley"),
    ):
        with pytest.raises(MethodError, match=said):
            attributed(model, **options)
    assert not model.asked
    for options in ({"top": 0}, {"confidence": 1.0}, {"confidence": 0.0}):
        with pytest.raises(MethodError, match="Expected"):
            Separated(**options)


def test_the_band_holds_at_all_times_at_once() -> None:
    """For the mean of normal samples, looked at after each of 2000 of them, whose error is known."""
    rng = np.random.default_rng(0)
    time = np.arange(1, 2001)
    paths = np.cumsum(rng.normal(size=(1000, 2000)), axis=1) / np.sqrt(time)
    band = np.array([width(t, 0.05) for t in time])
    assert 0.005 < np.mean((np.abs(paths) > band).any(axis=1)) <= 0.05
    assert np.mean((np.abs(paths) > 1.96).any(axis=1)) > 0.4, "without it, looking often enough finds what is not there"


def test_bands_that_touch_are_not_separated() -> None:
    rule = Separated(top=1)
    values, close = np.array([2.0, -1.0, 0.1]), np.array([0.6, 0.6, 0.6])
    assert rule.met(values, np.full(3, 0.05), 60)
    assert not rule.met(values, close, 60)
    assert not rule.met(np.array([2.0, -1.99, 0.1]), np.full(3, 0.05), 60)
    assert not rule.met(np.array([np.nan, 1.0, 0.1]), np.full(3, 0.05), 60)
    assert not rule.met(values, np.array([0.05, np.nan, 0.05]), 60)
    assert list(islice(Separated().looks(5), 4)) == [20, 22, 25, 28]


def top_of(values: np.ndarray, top: int) -> set[int]:
    return set(np.argsort(-np.abs(values), kind="stable")[:top].tolist())


def ended_at(method: Method, game: TableGame, seed: int, rule: Separated) -> np.ndarray | None:
    """The estimate with which the rule ends, or None when it is never met."""
    n = game.features
    coalitions = np.vstack(list(method.design(n, np.random.default_rng(seed))))
    values = game(coalitions)
    fold, before = method.fold(n, game.outputs), 0
    for calls in rule.looks(n):
        if calls > len(coalitions):
            return None
        fold.add(coalitions[before:calls], values[before:calls])
        before = calls
        estimate = fold.estimate()
        if estimate is not None and rule.met(estimate.values[-1], estimate.standard_errors[-1], calls):
            return estimate.values[-1]
    raise AssertionError


def near_tie(features: int, seed: int, top: int, gap: float) -> TableGame:
    """A random full-order game in which the top features lead the next by a hair, so that a wrong end is likely."""
    game = random_game(features, seed=seed, outputs=1)
    shapley = subset_shapley(game)[0]
    order = np.argsort(-np.abs(shapley), kind="stable")
    last, following = order[top - 1], order[top]
    wanted = np.sign(shapley[following]) * (np.abs(shapley[last]) - gap)
    present = (np.arange(2**features) >> int(following)) & 1
    return TableGame(features, game.table + (present * (wanted - shapley[following]))[:, None])


def wrong_ends(make: type, truth: Callable[[TableGame], np.ndarray]) -> int:
    """Of 200 games of two nearly tied features, each looked at up to fifteen times, at 95% confidence."""
    wrong = 0
    for seed in range(200):
        game = near_tie(8, seed, top=2, gap=0.005)
        found = ended_at(make(budget=128), game, seed, Separated(top=2, confidence=0.95))
        wrong += found is not None and top_of(found, 2) != top_of(truth(game)[0], 2)
    return wrong


@pytest.mark.parametrize(
    ("make", "truth"),
    [(KernelShap, subset_shapley), (PermutationShapley, subset_shapley), (Banzhaf, subset_banzhaf)],
)
def test_it_ends_wrongly_less_often_than_it_says(make: type, truth: Callable[[TableGame], np.ndarray]) -> None:
    assert wrong_ends(make, truth) <= 0.05 * 200


def test_these_games_would_show_a_band_that_is_too_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_attr_widget.engine.stopping.width", lambda time, alpha: 0.9)
    assert wrong_ends(KernelShap, subset_shapley) > 0.1 * 200


def test_it_ends_rightly_and_soon_where_features_differ() -> None:
    rule, right, ended = Separated(top=2, confidence=0.95), 0, 0
    for seed in range(100):
        game = random_game(8, seed=seed, outputs=1)
        found = ended_at(KernelShap(budget=220), game, seed, rule)
        if found is not None:
            ended += 1
            right += top_of(found, 2) == top_of(subset_shapley(game)[0], 2)
    assert ended >= 40
    assert right >= 0.95 * ended
