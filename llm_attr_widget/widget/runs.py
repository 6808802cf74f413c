"""A widget's runs: the one on show as it stands, and those that are kept beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from llm_attr_widget.engine.extend import further
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.engine.update import Update
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.widget.frames import chart_of, numbers_of, progress_of, said_of
from llm_attr_widget.widget.naming import name_of
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


class Rate:
    """Calls a second, as they are after the first of a run, which warm a model up and are no measure of the others."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def of(self, progress: Progress) -> Progress:
        """The same progress with rate and time left by the calls since the first ones; neither before WARM seconds of
        them. A run that ended keeps the rate of all of it.
        """
        if progress.phase != "running":
            return progress
        first = self._first = self._first or (progress.calls, progress.elapsed)
        calls, seconds = progress.calls - first[0], progress.elapsed - first[1]
        if calls <= 0 or seconds < WARM:
            return replace(progress, rate=None, seconds_left=None)
        rate = calls / seconds
        return replace(progress, rate=rate, seconds_left=max(0, progress.planned - progress.calls) / rate)


WARM = 0.5
"""Seconds of calls that say how fast the others will be."""


@dataclass(frozen=True)
class Standing:
    """How a run stands: what it has, and the chart that says what that is. Replaced as a whole, so that whoever looks
    from another thread sees no half of it.
    """

    progress: Progress
    result: Attribution | None = None
    chart: Chart | None = None


@dataclass
class Shown:
    """A run as it stands. more: the share of further calls that was asked for while it was under way. before: what the
    run before it was made from. level: what one feature is called; "": as the settings say.
    """

    run: int
    settings: Settings
    stands: Standing
    continues: int | None = None
    more: float = 0.0
    before: Settings | None = None
    level: str = ""
    _rate: Rate = field(default_factory=Rate)

    @property
    def progress(self) -> Progress:
        return self.stands.progress

    @property
    def result(self) -> Attribution | None:
        return self.stands.result

    @property
    def chart(self) -> Chart | None:
        return self.stands.chart

    def say(self, progress: Progress) -> None:
        """What there is stays; where the run is, changes."""
        self.stands = replace(self.stands, progress=progress)

    def take(self, update: Update, ready: Plan) -> None:
        """Stand as this update says; `ready` is what is being played."""
        resumed = 0 if ready.known is None else len(ready.known)
        progress = progress_of(update, self.run, resumed=resumed, spent=ready.spent.seconds)
        progress = self._rate.of(progress)
        if self.more and update.phase != "stopped":
            said = said_of(update.attribution, "running")
            progress = self._with_more(replace(progress, phase="running", said=said), update.attribution)
        chart = self.chart
        if chart is None or update.phase != "running":
            chart = chart_of(update.attribution, self.run, self.settings, self.continues)
        self.stands = Standing(progress, update.attribution, chart)

    def name(self) -> str:
        """What it is called until someone calls it something else."""
        method = self.settings.method if self.result is None else self.result.method.name
        level = self.chart.level if self.chart is not None else self.level
        return f"{self.run}: {name_of(self.settings, self.before, method, level or self.settings.granularity)}"

    def ask_more(self, share: float = 0.25) -> None:
        """A run under way goes on for so many more of its calls, and its progress says so at once."""
        self.more += share
        if self.result is not None:
            self.say(self._with_more(self.progress, self.result))

    def _with_more(self, progress: Progress, result: Attribution) -> Progress:
        planned = further(replace(result, phase="finished"), self.more).planned
        left = (planned - progress.calls) / progress.rate if progress.rate else None
        return replace(progress, planned=planned, seconds_left=left)


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
        more = replace(further(shown.result, shown.more), autosave=ready.autosave)
        ready, shown.more = more, 0.0


def record_of(shown: Shown) -> dict[str, Any]:
    """A protocol Record with its buffers. The run must have something to show."""
    stands = shown.stands
    if stands.result is None or stands.chart is None:
        raise ValueError(f"Run {shown.run} has nothing to show yet.")
    return encode(Record(chart=stands.chart, progress=stands.progress, **asdict(numbers_of(stands.result))))


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
