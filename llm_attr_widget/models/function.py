"""A model with known answers, for tests: this package's own and its users'."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_attr_widget.errors import CapabilityError, InputError, ScoreError
from llm_attr_widget.types import Prompt, Scored


class TableModel:
    """Scores prompts by a function of yours, or by a table.

    log_probs: prompt ids, target ids → one log-prob per target token, in nats. batch: prompts per `Scored`.
    written: token ids that `generate` answers, whatever the prompt.
    `asked` lists every prompt that was scored, in order, so that a test can see what a run really costs.
    """

    name = "table"
    vocabulary: int | None = None
    max_positions: int | None = None

    def __init__(
        self,
        log_probs: Callable[[tuple[int, ...], tuple[int, ...]], ArrayLike],
        *,
        batch: int = 8,
        written: Sequence[int] = (),
    ) -> None:
        self._log_probs = log_probs
        self._batch = batch
        self._written = tuple(written)
        self.asked: list[Prompt] = []

    @classmethod
    def of(cls, table: NDArray[np.floating[Any]], *, tokens: Sequence[int], batch: int = 8) -> TableModel:
        """A game whose exact attributions can be worked out by hand.

        table: `(2 ** features, target tokens)` in nats. Row r answers for the set of features whose bits are set in r:
            row 0 for none, row 1 for feature 0 alone, row 2 for feature 1 alone, row 3 for both.
        tokens: the token id whose presence in a prompt means that the feature is present, for each feature.
        """
        if np.ndim(table) != 2 or len(table) != 1 << len(tokens) or len(set(tokens)) != len(tokens):
            raise InputError(
                f"For the {len(tokens)} features of tokens {tuple(tokens)}, different ones and a table of "
                f"{1 << len(tokens)} rows were expected: one for each set of features. It has shape {np.shape(table)}."
            )
        place = {token: 1 << bit for bit, token in enumerate(tokens)}
        return cls(lambda ids, _: table[sum(place.get(token, 0) for token in set(ids))], batch=batch)

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

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """The first of `written`. Raises CapabilityError where nothing was given to write, or options came."""
        if not self._written or options:
            raise CapabilityError(
                f"This table was given {self._written or 'nothing'} to write after {len(prompt.ids)} tokens and takes "
                f"no options, but {sorted(options)} came. Give TableModel `written=`, or the run a target."
            )
        return self._written[:max_new_tokens]
