"""Closed widgets are freed with their models; runs end with their widget, their cell and their program."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref

import ipywidgets
import pytest
from IPython.core.interactiveshell import InteractiveShell

from llm_attr_widget import AttributionError, AttrWidget
from tests.support import BitsInput, FunctionModel
from tests.waiting import until
from tests.widget.front import TARGET, Held, widget


def flat(*_: object) -> list[float]:
    return [-1.0] * 3


def registered() -> int:
    return len(ipywidgets.widgets.widget._instances)


@pytest.mark.parametrize("ran", ["never", "to the end", "stopped", "running", "paused", "asked", "failed"])
def test_a_closed_widget_is_freed_with_its_model(ran: str) -> None:
    before = registered()
    model = FunctionModel(flat)
    if ran == "failed":
        model = FunctionModel(lambda *_: [0.0])
    w = widget(model, features=12, budget=64 if ran == "to the end" else 100_000)
    w.send = lambda *_, **__: None
    if ran != "never":
        w.run()
        if ran in ("stopped", "running", "paused", "asked"):
            until(lambda w=w: w.result is not None and w.result.provenance.calls > 1)
        if ran == "stopped":
            w.stop()
        if ran == "paused":
            w.pause()
        if ran == "asked":
            w._on_message(w, {"kind": "check", "run": 1}, [])
        if ran in ("stopped", "failed", "to the end"):
            w.wait(60)
    alive = [weakref.ref(w), weakref.ref(model)]
    w.close()
    del w, model
    gc.collect()
    assert [ref() for ref in alive] == [None, None]
    assert registered() == before
    assert not [thread for thread in threading.enumerate() if thread.name == "llm_attr_widget"]


def test_many_widgets_come_and_go_without_a_thread_or_a_widget_left() -> None:
    threads, widgets = threading.active_count(), registered()
    refs = []
    for _ in range(20):
        w = widget()
        w.run()
        w.wait(30)
        refs.append(weakref.ref(w))
        w.close()
    del w
    gc.collect()
    assert not any(ref() for ref in refs)
    assert (threading.active_count(), registered()) == (threads, widgets)


def test_closing_ends_the_run_and_keeps_its_numbers() -> None:
    model = Held(10)
    w = widget(model, features=10, budget=900)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls >= 5, meanwhile=model.let)
    model.let_all()
    w.close()
    assert w.status == "stopped"
    assert w.result.phase == "stopped"
    assert 5 <= len(w.result.ledger) < 900
    w.close()
    with pytest.raises(AttributionError, match="was closed"):
        w.run()


def test_a_widget_that_could_not_be_made_leaves_nothing() -> None:
    before = registered()
    with pytest.raises(AttributionError):
        AttrWidget(FunctionModel(flat), None, BitsInput(3), TARGET, method="no such")
    gc.collect()
    assert registered() == before


@pytest.fixture
def shell() -> InteractiveShell:
    made = InteractiveShell.instance()
    yield made
    InteractiveShell.clear_instance()


CELL = "w = widget(Held(10), features=10, budget=900); made.append(w); w.run()"


def test_running_a_cell_again_ends_the_run_of_the_widget_before(shell: InteractiveShell) -> None:
    made: list[AttrWidget] = []
    shell.user_ns |= {"widget": widget, "Held": Held, "made": made}
    shell.run_cell(CELL, store_history=True).raise_error()
    shell.run_cell(CELL + "  # another cell", store_history=True).raise_error()
    assert [w._worker._control.cancelled() for w in made] == [False, False]
    shell.run_cell(CELL, store_history=True).raise_error()
    assert made[0]._worker._control._stop.is_set()
    assert not made[1]._worker._control._stop.is_set()
    for w in made:
        w._model.let_all()
        w.close()


def test_one_cell_may_make_several_widgets(shell: InteractiveShell) -> None:
    made: list[AttrWidget] = []
    shell.user_ns |= {"widget": widget, "Held": Held, "made": made}
    shell.run_cell(f"for _ in range(2): {CELL}", store_history=True).raise_error()
    assert not any(w._worker._control._stop.is_set() for w in made)
    for w in made:
        w._model.let_all()
        w.close()


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "w.pause()", "del w"])
def test_a_script_that_ends_during_a_run_ends_cleanly(end: str) -> None:
    code = f"""
from tests.waiting import until
from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text
w = AttrWidget(*load_text(), "Dave lives in Palm Coast, FL and is a lawyer.", " golf.", budget=100_000)
w.run()
until(lambda: w.result is not None and w.result.provenance.calls > 1)
{end}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
