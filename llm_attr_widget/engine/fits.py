"""A run's newest estimate, fitted beside its play: neither progress nor a stop waits for a fit that takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from llm_attr_widget.engine.pacing import Clock
from llm_attr_widget.engine.update import never
from llm_attr_widget.errors import Cancelled
from llm_attr_widget.types import Estimate

PLAYED_PER_FIT = 100.0
"""Seconds to play between two fits, for each second that a fit took."""

CHEAP = 0.005
"""Fits of so many seconds are always made: they do not show beside an event."""

WAITED = 0.2
"""Seconds that play, or a stop, waits for a fit; one that takes longer is there at a later event."""

_LOOK = 0.05
"""Seconds between looks at whether a run that must wait for a fit was stopped."""


@dataclass(slots=True)
class _Fit:
    """One fit, of the first so many rows. error: what it raised. took: seconds."""

    rows: int
    thread: threading.Thread = field(init=False)
    done: threading.Event = field(default_factory=threading.Event)
    found: Estimate | None = None
    error: BaseException | None = None
    took: float = 0.0


class Fits:
    """When to fit again, and the newest estimate that there is.

    Fits come so seldom that what they cost stays small beside what is played between two of them. Each has a thread of
    its own, and there is one at a time.

    fit: the estimate of all rows that were added before it is called; more may be added while it is at work.
    """

    def __init__(self, fit: Callable[[], Estimate | None], clock: Clock) -> None:
        self._fit = fit
        self._clock = clock
        self._next = -inf
        self._cost = 0.0
        self._under_way: _Fit | None = None
        self._rows = -1
        self.last: Estimate | None = None

    def newest(self, rows: int) -> Estimate | None:
        """The newest estimate there is; a fit of these rows begins if it is time, and is waited for a little."""
        self._collect(0.0)
        if self._under_way is None and self._clock() >= self._next:
            self._begin(rows)
            self._collect(WAITED)
        return self.last

    def of(self, rows: int, cancelled: Callable[[], bool]) -> Estimate | None:
        """The fit of exactly these rows, however long it takes. Raises Cancelled, and what the fit raises."""
        while self._rows != rows:
            if self._under_way is None:
                self._begin(rows)
            while not self._collect(_LOOK):
                if cancelled():
                    raise Cancelled("The run was stopped.")
        return self.last

    def at_stop(self, rows: int) -> Estimate | None:
        """The fit of these rows where it is quick, or the first one that there is; else the last one."""
        if self.last is None:
            return self.of(rows, never)
        if self._cost <= WAITED and self._under_way is None:
            self._begin(rows)
            self._collect(WAITED)
        return self.last

    def _begin(self, rows: int) -> None:
        if rows == self._rows or self._under_way is not None:
            return
        fit = _Fit(rows)
        fit.thread = threading.Thread(target=self._work, args=(fit,), name="llm_attr_widget fit")
        self._under_way = fit
        try:
            fit.thread.start()
        except RuntimeError:  # the system has no thread left, or the program ends
            self._work(fit)

    def _work(self, fit: _Fit) -> None:
        began = self._clock()
        try:
            fit.found = self._fit()
        except BaseException as error:  # noqa: BLE001  raised where the estimate is asked for
            fit.error = error
        fit.took = self._clock() - began
        fit.done.set()

    def _collect(self, seconds: float) -> bool:
        """Take what a fit under way has found, waiting for it so long; False while it is not there."""
        fit = self._under_way
        if fit is None:
            return True
        if not fit.done.wait(seconds):
            if seconds > 0 and not fit.thread.is_alive():
                self._under_way = None  # an interrupt came before it could begin
            return False
        self._under_way = None
        if fit.error is not None:
            raise fit.error
        self.last, self._rows = fit.found, fit.rows
        cost = min(fit.took, self._cost)  # of two, so that one that the machine interrupted delays nothing
        self._cost, now = fit.took, self._clock()
        self._next = now + PLAYED_PER_FIT * cost if cost > CHEAP else now
        return True
