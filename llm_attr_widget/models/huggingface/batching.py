"""How many tokens go through the model at once. Pure: no model, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

_MEASURED = 3
"""So many passes tell what a budget is worth."""

_AGAIN = 4
"""Every so many passes, a neighbour that was measured less often is tried again."""


class Budget(Protocol):
    """How many tokens the next pass should have."""

    @property
    def tokens(self) -> int: ...

    def done(self, used: int, seconds: float) -> None:
        """Take note of one pass over `used` tokens."""
        ...

    def halve(self) -> bool:
        """The pass did not fit into memory: never go that far again. False if it cannot get smaller."""
        ...


@dataclass(frozen=True, slots=True)
class FixedBudget:
    """Always as many tokens: for whoever must cut passes the same way every time, such as ranks that share a model."""

    tokens: int

    def done(self, used: int, seconds: float) -> None:
        """Nothing is learned."""

    def halve(self) -> bool:
        return False


@dataclass(slots=True)
class TokenBudget:
    """Tokens per forward pass, learned from what was measured.

    Starts at `tokens`. Twice as many are tried while that pays and a pass stays under `lively` seconds, so that results
    stream; half of it is tried where a pass lasts longer than `patience`, so that a stop takes effect soon. Among the
    budgets tried, the largest is kept that stays under `lively`, or else `patience`, as long as it loses less than
    `slack` of the best rate; else the smallest that loses less than `slack`.

    rates: tokens per second of the last passes with each budget. The best of them counts: a busy machine only ever
    makes a pass slower. And the neighbours of what is kept are tried again until they, too, were measured a few times,
    so that one busy moment does not rule out the best budget for good.
    """

    tokens: int
    least: int = 64
    most: int = 16_384
    lively: float = 0.12
    patience: float = 0.8
    slack: float = 0.03
    rates: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    passes: int = 0

    def done(self, used: int, seconds: float) -> None:
        """Take note of one pass over `used` tokens and choose the budget of the next one."""
        if used < 0.6 * self.tokens or seconds <= 0:
            return
        self.rates[self.tokens] = [*self.rates.get(self.tokens, [])[1 - _MEASURED :], used / seconds]
        self.passes += 1
        self.tokens = self._choice()

    def halve(self) -> bool:
        """The pass did not fit into memory: never go that far again. False if it cannot get smaller."""
        if self.tokens <= 1:
            return False
        self.most = max(1, self.tokens // 2)
        self.least = min(self.least, self.most)
        self.rates = {budget: rate for budget, rate in self.rates.items() if budget <= self.most}
        self.tokens = self.most
        return True

    def _choice(self) -> int:
        rates = {budget: max(measured) for budget, measured in self.rates.items()}
        best = max(rates.values())
        good = sorted(budget for budget, rate in rates.items() if rate >= (1 - self.slack) * best)
        lasts = {budget: budget / rates[budget] for budget in good}
        under = [[budget for budget in good if lasts[budget] <= most] for most in (self.lively, self.patience)]
        kept = next((some[-1] for some in under if some), good[0])
        again = self.passes % _AGAIN == 0
        double, half = 2 * kept, kept // 2
        if self._open(double, again=again) and double / rates[kept] <= self.lively:
            return double
        if self._open(half, again=again) and lasts[kept] > self.patience:
            return half
        if again and lasts[kept] > self.lively and double in rates and self._open(double, again=True):
            return double
        return kept

    def _open(self, budget: int, *, again: bool) -> bool:
        """Whether this budget is allowed and not measured yet; or, when it is time for that, not often enough."""
        enough = _MEASURED if again else 1
        return self.least <= budget <= self.most and len(self.rates.get(budget, [])) < enough


def next_batch(lengths: Sequence[int], start: int, *, budget: int, most_rows: int) -> int:
    """End of the batch that begins at `start`: rows of `lengths` (ascending), padded to the longest, under `budget`.

    At least one row, at most `most_rows`.
    """
    end = start + 1
    while end < len(lengths) and end - start < most_rows and (end - start + 1) * lengths[end] <= budget:
        end += 1
    return end
