"""Ways of scoring many prompts, from the fastest to the plainest. Each yields batches as they finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import numpy as np
import torch

from llm_attr_widget.errors import CapabilityError, ScoreError
from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.batching import Budget, next_batch
from llm_attr_widget.models.huggingface.extras import stackable
from llm_attr_widget.models.huggingface.forward import alone, extended, started, teacher_forced
from llm_attr_widget.types import Prompt, Scored


class Unfit(CapabilityError):
    """A path gave other numbers than the plainest one, or none, where it went further than it had been tried."""


@dataclass(slots=True)
class Trust:
    """keys: the longest row, in tokens that can be attended to, that was held against the plainest path."""

    keys: int = 0


@dataclass(frozen=True)
class Job:
    """What is to be scored, on what, and in passes of what size.

    trust: how far the path was tried. A path whose rows hold several prompts looks at some of them again, each alone,
    when it goes further, and raises Unfit where they differ. None: it is to be believed as it is.
    """

    anatomy: Anatomy
    prompts: Sequence[Prompt]
    target: tuple[int, ...]
    budget: Budget
    trust: Trust | None = field(default=None)


class Path(Protocol):
    """One way of scoring. All give the same numbers where they apply; the probe finds out where they do."""

    @property
    def name(self) -> str: ...

    def score(self, job: Job) -> Iterator[Scored]: ...


class Padded:
    """Right-padded batches of prompts of similar length, one pass each."""

    name = "padded"

    def score(self, job: Job) -> Iterator[Scored]:
        groups: dict[object, list[int]] = {}
        for index, prompt in enumerate(job.prompts):
            groups.setdefault(stackable(prompt, job.anatomy), []).append(index)
        for group in groups.values():
            yield from self._score_group(job, sorted(group, key=lambda index: len(job.prompts[index].ids)))

    def _score_group(self, job: Job, order: list[int]) -> Iterator[Scored]:
        lengths = [len(started(job.prompts[index], job.anatomy)) + len(job.target) - 1 for index in order]
        most_rows = most_positions(job.anatomy) // len(job.target)
        start = 0
        while start < len(order):
            end = next_batch(lengths, start, budget=job.budget.tokens, most_rows=most_rows)
            rows = order[start:end]
            began = perf_counter()
            try:
                log_probs = teacher_forced(job.anatomy, [job.prompts[row] for row in rows], job.target)
            except RuntimeError as error:
                make_room(error, job.budget, alone=len(rows) == 1)
                continue
            job.budget.done(len(rows) * lengths[end - 1], perf_counter() - began)
            yield Scored(rows, log_probs)
            start = end


class OneByOne:
    """Each prompt alone, in one pass: no padding, no cache."""

    name = "one by one"

    def score(self, job: Job) -> Iterator[Scored]:
        for index, prompt in enumerate(job.prompts):
            yield Scored([index], alone(job.anatomy, prompt, job.target).log_probs)


class Refed:
    """Each prompt alone, read again for every target token.

    Right for any model, also where later tokens change what earlier ones say. This is the definition of a score that
    the other paths are held against.
    """

    name = "read again for each token"

    def score(self, job: Job) -> Iterator[Scored]:
        for index, prompt in enumerate(job.prompts):
            steps = [refed(job.anatomy, prompt, job.target, position) for position in range(len(job.target))]
            yield Scored([index], np.array([steps], dtype=np.float32))


def refed(anatomy: Anatomy, prompt: Prompt, target: Sequence[int], position: int) -> float:
    """Log-prob of one target token, from a pass that reads nothing after it."""
    if anatomy.limits.separate:
        return float(teacher_forced(anatomy, [prompt], target[: position + 1], first=position)[0, 0])
    before = extended(anatomy, prompt, target[:position])
    return float(alone(anatomy, before, target[position : position + 1]).log_probs[0, 0])


def most_positions(anatomy: Anatomy) -> int:
    """How many positions may go through the LM head in one pass: 256 MiB of float32 logits, at least 64 rows."""
    return max(64, (1 << 26) // (anatomy.limits.vocabulary or 1 << 16))


def out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)


def make_room(error: RuntimeError, budget: Budget, *, alone: bool) -> None:
    """After a failed pass: a smaller budget if memory ran out, else the error itself."""
    if isinstance(error, ScoreError) or not out_of_memory(error):
        raise error
    if alone or not budget.halve():
        raise ScoreError(
            "The device ran out of memory on the smallest batch there is, or on one of a fixed size. Shorten prompt or "
            "target, use a smaller number type or fewer tokens_per_pass, or free memory."
        ) from error
