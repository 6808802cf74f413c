"""Attributions in the background: `attribute_future`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Protocol

from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.errors import Cancelled


class Job(Protocol):
    """An attribution that is ready to be computed, in steps."""

    @property
    def progress(self) -> float:
        """Share of the model's work that is done, 0 to 1."""
        ...

    def steps(self, *, at_once: int | None = None) -> Iterator[None]:
        """Do the work. at_once: prompts to score between two steps; None is whatever is fastest."""
        ...

    def partial(self) -> LLMAttributionResult | None:
        """The result so far, None where too little is known for one."""
        ...

    def result(self) -> LLMAttributionResult:
        """Once all steps are done."""
        ...


class Future:
    """An attribution under way. Calling it, as captum's futures are, waits for the result."""

    AT_ONCE = 64

    def __init__(self, job: Job) -> None:
        self._job = job
        self._stop = Event()
        pool = ThreadPoolExecutor(1, thread_name_prefix="attribution")
        self._done = pool.submit(self._work)
        pool.shutdown(wait=False)

    def _work(self) -> None:
        for _ in self._job.steps(at_once=self.AT_ONCE):
            if self._stop.is_set():
                raise Cancelled("The attribution was cancelled. What was known by then is in partial().")

    @property
    def progress(self) -> float:
        """Share of the model's work that is done, 0 to 1."""
        return self._job.progress

    def done(self) -> bool:
        """Whether it has finished, failed or been cancelled."""
        return self._done.done()

    def cancel(self) -> None:
        """Stop after the batch that is being computed. `result()` then raises Cancelled, unless it was done already."""
        self._stop.set()

    def partial(self) -> LLMAttributionResult | None:
        """The result over the work that is done, None where it is too little. Features not known yet are NaN."""
        return self._job.partial()

    def result(self, timeout: float | None = None) -> LLMAttributionResult:
        """Wait for the result. Raises what the work raised, Cancelled after `cancel()`, TimeoutError."""
        self._done.result(timeout)
        return self._job.result()

    __call__ = result
