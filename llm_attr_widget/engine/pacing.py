"""How many coalitions to play at once: few enough to look live, enough to be worth the model's while."""

from __future__ import annotations

from collections.abc import Callable

WORTH = 1.5
"""A size is good enough when a coalition costs at most this much of what it costs at the best size."""


class Tempo:
    """Learns from each play what sizes cost, and says how many coalitions the next one should have.

    target: seconds that a play should take. Where single plays are dominated by a fixed cost (a launch, a queue, a
    remote call), staying under the target would waste most of the time, so sizes still grow while that pays, up to
    four times the target.
    """

    def __init__(self, target: float, clock: Callable[[], float]) -> None:
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
