"""Games with known answers, played through the real game, ledger and run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.game import Game
from llm_attr_widget.models.table import TableModel
from llm_attr_widget.targets import Target
from llm_attr_widget.types import Coalitions, Piece, Prompt
from llm_attr_widget.values import LogProb, Value


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


def table_model(log_probs: NDArray[np.float32], features: int, *, batch: int = 8) -> TableModel:
    """Answers prompts of BitsInput from a table. A drawn id changes the answer a little, in a known way."""

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> NDArray[np.float32]:
        row = sum(2**i for i in ids if i < features)
        drawn = sum(0.01 * (i - features) for i in ids if i >= features)
        return log_probs[row][list(target)] + np.float32(drawn)

    return TableModel(score, batch=batch)


def table_game(
    features: int, tokens: int, seed: int = 0, *, random: bool = False, value: Value | None = None
) -> tuple[Game, TableModel]:
    """The game and the model behind it, which counts what it was asked."""
    model = table_model(table(features, tokens, seed), features)
    target = Target(tuple(range(tokens)), tuple(f" t{i}" for i in range(tokens)))
    return Game(BitsInput(features, random), model, (target,), value or LogProb()), model
