"""The game: input × model × target × value function. The only thing that calls a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import Cancelled, ScoreError
from llm_attr_widget.game.ledger import KEY_BYTES, Ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Value
from llm_attr_widget.types import Coalitions, Input, LogProbs, Prompt, Scorer


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A block of coalitions and the prompts that they are played as.

    keys: uint8 `(coalitions, 16)`, equal for equal prompts: what a ledger remembers scores by.
    """

    coalitions: Coalitions
    prompts: list[Prompt]
    keys: NDArray[np.uint8]


class Evaluator:
    """Plays coalitions of one game, and never scores the same prompt twice.

    known: what an earlier run left; its prompts are not scored again. scored: prompts that went through the model,
    times the number of targets.
    """

    def __init__(self, game: Game, *, known: Ledger | None = None) -> None:
        self.game = game
        self.scored = 0
        self._scores: dict[bytes, LogProbs] = {}
        if known is not None:
            self._scores = {key.tobytes(): scores for key, scores in zip(known.keys, known.log_probs, strict=True)}

    def ask(self, coalitions: Coalitions, rng: np.random.Generator) -> Asked:
        """The prompts of these coalitions. rng: for sampled baselines; one for each block, so that what is drawn does
        not depend on how blocks are put together. Costs no model call.
        """
        prompts = self.game.input.render(coalitions, rng)
        keys = np.frombuffer(b"".join(map(prompt_key, prompts)), dtype=np.uint8).reshape(len(prompts), KEY_BYTES)
        return Asked(coalitions, prompts, keys)

    def ask_each(self, blocks: Sequence[tuple[Coalitions, np.random.Generator]]) -> list[Asked]:
        """`ask` for each block. All at once where nothing is drawn at random: a tokenizer takes many texts gladly."""
        if self.game.input.random or len(blocks) < 2:
            return [self.ask(coalitions, rng) for coalitions, rng in blocks]
        whole = self.ask(np.concatenate([coalitions for coalitions, _ in blocks]), blocks[0][1])
        ends = np.cumsum([len(coalitions) for coalitions, _ in blocks])
        return [
            Asked(coalitions, whole.prompts[end - len(coalitions) : end], whole.keys[end - len(coalitions) : end])
            for (coalitions, _), end in zip(blocks, ends, strict=True)
        ]

    def score(self, blocks: Sequence[Asked], cancelled: Callable[[], bool]) -> None:
        """Have all that is not known yet scored. Raises Cancelled, tested between batches.

        What was scored stays known, also after a stop or an error.
        """
        wanted: dict[bytes, Prompt] = {}
        for asked in blocks:
            for key, prompt in zip(asked.keys, asked.prompts, strict=True):
                if key.tobytes() not in self._scores:
                    wanted[key.tobytes()] = prompt
        self._score(list(wanted), list(wanted.values()), cancelled)

    def answers(self, asked: Asked) -> tuple[NDArray[np.intp], LogProbs]:
        """Rows of the block that are known, ascending, and their log-probs `(rows, target tokens)`."""
        found = [self._scores.get(key.tobytes()) for key in asked.keys]
        rows = [row for row, scores in enumerate(found) if scores is not None]
        known = [scores for scores in found if scores is not None]
        table = np.stack(known) if known else np.empty((0, self.game.tokens), dtype=np.float32)
        return np.array(rows, dtype=np.intp), table

    def play(self, coalitions: Coalitions, rng: np.random.Generator, cancelled: Callable[[], bool]) -> LogProbs:
        """`(coalitions, target tokens)`, in nats: ask, score and answer in one. Raises Cancelled."""
        asked = self.ask(coalitions, rng)
        self.score([asked], cancelled)
        return self.answers(asked)[1]

    def _score(self, keys: list[bytes], prompts: list[Prompt], cancelled: Callable[[], bool]) -> None:
        if not prompts:
            if cancelled():  # a run whose prompts are all known by now is stopped as others are
                raise Cancelled("The run was stopped.")
            return
        table = np.full((len(prompts), self.game.tokens), np.nan, dtype=np.float32)
        missing = np.full(len(prompts), len(self.game.targets))
        for rows, columns, log_probs in self._batches(prompts):
            table[rows, columns] = log_probs
            missing[rows] -= 1
            for row in rows:
                if missing[row] == 0:
                    self._scores[keys[row]] = self._checked(table[row])
            self.scored += len(rows)
            if cancelled():
                raise Cancelled("The run was stopped.")

    def _checked(self, log_probs: LogProbs) -> LogProbs:
        """The row itself. Raises ScoreError for NaN, and for a probability of 0 where its logarithm is explained."""
        if np.isnan(log_probs).any() or np.isposinf(log_probs).any():
            raise ScoreError(
                "Expected log-probs, but the model returned NaN or +infinity. Check the model's weights and dtype "
                "(float16 overflows on CPU; try float32 or bfloat16)."
            )
        if np.isneginf(log_probs).any() and not np.isfinite(self.game.value(log_probs[None])).all():
            token = int(np.argmax(np.isneginf(log_probs)))
            text = [text for target in self.game.targets for text in target.texts][token]
            raise ScoreError(
                f"The model gives target token {token} ({text!r}) the probability 0, so its log-prob is -infinity and "
                "no part of it can be attributed. Explain probabilities (value='prob'), or another target."
            )
        return log_probs

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
    return hashlib.blake2b(ids + b"|" + (prompt.extras_key or "").encode(), digest_size=KEY_BYTES).digest()
