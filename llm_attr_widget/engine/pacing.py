"""How many coalitions to play at once: few enough to look live, enough to be worth the model's while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]

WORTH = 1.5
"""A size is good enough when a coalition costs at most this much of what it costs at the best size."""

DOUBTED = 1.3
"""A play that takes more than this many times what it should is not believed until the next one takes as long."""

CHANGED = 2.0
"""A size that takes so many times less than before tells that the model's speed has changed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """How long a stretch between two events should take, by which clock."""

    seconds: float
    clock: Clock


class Tempo:
    """Learns from each play what sizes cost, and says how many coalitions the next one should have.

    target: seconds that a play should take. Where single plays are dominated by a fixed cost (a launch, a queue, a
    remote call), staying under the target would waste most of the time, so sizes still grow while that pays, up to
    four times the target, or twice what the shortest play takes.

    One pause (a busy server, a garbage collection) says nothing about a size: the same size is played again before a
    slow play is believed. A size that is slow twice, or at once much faster, tells that the model's speed has changed:
    then all that was learned before is forgotten. A larger size that cost more than the one below it is tried again
    after 1, 2, 4, … plays; one that paid, if not enough to stay there, after every one: nothing is lost by it, and so a
    pause on each try costs no more than the pause before.
    """

    def __init__(self, target: float, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._each: dict[int, float] = {}  # by level, floor(log2(size)): seconds per coalition
        self._vain: dict[int, int] = {}  # by level: how often in a row it was tried at a loss, at least 1 if in vain
        self._since: dict[int, int] = {}  # by level: plays since it was tried
        self._doubted: tuple[int, float] | None = None  # size and seconds of the play that is not believed yet
        self._began = 0.0

    def begin(self) -> None:
        self._began = self._clock()

    def end(self, size: int) -> None:
        took, level = max(self._clock() - self._began, 1e-6), size.bit_length() - 1
        self._since = {other: plays + 1 for other, plays in self._since.items()} | {level: 0}
        doubted, self._doubted = self._doubted, None
        if self._each and took > DOUBTED * self._longest(size):
            if doubted is None:
                self._doubted = size, took
                return
            took = min(took, doubted[1] * size / doubted[0])
        self._learn(level, took / size)

    def wanted(self) -> int:
        """Coalitions for the next play; 1 before the first."""
        if self._doubted is not None:
            return self._doubted[0]
        if not self._each:
            return 1
        level, quick = self._best()
        took = self._took(level)
        if not quick and level > 0 and level - 1 not in self._each:
            return 2 ** (level - 1)
        most = self._target if quick else max(4 * self._target, 2 * min(map(self._took, self._each)))
        if took <= most and self._open(level + 1, quick=quick):
            level += 1
            # While a play takes next to nothing, go faster: up to eightfold, if that should take half of the target.
            further = [more for more in (1, 2) if took * 2 ** (more + 1) <= self._target / 2]
            level += max(further, default=0)
        return 2**level

    def _took(self, level: int) -> float:
        return self._each[level] * 2**level

    def _longest(self, size: int) -> float:
        """Most seconds that a play of this size should take, from what others took: more coalitions take at most
        proportionally longer, fewer no longer.
        """
        return min(each * max(size, 2**level) for level, each in self._each.items())

    def _good(self) -> list[int]:
        best = min(self._each.values())
        return [level for level, each in self._each.items() if each <= WORTH * best]

    def _best(self) -> tuple[int, bool]:
        """The level to play at, of those that were tried, and whether it keeps within the target."""
        good = self._good()
        quick = [level for level in good if self._took(level) <= self._target]
        return (max(quick), True) if quick else (min(good), False)

    def _open(self, level: int, *, quick: bool) -> bool:
        """Whether a larger size is worth a try: never tried, or found bad long enough ago."""
        if level not in self._each:
            return True
        # A coalition of a larger play costs no more than one of a smaller play: else that play was slowed down.
        bad = not quick or self._each[level] > 1.05 * self._each[level - 1]
        return bad and self._since[level] >= 2 ** self._vain[level] - 1

    def _learn(self, level: int, each: float) -> None:
        before = self._each.get(level)
        slower = before is not None and each > DOUBTED * before
        faster = before is not None and each < before / CHANGED
        # A bad size that is good after all says nothing of the others.
        if slower or (faster and level in self._good()):
            self._each.clear()
        self._each[level] = each if before is None or slower or each < before else 0.5 * (before + each)
        lost = self._each[level] > 1.05 * self._each.get(level - 1, inf)
        vain = self._vain.get(level, 0) + 1 if lost else 1
        self._vain[level] = 0 if level == self._best()[0] else vain
