"""One job at a time per model, in a background thread, so that Stop and Pause can arrive while it runs."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_turns_guard = threading.Lock()
_turns: weakref.WeakKeyDictionary[Any, Turn] = weakref.WeakKeyDictionary()

_LOOK = 0.05  # seconds between looks at whether a job that waits was stopped


class Turn:
    """Whose turn it is on one model. Jobs take turns; a quick question goes between the batches of a long run."""

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._asked = 0
        self._guard = threading.Lock()

    @property
    def wanted(self) -> bool:
        """Whether a question waits for a run to let it in."""
        return self._asked > 0

    def take(self, stopped: Callable[[], bool], *, waiting: Callable[[], None], quick: bool) -> bool:
        """Wait for the turn, saying so first if it must; False when stopped before it came."""
        if not quick and not self.wanted and self._free.acquire(blocking=False):
            return True
        with self._guard:
            self._asked += quick
        try:
            mine = self._free.acquire(blocking=False) if quick else False
            if not mine:
                waiting()
            while not (mine or stopped()):
                mine = (quick or not self.wanted) and self._free.acquire(timeout=_LOOK)
                if not mine and not quick:
                    time.sleep(_LOOK / 10)
            return mine
        finally:
            with self._guard:
                self._asked -= quick

    def give_back(self) -> None:
        self._free.release()


def turn_on(model: object) -> Turn:
    """The turn that two widgets on one model share."""
    with _turns_guard, suppress(TypeError):  # what cannot be referred to weakly is shared with nobody
        return _turns.setdefault(model, Turn())
    return Turn()


class Control:
    """What a job asks between its batches: whether to end. Waits there while paused, and lets questions in."""

    def __init__(self, turn: Turn, *, quick: bool = False) -> None:
        self._turn = turn
        self._quick = quick
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._held = False
        self._waited = 0.0

    @property
    def paused(self) -> bool:
        return not (self._go.is_set() or self._stop.is_set())

    def stop(self) -> None:
        self._stop.set()
        self._go.set()

    def pause(self) -> None:
        if not self._stop.is_set():
            self._go.clear()

    def resume(self) -> None:
        self._go.set()

    def clock(self) -> float:
        """Seconds; stands still while the job waits."""
        return time.perf_counter() - self._waited

    def cancelled(self) -> bool:
        """Whether to end. Returns only when the job may go on or should end; the model is free while it waits."""
        lets_go = not self._go.is_set() or (self._turn.wanted and not self._quick)
        if self._held and lets_go and not self._stop.is_set():
            began = time.perf_counter()
            self.leave()
            self._go.wait()
            self.enter(waiting=lambda: None)
            self._waited += time.perf_counter() - began
        return self._stop.is_set()

    def enter(self, *, waiting: Callable[[], None]) -> None:
        self._held = self._turn.take(self._stop.is_set, waiting=waiting, quick=self._quick)

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._turn.give_back()


Job = Callable[[Control], None]


class Worker:
    """Runs jobs one after another, each in a thread. A new job ends the one before it, unless it is a question.

    quick: what runs here are questions, which go between the batches of other jobs and wait for each other.
    """

    def __init__(self, turn: Turn, *, quick: bool = False) -> None:
        self._turn = turn
        self._quick = quick
        self._control = Control(turn)
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def paused(self) -> bool:
        return self.busy and self._control.paused

    def start(self, job: Job, *, waiting: Callable[[], None] = lambda: None) -> None:
        """Run `job` in a thread and return at once. `waiting` is called first if another widget has the model.

        A job that was stopped while it waited is still called, so that it can say so; it must ask `cancelled` first.
        """
        if not self._quick:
            self._control.stop()
        before, control = self._thread, Control(self._turn, quick=self._quick)

        def work() -> None:
            if before is not None:
                before.join()
            control.enter(waiting=waiting)
            try:
                job(control)
            finally:
                control.leave()

        self._control = control
        self._thread = threading.Thread(target=work, name="llm_attr_widget", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the job in progress to end; returns at once."""
        self._control.stop()

    def pause(self) -> None:
        """Hold the job in progress after its next batch; returns at once."""
        self._control.pause()

    def resume(self) -> None:
        self._control.resume()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no job runs; False when the time (seconds) ran out first."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.busy
