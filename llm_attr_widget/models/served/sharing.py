"""Blocks of rows shared among workers that take them: the fastest takes most, and one that is lost loses nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Condition, Thread

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.models.served.server import Lost
from llm_attr_widget.types import Scored


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a block.

    found: the rows that were scored. error: what went wrong with others: `Lost` is the worker's own end, and its rows
    are another's to score; any other ends the run. left: rows that `Lost` left.
    """

    found: Scored | None
    error: Exception | None = None
    left: tuple[int, ...] = ()


@dataclass(eq=False)
class Worker:
    """work: scores a block. hands: how many blocks it works on at a time. lost: why it was given up."""

    work: Callable[[list[int]], Outcome]
    hands: int
    lost: Lost | None = None


@dataclass
class _Board:
    """Blocks that wait, and how many are not answered yet."""

    waiting: deque[list[int]]
    open: int
    ended: bool = False
    changed: Condition = field(default_factory=Condition)

    def take(self, worker: Worker) -> list[int] | None:
        """A block; None where there will be none for this worker. Waits while another's block may come back."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.waiting or not self.open or worker.lost)
            return None if self.ended or worker.lost or not self.waiting else self.waiting.popleft()

    def answered(self, outcome: Outcome, worker: Worker) -> None:
        with self.changed:
            if isinstance(outcome.error, Lost):
                worker.lost = outcome.error
            elif outcome.error is not None:
                self.ended = True
            if outcome.left:
                self.waiting.append(list(outcome.left))
            else:
                self.open -= 1
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()


def shared(blocks: Sequence[list[int]], workers: Sequence[Worker]) -> Iterator[Scored]:
    """All rows, block by block as they are answered, each once.

    After an error no further block is begun; those under way are answered and yielded before it is raised. Closing the
    iterator waits for nothing. Raises the first error that is not a worker's end, and ScoreError
    where every worker has ended.
    """
    board = _Board(deque(blocks), len(blocks))
    outcomes: SimpleQueue[Outcome | None] = SimpleQueue()
    threads = [
        Thread(target=_hand, args=(board, worker, outcomes), name="llm_attr_widget request", daemon=True)
        for worker in workers
        for _ in range(min(worker.hands, len(blocks)))
    ]
    for thread in threads:
        thread.start()
    failed: Exception | None = None
    try:
        for _ in threads:
            while (outcome := outcomes.get()) is not None:
                if outcome.found is not None and len(outcome.found.rows):
                    yield outcome.found
                if outcome.error is not None and not isinstance(outcome.error, Lost):
                    failed = failed or outcome.error
    finally:
        board.end()
    if failed is None and board.open:
        failed = next((worker.lost for worker in reversed(workers) if worker.lost), None)
        failed = failed or ScoreError("No server is left to ask.")
    if failed is not None:
        raise failed


def _hand(board: _Board, worker: Worker, outcomes: SimpleQueue[Outcome | None]) -> None:
    try:
        while (block := board.take(worker)) is not None:
            try:
                outcome = worker.work(block)
            except Exception as error:  # noqa: BLE001 (it is raised where the run is)
                outcome = Outcome(None, error)
            board.answered(outcome, worker)
            outcomes.put(outcome)
    finally:
        outcomes.put(None)
