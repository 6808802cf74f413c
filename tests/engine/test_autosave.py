"""A run that is killed loses seconds: its ledger is on disk, and a run resumes from there to the same numbers."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import Interrupted, LedgerError, attribute, load_ledger, run
from llm_attr_widget.engine import autosave
from tests.support import BitsInput, FunctionModel, table, table_model
from tests.waiting import until
from tests.widget.front import TARGET, Held, widget


def played(model: FunctionModel, **options: Any) -> Any:
    return attribute(model, None, BitsInput(8), TARGET, progress=False, **{"budget": 200, **options})


def model() -> FunctionModel:
    return table_model(table(8, 3), 8)


def test_a_run_leaves_its_whole_ledger(tmp_path: Path) -> None:
    result = played(model(), autosave=tmp_path / "run.npz")
    saved = load_ledger(tmp_path / "run.npz")
    np.testing.assert_array_equal(saved.coalitions, result.ledger.coalitions)
    np.testing.assert_array_equal(saved.log_probs, result.ledger.log_probs)
    again = model()
    resumed = played(again, resume=str(tmp_path / "run.npz"))
    assert again.asked == []
    np.testing.assert_allclose(resumed.values, result.values, atol=1e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_process_loses_seconds(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    code = (
        "import sys, time\n"
        "from llm_attr_widget import attribute\n"
        "from tests.support import *\n"
        "from tests.widget.front import TARGET\n"
        "answers = table_model(table(8, 3), 8)._log_probs\n"
        "slow = lambda ids, target: (time.sleep(0.02), answers(ids, target))[1]\n"
        "model = FunctionModel(slow)\n"
        "attribute(model, None, BitsInput(8), TARGET, method='permutation_shapley', budget=100_000,\n"
        "          trials=50, progress=False, autosave=sys.argv[1])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)]) as process:
        until(path.exists, 120)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    saved = load_ledger(path)
    assert len(saved) > 10
    fresh = model()
    whole = {"method": "permutation_shapley", "budget": 400}
    resumed, anew = played(fresh, resume=path, **whole), played(model(), **whole)
    np.testing.assert_allclose(resumed.values, anew.values, atol=1e-5)
    assert len(fresh.asked) < len({key.tobytes() for key in anew.ledger.keys})


@pytest.mark.parametrize("error", [RuntimeError("gone"), SystemExit(1), MemoryError(), KeyboardInterrupt()])
def test_what_a_model_breaks_off_is_on_disk(error: BaseException, tmp_path: Path) -> None:
    answers, calls = model()._log_probs, iter(range(1000))

    def score(ids: Any, target: Any) -> Any:
        if next(calls) == 50:
            raise error
        return answers(ids, target)

    path = tmp_path / "run.npz"
    with suppress(Interrupted, SystemExit):
        played(FunctionModel(score, batch=1), autosave=path)
    assert len(load_ledger(path)) >= 50
    assert played(model(), resume=path).phase == "finished"


def test_events_that_nobody_takes_any_more_leave_what_was_played(tmp_path: Path) -> None:
    events = run(model(), None, BitsInput(8), TARGET, budget=200, autosave=tmp_path / "a.npz", seconds_per_update=0.0)
    for event in events:
        if event.calls >= 4:
            break
    events.close()  # type: ignore[attr-defined]  # a generator
    assert len(load_ledger(tmp_path / "a.npz")) >= 4


def test_a_resumed_run_never_writes_less_than_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autosave, "EVERY", 0.0)
    monkeypatch.setattr(autosave, "PLAYED_PER_SAVING", 0.0)
    path = tmp_path / "a.npz"
    played(model(), autosave=path, method="permutation_shapley", budget=400)
    before = len(load_ledger(path))
    events = run(
        model(), None, BitsInput(8), TARGET, resume=path, autosave=path, method="permutation_shapley", budget=900
    )
    for event in events:
        assert len(load_ledger(path)) >= before
        if event.calls >= before // 2:
            break
    events.close()  # type: ignore[attr-defined]  # a generator
    assert len(load_ledger(path)) >= before


def test_a_disk_that_fails_is_warned_of_and_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.npz"
    path.parent.mkdir()
    events = run(model(), None, BitsInput(8), TARGET, budget=200, autosave=path)
    next(events)
    path.parent.rmdir()
    with pytest.warns(UserWarning, match="could not be saved"):
        last = list(events)[-1]
    assert last.phase == "finished"


@pytest.mark.parametrize("wrong", [3, b"a", ["a"], ".", "/no/such/folder/a.npz"])
def test_a_place_that_cannot_be_written_to_is_refused_before_the_run(wrong: Any) -> None:
    asked = model()
    with pytest.raises(LedgerError, match="Expected"):
        played(asked, autosave=wrong)
    assert asked.asked == []


@pytest.mark.parametrize("wrong", [3, [1], "/no/such/file.npz"])
def test_what_is_no_ledger_to_resume_from_is_refused(wrong: Any) -> None:
    with pytest.raises(LedgerError, match="Expected"):
        played(model(), resume=wrong)


def test_the_widget_saves_its_newest_run_and_resumes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    held = Held(10)
    w = widget(held, features=10, budget=900, autosave=path)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls >= 9, meanwhile=held.let)
    held.let_all()
    w.close()
    assert len(load_ledger(path)) == len(w.result.ledger) >= 9
    fresh = Held(10)
    fresh.let_all()
    other = widget(fresh, features=10, budget=900, resume=str(path))
    other.run()
    assert other.wait(60).phase == "finished"
    prompts = {key.tobytes() for key in other.result.ledger.keys}
    assert len(fresh.asked) == len(prompts) - len({key.tobytes() for key in load_ledger(path).keys})
    other.close()
