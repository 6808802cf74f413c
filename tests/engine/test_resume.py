"""A run that was stopped, or whose model failed, goes on from its ledger with no call repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget import Interrupted, attribute, load_ledger, run
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.errors import Cancelled, MethodError
from llm_attr_widget.game.game import Game
from llm_attr_widget.game.ledger import UNUSED, Ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.methods import KernelShap, Lime, PermutationShapley
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Method, Prompt, Scored
from tests.support import BitsInput, FunctionModel, table, table_game, table_model

METHODS = [KernelShap(budget=90), PermutationShapley(budget=90), Lime(budget=90)]
TARGET = Target((0, 1), ("a", "b"))


class Scattered:
    """Answers in batches of seven from the far end of what it was asked, and fails or stops after `last` of them."""

    name = "scattered"

    def __init__(self, model: FunctionModel, last: int = 10**9, error: type[BaseException] = OSError) -> None:
        self.model, self.last, self.error = model, last, error
        self.finished: list[tuple[int, ...]] = []

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        order = list(range(len(prompts)))[::-1]
        for start in range(0, len(order), 7):
            if self.last == 0:
                raise self.error("the line went dead")
            self.last -= 1
            rows = order[start : start + 7]
            (batch,) = FunctionModel(self.model._log_probs, batch=7).score([prompts[row] for row in rows], target)
            self.finished += [prompts[row].ids for row in rows]
            yield Scored(rows, batch.log_probs)


def ready(method: Method, model: Scattered, *, random: bool, known: Ledger | None = None) -> Plan:
    game, _ = table_game(8, 2, random=random)
    return Plan(Game(game.input, model, game.targets, game.value), method, 2, 0, "table", "word", known)


def until_error(ready: Plan, error: type[BaseException], **options: float) -> Attribution:
    last = None
    try:
        for update in play(ready, **options):  # type: ignore[arg-type]
            last = update
    except error:
        pass
    assert last is not None
    assert last.phase == "stopped"
    return last.attribution


@pytest.mark.parametrize("pace", [0, 60], ids=["block by block", "all at once"])
@pytest.mark.parametrize("error", [OSError, Cancelled, KeyboardInterrupt])
@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_no_prompt_is_scored_twice(
    method: Method, random: bool, error: type[BaseException], pace: float, tmp_path: Path
) -> None:
    model = table_game(8, 2, random=random)[1]
    once = Scattered(model)
    whole = list(play(ready(method, once, random=random)))[-1].attribution
    first = Scattered(model, last=12, error=error)
    stopped = until_error(ready(method, first, random=random), error, seconds_per_update=pace)
    stopped.ledger.save(tmp_path / "ledger.npz")
    assert len(stopped.ledger) >= len(first.finished) > 0
    then = Scattered(model)
    again = list(play(ready(method, then, random=random, known=load_ledger(tmp_path / "ledger.npz"))))[-1].attribution
    assert Counter(first.finished + then.finished) == Counter(once.finished)
    np.testing.assert_allclose(again.values, whole.values, atol=1e-9)
    np.testing.assert_allclose(again.standard_errors, whole.standard_errors, atol=1e-9)
    assert again.provenance.scored == len(then.finished) < whole.provenance.scored


def test_what_a_stop_cut_short_is_kept_but_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scorer answers from the far end, so what it had finished of the last play is no fair sample."""
    monkeypatch.setattr("llm_attr_widget.engine.pacing.Tempo.wanted", lambda _: 40)
    first = Scattered(table_game(8, 2)[1], last=8)
    stopped = until_error(ready(KernelShap(budget=90), first, random=False), OSError, seconds_per_update=60)
    used = stopped.ledger.trials != UNUSED
    assert (used.sum(), len(used)) == (40, 54)
    shorter = KernelShap(budget=90).fold(8, 3)
    shorter.add(stopped.ledger.coalitions[used], stopped.value(stopped.ledger.log_probs[used]))
    estimate = shorter.estimate()
    assert estimate is not None
    np.testing.assert_allclose(stopped.values, estimate.values[:-1])


def test_attribute_says_how_to_go_on_when_the_model_fails() -> None:
    model = table_model(table(8, 2), 8)
    with pytest.raises(Interrupted, match=r"after \d+ of 90 calls: OSError: the line went dead.*resume=") as caught:
        attribute(Scattered(model, last=9), None, BitsInput(8), TARGET, method=KernelShap(budget=90), progress=False)
    assert isinstance(caught.value.__cause__, OSError)
    ledger = caught.value.attribution.ledger
    then = Scattered(model)
    again = attribute(then, None, BitsInput(8), TARGET, method=KernelShap(budget=90), resume=ledger, progress=False)
    straight = attribute(model, None, BitsInput(8), TARGET, method=KernelShap(budget=90), progress=False)
    np.testing.assert_allclose(again.values, straight.values, atol=1e-9)
    assert len(then.finished) == 90 - len(ledger)


def test_a_failure_before_anything_was_scored_keeps_its_own_error() -> None:
    with pytest.raises(OSError, match="went dead"):
        attribute(Scattered(table_model(table(4, 2), 4), last=0), None, BitsInput(4), TARGET, progress=False)


def test_a_callers_mistake_keeps_its_own_error() -> None:
    model = table_model(table(8, 2), 8)
    with pytest.raises(ValueError, match="one number per coalition"):
        attribute(model, None, BitsInput(8), TARGET, value=lambda log_probs: log_probs, progress=False)


@pytest.mark.parametrize("method", ["kernel_shap", "permutation_shapley", "lime", "banzhaf", "sparse", "owen"])
def test_a_larger_budget_goes_on_where_the_smaller_one_ended(method: str) -> None:
    model = table_model(table(9, 2), 9)
    small = attribute(model, None, BitsInput(9), TARGET, method=method, budget=100, progress=False)
    asked = len(model.asked)
    larger = attribute(
        model, None, BitsInput(9), TARGET, method=method, budget=125, resume=small.ledger, progress=False
    )
    straight = attribute(model, None, BitsInput(9), TARGET, method=method, budget=125, progress=False)
    np.testing.assert_allclose(larger.values, straight.values, atol=1e-9)
    assert larger.provenance.scored == len(model.asked[asked:]) - straight.provenance.scored <= 25 + 2
    assert larger.provenance.calls > small.provenance.calls


def test_a_run_can_be_left_in_the_middle() -> None:
    model = table_model(table(8, 2), 8)
    events = run(model, None, BitsInput(8), TARGET, method=KernelShap(budget=90), seconds_per_update=0)
    next(events), next(events)
    left = next(events).attribution
    events.close()
    again = attribute(
        model, None, BitsInput(8), TARGET, method=KernelShap(budget=90), resume=left.ledger, progress=False
    )
    assert again.provenance.scored == 90 - len(left.ledger)


def test_a_run_without_a_design_says_so() -> None:
    with pytest.raises(MethodError, match="0 features"):
        attribute(table_model(table(1, 2), 1), None, BitsInput(0), TARGET, progress=False)
