"""How many tokens go through the model at once. Pure: no model, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class TokenBudget:
    """Tokens per forward pass, learned from what was measured.

    Starts at `tokens`. Twice as many are tried while that pays and a pass stays under `patience` seconds (so that
    results stream and a stop takes effect soon); half of it is tried where passes last longer. Among the budgets tried,
    the largest is kept that stays under `patience`, as long as it loses less than `slack` of the best rate; else the
    smallest that loses less than `slack`.
    """

    tokens: int
    least: int = 64
    most: int = 16_384
    patience: float = 0.12
    slack: float = 0.03
    rates: dict[int, float] = field(default_factory=dict[int, float])

    def done(self, used: int, seconds: float) -> None:
        """Take note of one pass over `used` tokens and choose the budget of the next one."""
        if used < 0.6 * self.tokens or seconds <= 0:
            return
        rate = used / seconds
        before = self.rates.get(self.tokens)
        self.rates[self.tokens] = rate if before is None else 0.7 * before + 0.3 * rate
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
        best = max(self.rates.values())
        good = sorted(budget for budget, rate in self.rates.items() if rate >= (1 - self.slack) * best)
        quick = [budget for budget in good if budget / self.rates[budget] <= self.patience]
        kept = quick[-1] if quick else good[0]
        double, half = 2 * kept, kept // 2
        if double <= self.most and double not in self.rates and double / self.rates[kept] <= self.patience:
            return double
        if half >= self.least and half not in self.rates and kept / self.rates[kept] > self.patience:
            return half
        return kept


def next_batch(lengths: Sequence[int], start: int, *, budget: int, most_rows: int) -> int:
    """End of the batch that begins at `start`: rows of `lengths` (ascending), padded to the longest, under `budget`.

    At least one row, at most `most_rows`.
    """
    end = start + 1
    while end < len(lengths) and end - start < most_rows and (end - start + 1) * lengths[end] <= budget:
        end += 1
    return end
