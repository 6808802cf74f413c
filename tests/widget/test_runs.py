"""Runs of a widget: paused, resumed, extended, kept, compared; and results shown without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from llm_attr_widget import Attribution, AttrWidget, attribute, compare
from llm_attr_widget.errors import AttributionError, CapabilityError, MethodError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.widget import protocol, publisher, worker
from llm_attr_widget.widget.runs import records_of
from llm_attr_widget.widget.table import fields_of
from llm_attr_widget.widget.wire import decode
from tests.support import BitsInput, FunctionModel, table, table_model
from tests.waiting import until
from tests.widget.front import TARGET, Front, Held, widget


def calls(w: AttrWidget) -> int:
    return 0 if w.result is None else w.result.provenance.calls


def a_result(seed: int = 0, method: str = "kernel_shap", features: int = 9) -> Attribution:
    model = table_model(table(features, 3), features)
    return attribute(model, None, BitsInput(features), TARGET, method=method, budget=40, seed=seed, progress=False)


def numbers(record: protocol.Record, shape: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(record.values, "<f4").reshape(shape)


def test_paused_runs_hold_still_and_leave_the_model_to_others() -> None:
    model = Held(10)
    w = widget(model, features=10, method="kernel_shap", budget=200)
    front = Front(w)
    w.run()
    until(lambda: calls(w) > 20, meanwhile=model.let)
    front.says({"kind": "pause"})
    assert w.status == "paused"
    assert front.frames()[-1]["progress"]["phase"] == "paused"
    model.let_all()  # the batch under way ends
    other = AttrWidget(model, None, BitsInput(10), TARGET, method="leave_one_out")
    Front(other)
    other.run()
    assert other.wait(20).phase == "finished"
    still = len(model.asked) - other.result.provenance.scored
    assert 20 < still < 200
    those_of_one_left_out = {prompt.ids for prompt in model.asked[still:]}
    assert min(map(len, those_of_one_left_out)) >= 9 or () in those_of_one_left_out
    assert len(those_of_one_left_out) == other.result.provenance.scored
    front.says({"kind": "hello"})
    assert front.frames()[-1]["progress"]["phase"] == "paused"
    front.says({"kind": "resume"})
    assert w.status == "running"
    assert w.wait(30).provenance.calls == 200
    assert w.status == "finished"


def test_time_does_not_run_while_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(worker, "time", SimpleNamespace(perf_counter=lambda: clock.now, sleep=lambda _: None))
    model = Held(10)
    w = widget(model, features=10, method="kernel_shap", budget=60)
    Front(w)
    w.run()
    until(lambda: calls(w) > 8, meanwhile=model.let)
    clock.now += 5
    w.pause()
    model.let_all()
    until(lambda: not worker.turn_on(model)._free.locked())
    clock.now += 1000
    w.resume()
    assert w.wait(30).provenance.seconds == pytest.approx(5)


def test_a_paused_run_can_be_stopped_and_keeps_what_there_is() -> None:
    model = Held(10)
    w = widget(model, features=10, method="kernel_shap", budget=200)
    Front(w)
    w.run()
    until(lambda: calls(w) > 4, meanwhile=model.let)
    w.pause()
    model.let_all()
    w.stop()
    result = w.wait(10)
    assert w.status == result.phase == "stopped"
    assert 4 < result.provenance.calls < 200


def test_pause_without_a_run_does_nothing() -> None:
    w = widget()
    front = Front(w)
    w.pause()
    w.resume()
    assert w.status == "idle"
    assert front.events == []


def test_a_run_is_extended_on_the_way_without_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "FRAMES_PER_SECOND", 1e6)
    model = Held(10)
    w = widget(model, features=10, method="kernel_shap", budget=60)
    front = Front(w)
    w.run()
    until(lambda: calls(w) > 8, meanwhile=model.let)
    front.says({"kind": "extend", "run": 1})
    model.let_all()
    result = w.wait(30)
    assert result.provenance.calls == 74  # 75, in pairs
    assert {frame["run"] for frame in front.frames()} == {1}
    assert "finished" not in [frame["progress"]["phase"] for frame in front.frames()[:-1]]
    assert front.frames()[-2]["progress"]["planned"] == 74
    told = [frame["progress"]["calls"] for frame in front.frames()]
    assert told == sorted(told)


def test_an_ended_run_is_extended_by_a_run_that_takes_its_place() -> None:
    model = table_model(table(9, 3), 9)
    w = widget(model, features=9, method="kernel_shap", budget=40)
    front = Front(w)
    w.run()
    first = w.wait(30)
    assert w.chart["extendable"]
    scored = len(model.asked)
    front.events.clear()
    front.says({"kind": "extend", "run": 1})
    second = w.wait(30)
    assert second.provenance.calls == 50
    assert len(model.asked) == scored + 10
    assert w.chart["continues"] == 1
    assert [entry.run for entry in w.history] == [2]
    assert w.records == []
    shown = [frame for frame in front.frames() if frame["rows"]]
    assert all(frame["progress"]["calls"] >= first.provenance.calls for frame in shown)
    alone = attribute(model, None, BitsInput(9), TARGET, method="kernel_shap", budget=50, progress=False)
    np.testing.assert_allclose(second.values, alone.values, atol=1e-9)


def test_what_cannot_be_extended_is_told_in_plain_words() -> None:
    w = widget(method="leave_one_out")
    front = Front(w)
    with pytest.raises(AttributionError, match="nothing to add to"):
        w.extend()
    w.run()
    w.wait(20)
    assert not w.chart["extendable"]
    with pytest.raises(MethodError):
        w.extend()
    front.says({"kind": "extend", "run": 77})
    assert "got 77" in front.events[-1][0]["message"]


def test_every_run_is_kept_with_its_name_and_numbers() -> None:
    w = widget(features=6, method="leave_one_out")
    Front(w)
    results = []
    for method in ("leave_one_out", "add_one_in", "exact_shapley"):
        w.method = method
        w.run()
        results.append(w.wait(20))
    assert [entry.name for entry in w.history] == [
        "1: leave one out, word",
        "2: add one in, word",
        "3: exact shapley, word",
    ]
    assert [entry.result for entry in w.history] == results
    kept = [decode(protocol.Record, record) for record in w.records]
    assert [record.chart.run for record in kept] == [1, 2]
    for record, result in zip(kept, results, strict=False):
        np.testing.assert_array_equal(numbers(record, (3, 6)), result.values.astype("f4"))
    w.names = [{"run": 2, "name": "mine"}]
    assert [entry.name for entry in w.history][1] == "mine"
    state = w.get_state()
    for record in protocol.TRAITS:
        decode(record, {field.name: state[field.name] for field in fields_of(record)})


def test_old_runs_that_are_too_large_stay_in_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_attr_widget.widget.runs.MOST_CELLS", 40)
    w = widget(method="leave_one_out")
    Front(w)
    for _ in range(4):
        w.run()
        w.wait(20)
    assert [record["chart"]["run"] for record in w.records] == [2, 3]
    assert [entry.run for entry in w.history] == [1, 2, 3, 4]
    assert records_of([]) == []


def test_a_loaded_result_is_shown_whole_and_says_that_it_has_no_model(tmp_path: Path) -> None:
    a_result().save(tmp_path / "result.npz")
    result = Attribution.load(tmp_path / "result.npz")
    w = AttrWidget.from_result(result, name="from disk")
    front = Front(w)
    assert (w.status, w.has_model, w.chart["askable"], w.chart["extendable"]) == ("finished", False, False, False)
    np.testing.assert_array_equal(np.frombuffer(w.values, "<f4").reshape(3, 9), result.values.astype("f4"))
    assert w.prompt == w.chart["settings"]["prompt"] == "".join(result.features)
    assert w.target == TARGET.text
    assert w.history[0].name == "from disk"
    assert w.progress["calls"] == result.provenance.calls
    front.says({"kind": "hello"})
    assert front.frames()[-1]["chart"]["outputs"] == TARGET.texts
    with pytest.raises(CapabilityError, match="has no model to run"):
        w.run()
    settings = w.chart["settings"]
    front.says({"kind": "run", "settings": settings})
    assert "has no model to run" in front.events[-1][0]["message"]
    assert w.status == "finished"


def test_a_fresh_result_still_has_its_model() -> None:
    w = AttrWidget.from_result(a_result())
    Front(w)
    assert w.has_model
    assert w.chart["askable"]
    w.method = "leave_one_out"
    w.run()
    assert w.wait(20).phase == "finished"
    assert [entry.run for entry in w.history] == [1, 2]


def test_a_captum_result_is_shown(tmp_path: Path) -> None:
    result = replace(
        a_result(), game=None, provenance=replace(a_result().provenance, granularity="as in captum's input")
    )
    assert AttrWidget.from_result(result).chart["settings"]["granularity"] == "token"


def test_compare_shows_two_results_and_which() -> None:
    one, two = a_result(0), a_result(1)
    w = compare(one, two, names=("seed 0", "seed 1"))
    assert [entry.result for entry in w.history] == [one, two]
    assert [entry.name for entry in w.history] == ["seed 0", "seed 1"]
    assert w.comparing == [1, 2]
    (record,) = (decode(protocol.Record, record) for record in w.records)
    np.testing.assert_array_equal(numbers(record, (3, 9)), one.values.astype("f4"))
    np.testing.assert_array_equal(np.frombuffer(w.values, "<f4").reshape(3, 9), two.values.astype("f4"))


def test_why_a_and_not_b_from_the_front_end(tmp_path: Path) -> None:
    features = 5
    log_probs = table(features, 4)
    other = Target((3, 0, 2), (" t3", " t0", " t2"))
    w = AttrWidget(table_model(log_probs, features), None, BitsInput(features), TARGET, against=other)
    front = Front(w)
    assert w.against == other.text
    settings = {name: getattr(w, name) for name in protocol.Settings.__dataclass_fields__}
    front.says({"kind": "run", "settings": settings})
    result = w.wait(20)
    assert (w.chart["explains"], w.chart["target"], w.chart["against"]) == ("log_odds", TARGET.text, other.text)
    whole, none = log_probs[-1].astype(float), log_probs[0].astype(float)
    expected = [whole[a] - whole[b] - none[a] + none[b] for a, b in zip(TARGET.ids, other.ids, strict=True)]
    np.testing.assert_allclose(result.values.sum(axis=1), expected, atol=1e-5)
    again = AttrWidget.from_result(result)
    assert again.against == other.text
    result.save(tmp_path / "contrast.npz")
    loaded = AttrWidget.from_result(Attribution.load(tmp_path / "contrast.npz"))
    assert (loaded.against, loaded.chart["against"]) == (other.text, other.text)


def test_a_model_that_fails_in_the_middle_keeps_its_run() -> None:
    quick = table_model(table(9, 3), 9)

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> object:
        if len(broken.asked) > 30:
            raise RuntimeError("no more")
        return quick._log_probs(ids, target)

    broken = FunctionModel(score, batch=1)  # type: ignore[arg-type]
    w = widget(broken, features=9, method="kernel_shap", budget=60)
    Front(w)
    w.run()
    w.wait(20)
    assert w.status == "failed"
    assert w.history[0].result.provenance.calls > 0
