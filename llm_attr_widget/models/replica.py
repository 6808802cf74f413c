"""A model in a process of its own: what runs in an actor of Ray's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np

from llm_attr_widget.errors import CapabilityError
from llm_attr_widget.types import Generator, LogProbs, Prompt, Scorer


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model says of itself: equal for replicas that score alike."""

    name: str
    vocabulary: int | None
    max_positions: int | None
    fingerprint: str


class Replica:
    """The model and what is asked of it.

    make: builds it. All but `end` answer one after another.
    """

    def __init__(self, make: Callable[[], Scorer]) -> None:
        self._model = make()

    def facts(self) -> Facts:
        """What it has. Cost: two passes over the weights of a Hugging Face model, for its fingerprint."""
        model = self._model
        name = str(getattr(model, "name", type(model).__name__))
        vocabulary, positions = getattr(model, "vocabulary", None), getattr(model, "max_positions", None)
        return Facts(name, vocabulary, positions, self.fingerprint())

    def fingerprint(self) -> str:
        """The model's own, or its name where it has none."""
        name = getattr(self._model, "name", type(self._model).__name__)
        return str(getattr(self._model, "fingerprint", name))

    def log_probs(self, prompts: list[Prompt], target: tuple[int, ...]) -> LogProbs:
        """`(prompts, target tokens)` in nats."""
        found = np.full((len(prompts), len(target)), np.nan, dtype=np.float32)
        for batch in self._model.score(prompts, target):
            found[list(batch.rows)] = batch.log_probs
        return found

    def generate(self, prompt: Prompt, most: int, options: dict[str, Any]) -> tuple[int, ...]:
        """Token ids after the prompt. Raises CapabilityError for a model that cannot generate."""
        if not isinstance(self._model, Generator):
            raise CapabilityError(f"{type(self._model).__name__} only scores. Give the target.")
        return self._model.generate(prompt, max_new_tokens=most, options=options)

    def end(self) -> None:
        """Answers when the process ends, and so only by an error."""
        Event().wait()
