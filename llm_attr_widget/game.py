"""The game: input × model × target × value function. The only thing that calls a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from llm_attr_widget.errors import Cancelled, ScoreError
from llm_attr_widget.ledger import Ledger
from llm_attr_widget.targets import Target
from llm_attr_widget.types import Coalitions, Input, LogProbs, Prompt, Scorer
from llm_attr_widget.values import Value


@dataclass(frozen=True, slots=True)
class Game:
    """Coalitions → values of the target.

    targets: one, or two for a contrast; the ledger's columns are their tokens side by side.
    """

    input: Input
    scorer: Scorer
    targets: tuple[Target, ...]
    value: Value

    @property
    def features(self) -> int:
        return len(self.input.features)

    @property
    def tokens(self) -> int:
        """Columns of log-probs: target tokens of all targets."""
        return sum(len(target.ids) for target in self.targets)

    @property
    def fingerprint(self) -> str:
        """Tells whether a ledger belongs to this game: same features, target tokens and baseline."""
        parts = (self.input.features, [target.ids for target in self.targets], self.input.baseline)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


class Player:
    """Plays coalitions of one game, and never scores the same prompt twice.

    scored: prompts that went through the model, times the number of targets. reused: coalitions that cost nothing.
    """

    def __init__(self, game: Game, *, known: Ledger | None = None) -> None:
        self.game = game
        self.scored = 0
        self._by_prompt: dict[bytes, LogProbs] = {}
        self._by_coalition: dict[bytes, LogProbs] = {}
        # With sampled baselines equal coalitions are different prompts, so only run.py may reuse them, by position.
        if known is not None and not game.input.random:
            packed = np.packbits(known.coalitions, axis=1)
            self._by_coalition = {row.tobytes(): scores for row, scores in zip(packed, known.log_probs, strict=True)}

    def play(
        self, blocks: Sequence[tuple[Coalitions, np.random.Generator]], cancelled: Callable[[], bool]
    ) -> list[LogProbs]:
        """Log-probs `(coalitions, target tokens)` of each block, in the order given.

        blocks: coalitions, each with the generator for its sampled baselines, so that what is drawn does not depend
        on how blocks are put together. Raises Cancelled, tested between batches; what was scored stays known.
        """
        plans = [self._plan(coalitions, rng) for coalitions, rng in blocks]
        wanted = {
            key: prompt for plan in plans for key, prompt in plan if prompt is not None and key not in self._by_prompt
        }
        self._score(list(wanted), list(wanted.values()), cancelled)
        return [
            np.stack([self._by_coalition[key] if prompt is None else self._by_prompt[key] for key, prompt in plan])
            for plan in plans
        ]

    def _plan(self, coalitions: Coalitions, rng: np.random.Generator) -> list[tuple[bytes, Prompt | None]]:
        """For each coalition a key, and the prompt to score unless the coalition itself is known."""
        rows = [row.tobytes() for row in np.packbits(coalitions, axis=1)]
        fresh = [i for i, row in enumerate(rows) if row not in self._by_coalition]
        plan: list[tuple[bytes, Prompt | None]] = [(row, None) for row in rows]
        if fresh:
            prompts = self.game.input.render(coalitions[fresh], rng)
            for i, prompt in zip(fresh, prompts, strict=True):
                plan[i] = (prompt_key(prompt), prompt)
        return plan

    def _score(self, keys: list[bytes], prompts: list[Prompt], cancelled: Callable[[], bool]) -> None:
        if not prompts:
            return
        table = np.full((len(prompts), self.game.tokens), np.nan, dtype=np.float32)
        missing = np.full(len(prompts), len(self.game.targets))
        for rows, columns, log_probs in self._batches(prompts):
            table[rows, columns] = log_probs
            missing[rows] -= 1
            for row in rows:
                if missing[row] == 0:
                    self._by_prompt[keys[row]] = _checked(table[row])
            self.scored += len(rows)
            if cancelled():
                raise Cancelled("The run was stopped.")

    def _batches(self, prompts: list[Prompt]) -> Iterator[tuple[Sequence[int], slice, LogProbs]]:
        start = 0
        for target in self.game.targets:
            columns = slice(start, start + len(target.ids))
            for batch in self.game.scorer.score(prompts, target.ids):
                yield batch.rows, columns, batch.log_probs
            start = columns.stop


def prompt_key(prompt: Prompt) -> bytes:
    """Short and equal for equal prompts: keeping the ids themselves would cost megabytes on long prompts."""
    ids = np.asarray(prompt.ids, dtype=np.int64).tobytes()
    return hashlib.blake2b(ids + b"|" + (prompt.extras_key or "").encode(), digest_size=16).digest()


def _checked(log_probs: LogProbs) -> LogProbs:
    if np.isnan(log_probs).any():
        raise ScoreError(
            "Expected log-probs, but the model returned NaN. Check the model's weights and dtype "
            "(float16 overflows on CPU; try float32 or bfloat16)."
        )
    return log_probs
