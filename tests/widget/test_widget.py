"""The widget without a browser: commands in, events and traits out."""

from __future__ import annotations

import asyncio
import re
import threading
from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import AttributionError, AttrWidget
from llm_attr_widget.game.targets import Target
from llm_attr_widget.widget import publisher
from tests.support import BitsInput, FunctionModel, table, table_model
from tests.waiting import until
from tests.widget.front import Front, Held, widget


def test_a_run_streams_frames_and_ends_in_traits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "FRAMES_PER_SECOND", 1e6)
    model = Held(6)
    w = widget(model, budget=40, method="permutation_shapley")
    front = Front(w)
    w.run()
    assert w.status == "running"
    until(lambda: w.status == "finished", meanwhile=model.let)
    result = w.wait(30)
    frames = front.frames()
    assert len([frame for frame in frames if frame["rows"]]) > 3
    assert [event["seq"] for event, _ in front.events] == list(range(1, len(front.events) + 1))
    assert frames[-1]["progress"]["phase"] == "finished"
    shown = np.frombuffer(w.values, "<f4").reshape(3, 6)
    np.testing.assert_array_equal(shown, result.values.astype("f4"))
    np.testing.assert_array_equal(np.frombuffer(w.sequence, "<f4"), result.sequence.astype("f4"))
    np.testing.assert_array_equal(np.frombuffer(w.ends, "<f4").reshape(3, 2), result.ends.astype("f4"))
    assert w.chart["features"] == result.features or tuple(w.chart["features"]) == result.features
    assert w.progress["calls"] == result.provenance.calls


def test_the_first_frame_of_a_run_carries_its_chart_and_no_other_does() -> None:
    w = widget()
    front = Front(w)
    w.run()
    w.wait(30)
    with_chart = [frame for frame in front.frames() if frame["chart"] is not None]
    assert len(with_chart) == 1
    assert with_chart[0] is next(frame for frame in front.frames() if frame["rows"])


def test_hello_and_resend_are_answered_with_everything() -> None:
    w = widget()
    front = Front(w)
    w.run()
    w.wait(30)
    for kind in ("hello", "resend"):
        front.events.clear()
        front.says({"kind": kind})
        ((frame, buffers),) = front.events
        assert frame["chart"]["outputs"] == (" t0", " t1", " t2")
        np.testing.assert_array_equal(np.frombuffer(buffers[0], "<f4"), np.frombuffer(w.values, "<f4"))


def test_run_and_stop_as_commands() -> None:
    model = Held(10)
    w = widget(model, features=10)
    front = Front(w)
    names = ("prompt", "target", "against", "granularity", "value", "trials", "seed", "locked_stretches")
    settings = {name: getattr(w, name) for name in names}
    front.says({"kind": "run", "settings": {**settings, "method": "kernel_shap", "budget": 900}})
    assert w.budget == 900
    assert w.method == "kernel_shap"
    until(lambda: w.result is not None and w.result.provenance.calls >= 30, meanwhile=model.let)
    front.says({"kind": "stop"})
    model.let_all()
    result = w.wait(30)
    assert w.status == result.phase == "stopped"
    assert 30 <= result.provenance.calls < 900
    assert np.isfinite(np.frombuffer(w.values, "<f4")).all()


def test_bad_messages_are_answered_never_met_with_silence() -> None:
    w = widget()
    front = Front(w)
    front.says({"kind": "dance"})
    ((event, _),) = front.events
    assert event["kind"] == "failed"
    assert "dance" in event["message"]


def test_a_failing_run_says_why_and_the_widget_runs_again() -> None:
    broken = threading.Event()
    quick = table_model(table(6, 3), 6)

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> Any:
        if broken.is_set():
            raise RuntimeError("CUDA is on fire")
        return quick._log_probs(ids, target)

    w = widget(FunctionModel(score))
    front = Front(w)
    broken.set()
    w.run()
    w.wait(10)
    assert w.status == "failed"
    assert "CUDA is on fire" in w.progress["message"]
    assert "Traceback" in w.progress["traceback"]
    assert front.frames()[-1]["progress"]["phase"] == "failed"
    broken.clear()
    w.run()
    w.wait(10)
    assert w.status == "finished"
    assert w.progress["message"] == ""


def test_a_mistake_in_the_settings_is_told_in_plain_words() -> None:
    w = widget(method="exact_shapley", features=17)
    Front(w)
    w.run()
    w.wait(10)
    assert w.status == "failed"
    assert "17 features" in w.progress["message"]


def test_a_new_run_ends_the_one_before_it() -> None:
    model = Held(10)
    w = widget(model, features=10, budget=900)
    front = Front(w)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls >= 10, meanwhile=model.let)
    w.budget = 20
    w.run()
    model.let_all()
    result = w.wait(30)
    assert w.status == "finished"
    assert result.provenance.planned <= 20
    runs = [frame["run"] for frame in front.frames()]
    assert runs == sorted(runs)


def test_two_widgets_on_one_model_take_turns() -> None:
    inside = threading.Semaphore(1)
    quick = table_model(table(6, 3), 6)
    clashed = threading.Event()

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> Any:
        if not inside.acquire(blocking=False):
            clashed.set()
            return quick._log_probs(ids, target)
        clashed.wait(0.005)  # long enough for the other to come in, if anything lets it
        inside.release()
        return quick._log_probs(ids, target)

    model = FunctionModel(score)
    one, two = widget(model), widget(model)
    front = Front(two)
    one.run()
    two.run()
    assert one.wait(30) is not None
    assert two.wait(30) is not None
    assert not clashed.is_set()
    assert any("Waiting for another run" in frame["progress"]["message"] for frame in front.frames())


def test_finished_can_be_awaited() -> None:
    w = widget()

    async def main() -> None:
        w.run()
        result = await w.finished()
        assert result is not None
        assert result.phase == "finished"

    asyncio.run(main())


def test_large_matrices_travel_in_messages_of_less_than_a_megabyte() -> None:
    tokens, features = 900, 6
    target = Target(tuple(range(tokens)), tuple(f"t{i}" for i in range(tokens)))
    model = FunctionModel(lambda ids, target: -np.ones(len(target)) * (1 + len(ids)))
    w = AttrWidget(model, None, BitsInput(features), target, method="leave_one_out")
    front = Front(w)
    w.run()
    w.wait(30)
    rows = sum(frame["rows"] for frame in front.frames()[-1:])
    assert rows == 900
    assert all(sum(map(len, buffers)) < 1_000_000 for _, buffers in front.events)


def test_settings_and_status_are_synced() -> None:
    synced = {"prompt", "target", "method", "granularity", "value", "budget", "trials", "seed", "status"} | {
        "locked_stretches"
    }
    assert synced <= set(widget().keys)


def test_hosts_without_widgets_get_a_picture() -> None:
    w = widget()
    Front(w)
    with pytest.raises(AttributionError, match="nothing to take a picture of"):
        w.snapshot()
    assert "text/html" not in w._repr_mimebundle_()[0]
    w.run()
    w.wait(30)
    assert w.snapshot().data.startswith("<img alt='Shapley value of 6 features")
    data, _ = w._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert b64decode(re.search("base64,([^']+)", data["text/html"])[1]).startswith(b"\x89PNG")
