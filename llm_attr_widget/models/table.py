"""A model with known answers, for tests: this package's own and its users'."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.types import Prompt, Scored


class TableModel:
    """Scores prompts by a function of yours, or by a table.

    log_probs: prompt ids, target ids → one log-prob per target token, in nats. batch: prompts per `Scored`.
    `asked` lists every prompt that was scored, in order, so that a test can see what a run really costs.
    """

    name = "table"

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
                    "Return an array of that length from the function given to TableModel."
                )
            yield Scored(rows, np.stack(scores))
