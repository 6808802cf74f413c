"""How often a run shows what it has: how many coalitions to play at once, and when to fit them again.

Few coalitions enough to look live, enough to be worth the model's while; and fits so seldom that playing hardly waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from llm_attr_widget.types import Estimate

Clock: TypeAlias = Callable[[], float]

WORTH = 1.5
"""A size is good enough when a coalition costs at most this much of what it costs at the best size."""

PLAYED_PER_FIT = 100.0
"""Seconds to play between two fits, for each second that a fit took."""

CHEAP = 0.005
"""Fits of so many seconds are always made: they do not show beside an event."""


@dataclass(frozen=True, slots=True)
class Tick:
    """How long a stretch between two events should take, by which clock."""

    seconds: float
    clock: Clock


class Fits:
    """When to fit again: so seldom that what a fit costs stays small beside what is played between two of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = -inf
        self._rows = -1
        self._cost = 0.0
        self._last: Estimate | None = None

    def due(self) -> bool:
        return self._clock() >= self._next

    def take(self, fit: Callable[[], Estimate | None], rows: int) -> Estimate | None:
        """The fit of so many rows; the last one where no row was added since."""
        if rows == self._rows:
            return self._last
        began = self._clock()
        found = self._last = fit()
        self._rows = rows
        now = self._clock()
        cost = min(now - began, self._cost)  # of two, so that one that the machine interrupted delays nothing
        self._cost = now - began
        self._next = now + PLAYED_PER_FIT * cost if cost > CHEAP else now
        return found


class Tempo:
    """Learns from each play what sizes cost, and says how many coalitions the next one should have.

    target: seconds that a play should take. Where single plays are dominated by a fixed cost (a launch, a queue, a
    remote call), staying under the target would waste most of the time, so sizes still grow while that pays, up to
    four times the target.
    """

    def __init__(self, target: float, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._seconds: dict[int, float] = {}  # by floor(log2(size)): seconds per coalition, smoothed
        self._began = 0.0

    def begin(self) -> None:
        self._began = self._clock()

    def end(self, size: int) -> None:
        each = max(self._clock() - self._began, 1e-6) / size
        level = size.bit_length() - 1
        before = self._seconds.get(level)
        self._seconds[level] = each if before is None else 0.5 * (before + each)

    def wanted(self) -> int:
        """Coalitions for the next play; 1 before the first."""
        if not self._seconds:
            return 1
        best = min(self._seconds.values())
        good = [level for level, each in self._seconds.items() if each <= WORTH * best]
        quick = [level for level in good if self._seconds[level] * 2**level <= self._target]
        level = max(quick) if quick else min(good)
        took = self._seconds[level] * 2**level
        if level + 1 not in self._seconds and took <= (1 if quick else 4) * self._target:
            level += 1
            # While a play takes next to nothing, go faster: up to eightfold, if that should take half of the target.
            further = [more for more in (1, 2) if took * 2 ** (more + 1) <= self._target / 2]
            level += max(further, default=0)
        return 2**level
