"""Events come while no fit is made, and a stop waits for none that takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from llm_attr_widget.engine import fits, play
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.engine.update import Update
from llm_attr_widget.errors import MethodError
from llm_attr_widget.game.fitting import Trials
from llm_attr_widget.game.game import Asked, Evaluator
from llm_attr_widget.methods import PermutationShapley
from llm_attr_widget.types import Estimate, Method
from tests.support import table_game


def assert_fitted(event: Update) -> None:
    """Its numbers are the fit of all that was played."""
    found = event.attribution
    again = found.refit(cast("Method", found.method))
    np.testing.assert_allclose(again.values, found.values, atol=1e-9)


class Held:
    """Fits that wait for a word, once there is an estimate. under_way: one of them waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.under_way, self.word, self._last, real = threading.Event(), threading.Event(), None, Trials.estimate

        def estimate(trials: Trials) -> Estimate | None:
            if self._last is not None:
                self.under_way.set()
                assert self.word.wait(60)
            self._last = real(trials)
            return self._last

        monkeypatch.setattr(Trials, "estimate", estimate)
        monkeypatch.setattr(fits, "WAITED", 0.01)


class Slow:
    """A clock that goes on by what fits (10 s) and coalitions (1 ms) take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.fits, real, scored = 0.0, 0, Trials.estimate, Evaluator.score

        def estimate(trials: Trials) -> Estimate | None:
            self.now += 10.0
            self.fits += 1
            return real(trials)

        def score(evaluator: Evaluator, blocks: Sequence[Asked], cancelled: Callable[[], bool]) -> None:
            self.now += 0.001 * sum(len(asked.keys) for asked in blocks)
            scored(evaluator, blocks, cancelled)

        monkeypatch.setattr(Trials, "estimate", estimate)
        monkeypatch.setattr(Evaluator, "score", score)

    def __call__(self) -> float:
        return self.now


def test_progress_comes_between_fits_and_a_stop_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(monkeypatch)
    game, _ = table_game(8, 3)
    ready = Plan(game, PermutationShapley(budget=20_000), 1, 0, "table", "word")
    seen: list[int] = []
    made: list[int] = []
    last = before = None
    for event in play.play(ready, cancelled=lambda: len(seen) > 20, seconds_per_update=0.1, clock=clock):
        before, last = last, event
        seen.append(event.calls)
        made.append(clock.fits)
    assert last is not None
    assert before is not None
    assert last.phase == "stopped"
    assert made[-1] == made[-2] <= 3
    assert len(set(seen)) > 15
    assert seen == sorted(seen)
    np.testing.assert_array_equal(last.attribution.values, before.attribution.values)
    assert np.isfinite(last.attribution.values).all()
    assert len(last.attribution.ledger) == last.calls


def test_a_stop_that_waits_for_a_quick_fit_has_all_that_was_played() -> None:
    game, _ = table_game(8, 3)
    ready = Plan(game, PermutationShapley(budget=20_000), 1, 0, "table", "word")
    seen: list[int] = []
    last = None
    for last in play.play(ready, cancelled=lambda: len(seen) > 5, seconds_per_update=0.0):
        seen.append(last.calls)
    assert last is not None
    assert last.phase == "stopped"
    assert_fitted(last)


def plan_of(budget: int, **options: Any) -> Plan:
    game, _ = table_game(8, 3)
    return Plan(game, PermutationShapley(budget=budget), 1, 0, "table", "word", **options)


def test_play_goes_on_beside_a_fit_and_a_stop_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    seen: list[Update] = []
    beside: list[int] = []
    for event in play.play(plan_of(20_000), cancelled=lambda: len(beside) > 20, seconds_per_update=0.0):
        seen.append(event)
        if held.under_way.is_set():
            beside.append(event.calls)
    assert not held.word.is_set()  # nobody waited for it
    assert seen[-1].phase == "stopped"
    assert len(set(beside)) > 15
    np.testing.assert_array_equal(seen[-1].attribution.values, seen[-2].attribution.values)
    assert np.isfinite(seen[-1].attribution.values).all()
    assert len(seen[-1].attribution.ledger) == seen[-1].calls
    held.word.set()


def test_a_run_ends_with_the_fit_of_all_that_was_played_however_long_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, seen = Held(monkeypatch), list[Update]()

    def cancelled() -> bool:
        if seen and seen[-1].calls == seen[-1].planned:  # asked while the run waits for its last fit
            held.word.set()
        return False

    for event in play.play(plan_of(600), cancelled=cancelled, seconds_per_update=0.0):
        seen.append(event)
    assert seen[-1].phase == "finished"
    assert_fitted(seen[-1])


def test_a_stop_ends_the_wait_for_the_last_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    held, seen = Held(monkeypatch), list[Update]()
    played = plan_of(600)
    for event in play.play(
        played, cancelled=lambda: bool(seen) and seen[-1].calls == played.planned, seconds_per_update=0.0
    ):
        seen.append(event)
    assert not held.word.is_set()
    assert seen[-1].phase == "stopped"
    assert len(seen[-1].attribution.ledger) == played.planned
    assert np.isfinite(seen[-1].attribution.values).all()
    held.word.set()


def test_a_rule_to_end_early_is_tested_on_the_fit_of_its_own_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Separated(top=1, confidence=0.5)
    *_, quick = play.play(plan_of(20_000, stop_when=rule), seconds_per_update=0.0)
    real = Trials.estimate
    monkeypatch.setattr(fits, "WAITED", 0.0)  # every other fit is too slow for its event
    *_, slow = play.play(plan_of(20_000, stop_when=rule), seconds_per_update=0.0)
    assert Trials.estimate is real
    assert quick.calls == slow.calls < 20_000
    np.testing.assert_allclose(quick.attribution.values, slow.attribution.values, atol=1e-9)


def test_what_a_fit_raises_is_raised_by_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Trials) -> Estimate | None:
        raise MethodError("no fit")

    monkeypatch.setattr(Trials, "estimate", broken)
    with pytest.raises(MethodError, match="no fit"):
        list(play.play(plan_of(600)))
