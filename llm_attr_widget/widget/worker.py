"""One job at a time per model, in a background thread, so that Stop can arrive while it runs."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

Job = Callable[[Callable[[], bool]], None]
"""A job is given `cancelled`, which it asks between steps."""

_turns_guard = threading.Lock()
_turns: weakref.WeakKeyDictionary[Any, threading.Lock] = weakref.WeakKeyDictionary()


def turn_on(model: object) -> threading.Lock:
    """The lock that two widgets on one model share."""
    with _turns_guard:
        return _turns.setdefault(model, threading.Lock())


class Worker:
    """Runs one widget's jobs, one after another. A new job ends the one before it."""

    def __init__(self, model: object) -> None:
        self._turn = turn_on(model)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, job: Job, *, waiting: Callable[[], None]) -> None:
        """Run `job` in a thread and return at once. `waiting` is called first if another widget has the model.

        A job that was stopped while it waited is still called, so that it can say so; it must ask `cancelled` first.
        """
        self._stop.set()
        before, stop = self._thread, threading.Event()

        def work() -> None:
            if before is not None:
                before.join()
            mine = self._turn.acquire(blocking=False)
            if not mine:
                waiting()
            while not (mine or stop.is_set()):
                mine = self._turn.acquire(timeout=0.05)
            try:
                job(stop.is_set)
            finally:
                if mine:
                    self._turn.release()

        self._stop = stop
        self._thread = threading.Thread(target=work, name="llm_attr_widget", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the job in progress to end; returns at once."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until no job runs; False when the time (seconds) ran out first."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.busy
