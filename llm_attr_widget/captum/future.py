"""Attributions from what is to be done for them: at once (`attribute`) or in the background (`attribute_future`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from threading import Event, Lock
from typing import Any, ParamSpec, Protocol, cast

from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.errors import Cancelled

P = ParamSpec("P")


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
        self._packing = Lock()
        self._result: LLMAttributionResult | None = None
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
        finished = self._job.progress >= 1
        found = self._job.partial()
        if found is not None:
            found.finished = finished
        return found

    def result(self, timeout: float | None = None) -> LLMAttributionResult:
        """Wait for the result, at most `timeout` seconds; the same object each time.

        Raises what the work raised, Cancelled after `cancel()`, TimeoutError.
        """
        try:
            self._done.result(timeout)
        except NotDone as error:  # not the built-in TimeoutError before Python 3.11
            raise TimeoutError(f"The attribution was not done after {timeout} seconds.") from error
        with self._packing:
            if self._result is None:
                self._result = self._job.result()
            return self._result

    __call__ = result


def finished(job: Callable[P, Job]) -> Callable[P, LLMAttributionResult]:
    """`attribute`, out of a function of the same arguments that says what is to be done."""

    def attribute(*args: P.args, **kwargs: P.kwargs) -> LLMAttributionResult:
        work = job(*args, **kwargs)
        for _ in work.steps():
            pass
        return work.result()

    return _as_documented(attribute, job, job.__doc__)


def in_background(job: Callable[P, Job]) -> Callable[P, Future]:
    """`attribute_future`, likewise."""

    def attribute_future(*args: P.args, **kwargs: P.kwargs) -> Future:
        return Future(job(*args, **kwargs))

    told = "`attribute` with the same arguments, in the background. A target that is to be generated is, beforehand."
    return _as_documented(attribute_future, job, told)


def _as_documented(made: Any, job: Any, told: str | None) -> Any:
    """What is made, with the docstring told and with the job's arguments in `help` and `inspect.signature`."""
    returns = cast("dict[str, str]", made.__annotations__)["return"]
    made.__doc__ = told
    made.__signature__ = inspect.signature(job).replace(return_annotation=returns)
    made.__qualname__ = f"{job.__qualname__.rpartition('.')[0]}.{made.__name__}"
    return made
