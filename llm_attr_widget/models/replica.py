"""A model in a process of its own: what runs in an actor of Ray's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np

from llm_attr_widget.errors import CapabilityError
from llm_attr_widget.types import EncoderDecoder, Generator, LogProbs, Prompt, Scorer


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model says of itself: equal for replicas that score alike. separate: whether it is an encoder-decoder."""

    name: str
    vocabulary: int | None
    max_positions: int | None
    fingerprint: str
    separate: bool = False


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
        separate = isinstance(model, EncoderDecoder) and model.separate
        return Facts(name, vocabulary, positions, self.fingerprint(None), separate)

    def fingerprint(self, start: tuple[int, ...] | None) -> str:
        """The model's own, or its name where it has none. start: see `log_probs`."""
        name = getattr(self._model, "name", type(self._model).__name__)
        return str(getattr(self._begun(start), "fingerprint", name))

    def beginning(self, options: dict[str, Any]) -> tuple[int, ...]:
        """What its decoder reads before a target. Raises CapabilityError for a model without one."""
        return self._decoding().beginning(options)

    def log_probs(self, prompts: list[Prompt], target: tuple[int, ...], start: tuple[int, ...] | None) -> LogProbs:
        """`(prompts, target tokens)` in nats. start: what an encoder-decoder's decoder begins with; None: its own."""
        found = np.full((len(prompts), len(target)), np.nan, dtype=np.float32)
        for batch in self._begun(start).score(prompts, target):
            found[list(batch.rows)] = batch.log_probs
        return found

    def generate(self, prompt: Prompt, most: int, options: dict[str, Any]) -> tuple[int, ...]:
        """Token ids after the prompt. Raises CapabilityError for a model that cannot generate."""
        if not isinstance(self._model, Generator):
            raise CapabilityError(f"{type(self._model).__name__} only scores. Give the target.")
        return self._model.generate(prompt, max_new_tokens=most, options=options)

    def _begun(self, start: tuple[int, ...] | None) -> Scorer:
        return self._model if start is None else self._decoding().begun(start)

    def _decoding(self) -> EncoderDecoder:
        if not isinstance(self._model, EncoderDecoder):
            raise CapabilityError(f"{type(self._model).__name__} has no decoder that begins with tokens of its own.")
        return self._model

    def end(self) -> None:
        """Answers when the process ends, and so only by an error."""
        Event().wait()
