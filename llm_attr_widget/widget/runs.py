"""A widget's runs: the one on show as it stands, and those that are kept beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from llm_attr_widget.engine.extend import further
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.engine.update import Update
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.widget.frames import chart_of, numbers_of, progress_of, said_of
from llm_attr_widget.widget.protocol import Chart, Progress, Record, Settings
from llm_attr_widget.widget.wire import encode
from llm_attr_widget.widget.worker import Control

MOST_CELLS = 1_000_000
"""Cells of older runs that travel with the widget: 8 MB; the oldest beyond that stay in the kernel alone."""


@dataclass(frozen=True)
class Kept:
    """A run of a widget: its number, what it is called, and its result."""

    run: int
    name: str
    result: Attribution


@dataclass
class Shown:
    """A run as it stands. more: the share of further calls that was asked for while it was under way."""

    run: int
    settings: Settings
    progress: Progress
    result: Attribution | None = None
    chart: Chart | None = None
    continues: int | None = None
    more: float = 0.0

    def take(self, update: Update, ready: Plan) -> None:
        """Stand as this update says; `ready` is what is being played."""
        resumed = 0 if ready.known is None else len(ready.known)
        progress = progress_of(update, self.run, resumed=resumed, spent=ready.spent.seconds)
        if self.more and update.phase != "stopped":
            budget = further(replace(update.attribution, phase="finished"), self.more).planned
            left = (budget - update.calls) / progress.rate if progress.rate else None
            said = said_of(update.attribution, "running")
            progress = replace(progress, phase="running", budget=budget, seconds_left=left, said=said)
        self.result, self.progress = update.attribution, progress
        if self.chart is None or update.phase != "running":
            self.chart = chart_of(update.attribution, self.run, self.settings, self.continues)

    def name(self) -> str:
        """What it is called until someone calls it something else."""
        what = (self.settings.method if self.result is None else self.result.method.name).replace("_", " ")
        return f"{self.run}: {what}, {self.settings.granularity}"


def updates(ready: Plan, shown: Shown, control: Control) -> Iterator[Update]:
    """Play a plan, and what was asked for on top of it; `shown` stands as the update says when it comes.

    What the plan begins with is replayed in silence, so that nobody sees known numbers grow again.
    """
    while True:
        known = 0 if ready.known is None else len(ready.known)
        for update in play(ready, cancelled=control.cancelled, clock=control.clock):
            if update.calls >= known or update.phase != "running":
                shown.take(update, ready)
                yield update
        if shown.more == 0 or shown.result is None or shown.result.phase != "finished":
            return
        ready, shown.more = further(shown.result, shown.more), 0.0


def record_of(shown: Shown) -> dict[str, Any]:
    """A protocol Record with its buffers. The run must have something to show."""
    if shown.result is None or shown.chart is None:
        raise ValueError(f"Run {shown.run} has nothing to show yet.")
    return encode(Record(chart=shown.chart, progress=shown.progress, **asdict(numbers_of(shown.result))))


def records_of(kept: Sequence[Shown]) -> list[dict[str, Any]]:
    """The newest of them that together have at most MOST_CELLS cells, oldest first."""
    records: list[dict[str, Any]] = []
    cells = 0
    for shown in reversed(kept):
        cells += 0 if shown.result is None else shown.result.values.size
        if cells > MOST_CELLS:
            break
        records.append(record_of(shown))
    return records[::-1]
