"""Run, Run again and questions from any thread at any moment; and whatever a model raises. Nothing is lost or hangs."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import AttrWidget
from llm_attr_widget.widget import runs, worker
from tests.support import FunctionModel, table, table_model
from tests.waiting import until
from tests.widget.front import Front, Held, widget


def test_run_again_while_the_first_chart_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go, real = threading.Event(), threading.Event(), runs.chart_of

    def slow(*given: Any) -> Any:
        inside.set()
        assert go.wait(60)
        return real(*given)

    monkeypatch.setattr(runs, "chart_of", slow)
    w = widget()
    front = Front(w)
    w.run()
    assert inside.wait(60)
    w.run()
    go.set()
    assert w.wait(60).phase == "finished"
    assert w.status == "finished"
    assert [kept.run for kept in w.history] == [1, 2]
    assert [record["chart"]["run"] for record in w.records] == [1]
    assert w.records[0]["progress"]["phase"] in ("stopped", "finished")
    assert front.frames()[-1]["progress"]["phase"] == "finished"


def test_a_run_that_another_one_ends_is_kept_with_its_last_numbers() -> None:
    model = Held(10)
    w = widget(model, features=10, budget=900)
    Front(w)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls >= 5, meanwhile=model.let)
    w.run()
    model.let_all()
    w.wait(60)
    first, _ = w.history
    (record,) = w.records
    assert first.result.phase == record["progress"]["phase"] == "stopped"
    assert record["progress"]["calls"] == len(first.result.ledger) >= 5
    np.testing.assert_array_equal(np.frombuffer(record["sequence"], "<f4"), first.result.sequence.astype("f4"))


def test_run_from_many_threads_at_once() -> None:
    clashed, inside = threading.Event(), threading.Semaphore(1)
    quick = table_model(table(6, 3), 6)._log_probs

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> Any:
        if not inside.acquire(blocking=False):
            clashed.set()
            return quick(ids, target)
        inside.release()
        return quick(ids, target)

    w = widget(FunctionModel(score))
    front = Front(w)
    gate = threading.Barrier(8)
    errors: list[Exception] = []

    def press() -> None:
        gate.wait()
        try:
            for _ in range(5):
                w.run()
        except Exception as error:  # noqa: BLE001  told to the test's own thread
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=press) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert w.wait(60).phase == "finished"
    finally:
        sys.setswitchinterval(before)
    assert not errors
    assert not clashed.is_set()
    assert w.status == "finished"
    assert [entry["run"] for entry in w.names] == list(range(1, 41))
    assert w.history[-1].run == 40
    assert w.history[-1].result is w.result
    frames = [frame["run"] for frame in front.frames()]
    assert frames == sorted(frames)
    assert [event["seq"] for event, _ in front.events] == list(range(1, len(front.events) + 1))


class Raising(FunctionModel):
    """A table's answers; the next prompt raises `error`, once it is set."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._answers = table_model(table(6, 3), 6)._log_probs
        super().__init__(self._or_raise, batch=1)

    def _or_raise(self, ids: tuple[int, ...], target: tuple[int, ...]) -> Any:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return self._answers(ids, target)


ERRORS = [SystemExit(3), MemoryError(), RuntimeError("CUDA out of memory"), GeneratorExit(), StopIteration(), OSError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_a_model_raises_is_told_and_the_next_run_works(error: BaseException) -> None:
    model = Raising()
    w = widget(model)
    front = Front(w)
    model.error = error
    w.run()
    w.wait(60)
    assert w.status == "failed"
    assert type(error).__name__ in w.progress["message"] + w.progress["traceback"]
    assert front.frames()[-1]["progress"]["phase"] == "failed"
    model.error = error
    front.events.clear()
    front.says({"kind": "what_if", "ask": 1, "run": 1, "absent": [0], "replaced": []})
    w._questions.wait(60)
    assert front.events[-1][0]["kind"] == "failed"
    model.error = None
    w.run()
    assert w.wait(60).phase == "finished"
    assert w.status == "finished"


def test_an_interrupt_in_the_model_ends_the_run_as_stopped() -> None:
    model = Raising()
    w = widget(model)
    Front(w)
    model.error = KeyboardInterrupt()
    w.run()
    w.wait(60)
    assert w.status == "stopped"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_number_at_any_call_is_told_and_what_was_played_is_kept(bad: float) -> None:
    answers = table_model(table(6, 3), 6)._log_probs
    for call in (1, 2, 7, 20):
        calls = iter(range(1, 10_000))

        def score(ids: Any, target: Any, call: int = call, calls: Any = calls) -> Any:
            return [bad] * 3 if next(calls) == call else answers(ids, target)

        w = widget(FunctionModel(score, batch=1))
        Front(w)
        w.run()
        w.wait(60)
        assert w.status == "failed"
        assert "log-prob" in w.progress["message"]
        assert w.result is None or len(w.result.ledger) < call + 1
        w.run()
        assert w.wait(60).phase == "finished"
        w.close()


def test_no_thread_left_for_a_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    w = widget()
    Front(w)

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(worker.threading.Thread, "start", none)
        with pytest.raises(RuntimeError, match="can't start"):
            w.run()
    assert w.status == "failed"
    assert "can't start new thread" in w.progress["message"]
    w.run()
    assert w.wait(60).phase == "finished"


def asked(w: AttrWidget, front: Front, times: int) -> None:
    for ask in range(times):
        front.says({"kind": "what_if", "ask": ask, "run": 1, "absent": [0], "replaced": []})


def test_a_flood_of_questions_is_bounded_and_stop_drops_them() -> None:
    model = Held(10)
    w = widget(model, features=10, budget=900)
    front = Front(w)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls >= 2, meanwhile=model.let)
    w.pause()
    before = threading.active_count()
    asked(w, front, 1000)
    assert threading.active_count() <= before + 1
    refused = [event for event, _ in front.events if event["kind"] == "failed"]
    assert 1000 - worker.MOST_QUESTIONS - 1 <= len(refused) <= 1000
    assert "wait for the model already" in refused[-1]["message"]
    known = len(model.asked)
    w.stop()
    model.let_all()
    assert w._questions.wait(60)
    w.wait(60)
    assert len(model.asked) <= known + 3  # those that were in the model already
    assert w.status == "stopped"
    front.events.clear()
    asked(w, front, 1)
    w._questions.wait(60)
    assert front.events[-1][0]["kind"] == "what_if"


@pytest.mark.parametrize(
    "secret",
    ["https://me:hunter22@models.example/v1", "Bearer abcdefgh12345678", "bad key sk-abcdefgh1234", "hf_abcdefghijk"],
)
def test_no_secret_of_an_error_is_shown_and_no_local_folder(secret: str) -> None:
    model = Raising()
    w = widget(model)
    Front(w)
    model.error = RuntimeError(f"cannot reach {secret}")
    w.run()
    w.wait(60)
    shown = w.progress["message"] + w.progress["traceback"]
    assert "cannot reach" in shown
    for part in ("hunter22", "abcdefgh"):
        assert part not in shown
    assert str(Path(__file__).parents[2]) not in shown
    assert "widget.py" in shown
