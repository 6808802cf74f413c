"""Games with known answers, played through the real game, ledger and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.game.game import Game
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import LogProb, Value
from llm_attr_widget.types import Coalitions, Piece, Prompt, Scored


class FunctionModel:
    """Scores prompts by a function: slow, broken or counting, as a test needs it.

    log_probs: prompt ids, target ids → one log-prob per target token, in nats. batch: prompts per `Scored`.
    `asked` lists every prompt that was scored, in order, so that a test can see what a run really costs.
    """

    name = "function"

    def __init__(self, log_probs: Callable[[tuple[int, ...], tuple[int, ...]], ArrayLike], *, batch: int = 8) -> None:
        self._log_probs = log_probs
        self._batch = batch
        self.asked: list[Prompt] = []

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """Batches in the order asked for. Raises ScoreError when the function returns another number of tokens."""
        for start in range(0, len(prompts), self._batch):
            rows = range(start, min(start + self._batch, len(prompts)))
            self.asked.extend(prompts[row] for row in rows)
            scores = [np.asarray(self._log_probs(prompts[row].ids, tuple(target)), dtype=np.float32) for row in rows]
            wrong = next((each for each in scores if each.shape != (len(target),)), None)
            if wrong is not None:
                raise ScoreError(
                    f"Expected one log-prob for each of {len(target)} target tokens, got shape {wrong.shape}. "
                    "Return an array of that length from the function given to FunctionModel."
                )
            yield Scored(rows, np.stack(scores))


@dataclass(frozen=True)
class BitsInput:
    """Features are numbers; a prompt's ids are the numbers of those present, so that a table can be asked for it.

    noise: with `random`, one more id is drawn: what a sampled baseline does.
    """

    count: int
    random: bool = False

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(Piece(f" f{i}", i) for i in range(self.count))

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f" f{i}" for i in range(self.count))

    @property
    def baseline(self) -> str:
        return "drawn" if self.random else "left out"

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        extra = [(self.count + int(rng.integers(8)),) if self.random else () for _ in coalitions]
        return [Prompt(tuple(np.flatnonzero(row).tolist()) + more) for row, more in zip(coalitions, extra, strict=True)]


def table(features: int, tokens: int, seed: int = 0) -> NDArray[np.float32]:
    """A random game of full order: log-probs `(2 ** features, tokens)`, row = sum of 2 ** i over features present."""
    return -np.random.default_rng(seed).exponential(2.0, (2**features, tokens)).astype(np.float32)


def table_model(log_probs: NDArray[np.float32], features: int, *, batch: int = 8) -> FunctionModel:
    """Answers prompts of BitsInput from a table. A drawn id changes the answer a little, in a known way."""

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> NDArray[np.float32]:
        row = sum(2**i for i in ids if i < features)
        drawn = sum(0.01 * (i - features) for i in ids if i >= features)
        return log_probs[row][list(target)] + np.float32(drawn)

    return FunctionModel(score, batch=batch)


def table_game(
    features: int, tokens: int, seed: int = 0, *, random: bool = False, value: Value | None = None
) -> tuple[Game, FunctionModel]:
    """The game and the model behind it, which counts what it was asked."""
    model = table_model(table(features, tokens, seed), features)
    target = Target(tuple(range(tokens)), tuple(f" t{i}" for i in range(tokens)))
    return Game(BitsInput(features, random), model, (target,), value or LogProb()), model
