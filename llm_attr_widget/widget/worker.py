"""One job at a time per model, in a background thread, so that Stop and Pause can arrive while it runs."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from llm_attr_widget.errors import AttributionError

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

MOST_QUESTIONS = 32
"""Questions that may wait for one widget."""

CLOSING = 5.0
"""Seconds that a widget that closes waits for the batches that its jobs are in."""

AT_EXIT = 60.0
"""Seconds that the end of a program waits for the batches that jobs are in: a model that is taken away from under a
thread takes the process with it."""


@dataclass(frozen=True, slots=True)
class _Task:
    job: Job
    control: Control
    waiting: Callable[[], None]


class Worker:
    """Runs jobs one after another, each in a thread. A new job ends those before it, unless it is a question.

    quick: what runs here are questions, which go between the batches of other jobs and wait for each other, at most
    MOST_QUESTIONS of them. May be used from any thread.
    """

    def __init__(self, turn: Turn, *, quick: bool = False) -> None:
        self._turn = turn
        self._quick = quick
        self._guard = threading.Lock()
        self._control = Control(turn)
        self._now: Control | None = None
        self._tasks: deque[_Task] = deque()
        self._thread: threading.Thread | None = None
        _workers.add(self)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._now is not None

    @property
    def paused(self) -> bool:
        return self.busy and self._control.paused

    def start(self, job: Job, *, waiting: Callable[[], None] = lambda: None) -> None:
        """Run `job` in a thread and return at once. `waiting` is called first if another widget has the model.

        A job that was stopped while it waited is still called, so that it can say so; it must ask `cancelled` first.
        Raises AttributionError for one question too many, RuntimeError where the system has no thread left.
        """
        with self._guard:
            if not self._quick:
                self._stop()
            elif len(self._tasks) >= MOST_QUESTIONS:
                raise AttributionError(
                    f"{MOST_QUESTIONS} questions wait for the model already. Wait for their answers, or press Stop, "
                    "which drops them."
                )
            self._control = Control(self._turn, quick=self._quick)
            self._tasks.append(_Task(job, self._control, waiting))
            if self._now is None:
                self._next()

    def stop(self) -> None:
        """Ask the job in progress, and those that wait for it, to end; returns at once."""
        with self._guard:
            self._stop()

    def pause(self) -> None:
        """Hold the job in progress after its next batch; returns at once."""
        self._control.pause()

    def resume(self) -> None:
        self._control.resume()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no job runs and the last one's thread is gone; False when the time (seconds) ran out first."""
        end = None if timeout is None else monotonic() + timeout
        while True:
            with self._guard:
                thread, busy = self._thread, self.busy
            if thread is None or thread is threading.current_thread():
                return not busy
            thread.join(None if end is None else max(0.0, end - monotonic()))
            if thread.is_alive():
                return False
            with self._guard:
                if self._thread is thread:
                    self._thread = None

    def _stop(self) -> None:
        for control in (self._now, *(task.control for task in self._tasks)):
            if control is not None:
                control.stop()

    def _next(self) -> None:
        """Begin with the next task, or be idle. Each has a thread of its own, so that nothing of it is left behind."""
        if not self._tasks:
            self._now = None
            return
        task = self._tasks.popleft()
        thread = threading.Thread(target=self._work, args=(task,), name="llm_attr_widget", daemon=True)
        self._now = task.control
        try:
            thread.start()
        except RuntimeError:  # no thread is left, or the program ends
            self._now = None
            self._tasks.clear()
            raise
        self._thread = thread

    def _work(self, task: _Task) -> None:
        try:
            task.control.enter(waiting=task.waiting)
            task.job(task.control)
        finally:
            task.control.leave()
            with self._guard:
                self._next()


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Before a program ends: threads that are still in a model's code then abort the process."""
    workers, end = list(_workers), monotonic() + AT_EXIT
    for worker in workers:
        worker.stop()
    for worker in workers:
        worker.wait(max(0.0, end - monotonic()))
