"""Events come while no fit is made, and a stop waits for none that takes long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from llm_attr_widget.engine import play
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.game.fitting import Trials
from llm_attr_widget.game.game import Asked, Evaluator
from llm_attr_widget.methods import PermutationShapley
from llm_attr_widget.types import Estimate
from tests.support import table_game


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
    fits: list[int] = []
    last = before = None
    for event in play.play(ready, cancelled=lambda: len(seen) > 20, seconds_per_update=0.1, clock=clock):
        before, last = last, event
        seen.append(event.calls)
        fits.append(clock.fits)
    assert last is not None
    assert before is not None
    assert last.phase == "stopped"
    assert fits[-1] == fits[-2] <= 3
    assert len(set(seen)) > 15
    assert seen == sorted(seen)
    np.testing.assert_array_equal(last.attribution.values, before.attribution.values)
    assert np.isfinite(last.attribution.values).all()
    assert len(last.attribution.ledger) == last.calls


def test_a_stop_that_waits_for_a_quick_fit_has_all_that_was_played() -> None:
    game, _ = table_game(8, 3)
    ready = Plan(game, PermutationShapley(budget=20_000), 1, 0, "table", "word")
    seen: list[int] = []
    for event in play.play(ready, cancelled=lambda: len(seen) > 5, seconds_per_update=0.0):
        seen.append(event.calls)
        last = event
    assert last.phase == "stopped"
    again = last.attribution.refit(last.attribution.method)
    np.testing.assert_allclose(again.values, last.attribution.values, atol=1e-9)
