"""Replicas of a model on Ray: prompts are scored by whichever is free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, ScoreError
from llm_attr_widget.types import Generator, LogProbs, Prompt, Scored, Scorer


class RayModel:
    """Scores and generates with several copies of one model, each in a Ray actor of its own.

    make: builds the model there, a Scorer such as `HuggingFaceModel(...)`; it is pickled, so it should load the model
        rather than carry it. replicas: how many. batch: prompts sent to a replica at a time; neighbours share
        prefixes, so more is faster and less streams sooner. resources: of each actor, as for `ray.remote`
        ({"num_gpus": 1}). tokenizer: the one that belongs to the model, for those who ask it of a model.

    Uses the Ray that is initialised, else `ray.init()`'s default. `close()` ends the replicas; so does leaving it as a
    context manager. Raises CapabilityError where ray is missing.
    """

    def __init__(
        self,
        make: Callable[[], Scorer],
        *,
        replicas: int = 2,
        batch: int = 32,
        resources: Mapping[str, Any] | None = None,
        tokenizer: Any = None,
    ) -> None:
        if replicas < 1 or batch < 1:
            raise InputError(f"Expected replicas and batch of 1 or more, got {replicas} and {batch}.")
        self._ray = _ray()
        actor = self._ray.remote(**(resources or {"num_cpus": 1}))(_Replica)
        self._replicas: list[Any] = [actor.remote(make) for _ in range(replicas)]
        self._batch = batch
        self.tokenizer = tokenizer
        facts: dict[str, Any] = self._answer(self._replicas[0].facts.remote())
        self.name: str = facts["name"]
        self.vocabulary: int | None = facts["vocabulary"]
        self.max_positions: int | None = facts["max_positions"]

    def __repr__(self) -> str:
        return f"RayModel({self.name!r}, replicas={len(self._replicas)})"

    def __enter__(self) -> RayModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fingerprint(self) -> str:
        """That of the model in the first replica."""
        if not self._replicas:
            raise CapabilityError("These replicas were closed. Make a new RayModel.")
        return self._answer(self._replicas[0].fingerprint.remote())

    def close(self) -> None:
        """End the replicas and free what they hold."""
        for replica in self._replicas:
            self._ray.kill(replica)
        self._replicas = []

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """As the replicas' own `score`, a batch at a time, as they finish. Closing the iterator drops what waits.

        Raises what a replica raises, ScoreError where one is lost.
        """
        if not self._replicas:
            raise CapabilityError("These replicas were closed. Make a new RayModel.")
        given = list(prompts)
        starts = list(range(0, len(given), self._batch))
        idle = list(self._replicas)
        under_way: dict[Any, tuple[Any, range]] = {}
        try:
            while starts or under_way:
                while starts and idle:
                    rows = range(starts[0], min(starts.pop(0) + self._batch, len(given)))
                    replica = idle.pop()
                    asked = replica.log_probs.remote([given[row] for row in rows], tuple(target))
                    under_way[asked] = (replica, rows)
                (done,), _ = self._ray.wait(list(under_way), num_returns=1)
                replica, rows = under_way.pop(done)
                idle.append(replica)
                yield Scored(rows, self._answer(done))
        finally:
            for waiting in under_way:
                self._ray.cancel(waiting, force=False)

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """By the first replica. Raises CapabilityError where its model cannot generate."""
        if not self._replicas:
            raise CapabilityError("These replicas were closed. Make a new RayModel.")
        return self._answer(self._replicas[0].generate.remote(prompt, max_new_tokens, dict(options)))

    def _answer(self, asked: Any) -> Any:
        try:
            return self._ray.get(asked)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AttributionError):
                raise error.cause from error
            raise ScoreError(f"A replica failed: {error.cause!r}. Try the model it makes by itself first.") from error
        except self._ray.exceptions.RayError as error:
            raise ScoreError(
                f"A replica was lost: {error}. It may have run out of memory: use fewer replicas, or a smaller batch."
            ) from error


class _Replica:
    """What runs in an actor."""

    def __init__(self, make: Callable[[], Scorer]) -> None:
        self._model = make()

    def facts(self) -> dict[str, Any]:
        names = ("vocabulary", "max_positions")
        name = getattr(self._model, "name", type(self._model).__name__)
        return {"name": name, **{each: getattr(self._model, each, None) for each in names}}

    def fingerprint(self) -> str:
        name = getattr(self._model, "name", type(self._model).__name__)
        return str(getattr(self._model, "fingerprint", name))

    def log_probs(self, prompts: list[Prompt], target: tuple[int, ...]) -> LogProbs:
        found = np.full((len(prompts), len(target)), np.nan, dtype=np.float32)
        for batch in self._model.score(prompts, target):
            found[list(batch.rows)] = batch.log_probs
        return found

    def generate(self, prompt: Prompt, most: int, options: dict[str, Any]) -> tuple[int, ...]:
        if not isinstance(self._model, Generator):
            raise CapabilityError(f"{type(self._model).__name__} only scores. Give the target.")
        return self._model.generate(prompt, max_new_tokens=most, options=options)


def _ray() -> Any:
    try:
        # By its name, so that type checkers do not ask for it where it is not installed.
        ray: Any = import_module("ray")
    except ImportError as error:
        raise CapabilityError("RayModel needs the ray package: pip install 'llm_attr_widget[ray]'.") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    return ray
