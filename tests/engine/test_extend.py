"""Going on from a result: what was played is not played again, and the end is that of one long run."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from llm_attr_widget.engine.extend import can_go_further, further
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.errors import CapabilityError, MethodError
from llm_attr_widget.game.game import Game
from llm_attr_widget.methods import KernelShap, LayerIntegratedGradients, LeaveOneOut, Lime, PermutationShapley
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Method
from tests.support import table_game


def played(plan: Plan, stop_after: int | None = None) -> Attribution:
    """The end of a run, stopped once so many calls were made."""
    calls = itertools.count()
    *_, last = play(plan, cancelled=lambda: stop_after is not None and next(calls) * 8 >= stop_after)
    return last.attribution


def plan_of(game: Game, method: Method, trials: int = 1) -> Plan:
    return Plan(game, method, trials, 3, "table", "word")


@pytest.mark.parametrize("method", [KernelShap(budget=40), PermutationShapley(budget=62), Lime(budget=40)])
def test_a_quarter_more_is_as_if_it_had_been_asked_for_at_once(method: Method) -> None:
    game, model = table_game(9, 3)
    first = played(plan_of(game, method))
    longer = further(first)
    assert longer.planned >= 1.25 * first.provenance.calls
    second = played(longer)
    assert second.provenance.calls == longer.planned
    keys = [prompt.key for prompt in model.asked]
    assert len(keys) == len(set(keys))
    assert second.provenance.scored == len(model.asked)
    at_once = played(plan_of(game, longer.method))
    np.testing.assert_allclose(second.values, at_once.values, atol=1e-9)
    np.testing.assert_allclose(second.standard_errors, at_once.standard_errors, atol=1e-9)
    assert second.provenance.seconds > first.provenance.seconds


def test_a_stopped_run_is_played_to_its_end() -> None:
    game, model = table_game(9, 3)
    stopped = played(plan_of(game, KernelShap(budget=120)), stop_after=40)
    assert stopped.phase == "stopped"
    whole = played(further(stopped))
    assert whole.phase == "finished"
    assert whole.provenance.calls == 120
    keys = [prompt.key for prompt in model.asked]
    assert len(keys) - len(set(keys)) <= 8  # the batch in which it was stopped may be asked for again
    np.testing.assert_allclose(whole.values, played(plan_of(game, KernelShap(budget=120))).values, atol=1e-9)


def test_sampled_baselines_get_more_trials_and_keep_those_there_are() -> None:
    game, model = table_game(5, 2, random=True)
    first = played(plan_of(game, KernelShap(budget=20), trials=4))
    before = len(model.asked)
    longer = further(first)
    assert longer.trials == 5
    second = played(longer)
    assert len(model.asked) - before <= 20
    np.testing.assert_array_equal(second.ledger.log_probs[: len(first.ledger)], first.ledger.log_probs)


@pytest.mark.parametrize(
    ("method", "says"), [(KernelShap(budget=64), "numbers are exact"), (LeaveOneOut(), "numbers are exact")]
)
def test_where_more_calls_change_nothing_it_says_so(method: Method, says: str) -> None:
    game, _ = table_game(6, 2)
    result = played(plan_of(game, method))
    assert not can_go_further(result)
    with pytest.raises(MethodError, match=says):
        further(result)


def test_gradients_and_loaded_results_cannot_go_further() -> None:
    game, _ = table_game(9, 2)
    result = played(plan_of(game, KernelShap(budget=40)))
    assert can_go_further(result)
    with pytest.raises(CapabilityError, match="no model behind it"):
        further(replace(result, game=None))
    with pytest.raises(MethodError, match="larger budget"):
        further(replace(result, method=LayerIntegratedGradients()))
