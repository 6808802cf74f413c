"""One sentence on every result, and the same wherever it is shown; exact is only what is."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from llm_attr_widget import Attribution, attribute, run
from llm_attr_widget.game.targets import Target
from llm_attr_widget.methods import ExactShapley, KernelShap, LeaveOneOut, PermutationShapley
from llm_attr_widget.types import Method
from tests.support import BitsInput, FunctionModel, table, table_model

TARGET = Target((0, 1), ("a", "b"))


def events(method: Method, *, stop_after: int | None = None, drawn: bool = False, trials: int = 1) -> list[Attribution]:
    """What a run says, event by event. stop_after: so many looks at whether to go on."""
    looks = iter(range(10_000))
    cancelled = (lambda: False) if stop_after is None else (lambda: next(looks) >= stop_after)
    model = table_model(table(6, 2), 6, batch=4)
    made = run(model, None, BitsInput(6, drawn), TARGET, method=method, trials=trials, cancelled=cancelled)
    return [update.attribution for update in made]


def finished(method: Method, *, drawn: bool = False, trials: int = 1) -> Attribution:
    return events(method, drawn=drawn, trials=trials)[-1]


@pytest.mark.parametrize("method", [ExactShapley(), LeaveOneOut()], ids=repr)
def test_exact_is_what_was_played_to_its_end_and_nothing_before(method: Method) -> None:
    *before, last = events(method)
    assert "; exact; " in str(last.status)
    assert last.status.unspread == "exact"
    for early in [*before, events(method, stop_after=2)[-1]]:
        assert early.phase in ("running", "stopped")
        assert "exact" not in str(early.status)
        assert "exact" not in early.status.unspread
        assert not early.status.sound


def test_a_run_under_way_and_a_stopped_one_say_so() -> None:
    first, *_ = events(KernelShap(budget=40))
    assert "so far, 0 of 40 calls; too little was played" in str(first.status)
    stopped = events(KernelShap(budget=60), stop_after=9)[-1]
    calls = stopped.provenance.calls
    assert f"stopped after {calls} of 60 calls; standard error up to" in str(stopped.status)


def test_errors_of_zero_in_an_unfinished_run_are_no_promise() -> None:
    result = replace(finished(ExactShapley()), phase="stopped")
    assert "; error not known, run not finished; " in str(result.status)


def test_one_draw_of_the_baselines_is_not_exact() -> None:
    assert "of one draw of the baselines" in str(finished(LeaveOneOut(), drawn=True).status)
    several = finished(LeaveOneOut(), drawn=True, trials=3)
    assert "standard error up to" in str(several.status)


def test_rows_that_miss_their_sum_are_not_sound() -> None:
    weights = np.linspace(1, 2, 6)
    model = FunctionModel(lambda ids, target: [-20 + weights[list(ids)].sum() for _ in target])
    result = attribute(model, None, BitsInput(6), TARGET, method=ExactShapley(), progress=False)
    assert result.status.sound
    off = replace(result, values=result.values * 0.98)
    gap = float(np.abs(off.values.sum(axis=1) + np.diff(off.ends, axis=1)[:, 0]).max())
    assert f"rows miss v(all) - v(none) by up to {gap:.2g} nats" in str(off.status)
    assert not off.status.sound
    assert "rows need not add up" in str(finished(LeaveOneOut()).status)


@pytest.mark.parametrize("method", [PermutationShapley(budget=12), KernelShap(budget=30), ExactShapley()], ids=repr)
def test_every_output_has_the_same_sentence(method: Method) -> None:
    result = finished(method)
    said = str(result.status)
    assert all(doubt in said for doubt in result.doubts)
    assert said in repr(result)
    assert said in result._repr_html_()
    assert ET.fromstring(result.to_svg())[0].text == said
    written = json.loads(result.to_json())
    assert (written["status"], written["doubts"]) == (said, list(result.doubts))
    assert f"% {said}." in result.to_latex().splitlines()[:2]


def test_an_error_is_labelled_where_it_stands() -> None:
    sampled, unknown = finished(KernelShap(budget=30)), finished(PermutationShapley(budget=12))
    assert "± one standard error" in repr(sampled)
    assert "(one standard error)" in sampled._repr_html_()
    assert "with 95% bands" in sampled.plot_seq_attr().axes[0].get_ylabel()
    assert unknown._repr_html_().count("(error not known, play more)") == 12
    for shown in (repr(unknown), unknown._repr_html_(), repr(finished(ExactShapley()))):
        assert "one standard error" not in shown
