"""What a widget shows: the run on stage and those kept beside it, sent as frames while it runs and as traits after."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from datetime import datetime, timezone

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.widget.frames import (
    chart_of,
    frames_of,
    nothing_yet,
    numbers_of,
    picture_of,
    progress_at_end,
)
from llm_attr_widget.widget.protocol import TRAITS, Ending, Frame, RunName, Settings, Verdict
from llm_attr_widget.widget.publisher import Publisher
from llm_attr_widget.widget.runs import Kept, Shown, Standing, records_of
from llm_attr_widget.widget.traits import Traits, synced
from llm_attr_widget.widget.wire import encode
from llm_attr_widget.widget.worker import Worker


class Stage:
    """Keeps a widget's runs and shows them. Frames leave in order, whichever thread they come from."""

    def __init__(self, traits: Traits, publisher: Publisher, worker: Worker, settings: Settings) -> None:
        self._traits = traits
        self._publisher = publisher
        self._worker = worker
        self.order = threading.RLock()
        """Held while what is on stage changes; whoever begins a run holds it until its job is in the queue."""
        self._kept: list[Shown] = []
        self.now = Shown(0, settings, Standing(replace(nothing_yet(0, ""), phase="idle")))

    @property
    def runs(self) -> tuple[Shown, ...]:
        """Every run that has a result, oldest first."""
        return tuple(shown for shown in (*self._kept, self.now) if shown.result is not None)

    @property
    def history(self) -> tuple[Kept, ...]:
        names = {entry["run"]: entry["name"] for entry in self._traits.names}
        return tuple(
            Kept(shown.run, names.get(shown.run) or shown.name(), shown.result)
            for shown in self.runs
            if shown.result is not None
        )

    def find(self, run: int) -> Shown:
        """The run of that number. Raises AttributionError where there is none."""
        for shown in self.runs:
            if shown.run == run:
                return shown
        known = [shown.run for shown in self.runs]
        raise AttributionError(f"Expected a run of this widget that has numbers, one of {known}; got {run}.")

    def begin(self, settings: Settings, message: str, continues: int | None = None) -> Shown:
        """A new run on stage; the one before it is kept, if it has a result."""
        with self.order:
            before = self.now
            known = None if before.result is None else before.settings
            standing = Standing(nothing_yet(before.run + 1, message))
            offered = {choice["name"]: choice["label"] for choice in self._traits.choices["granularities"]}
            level = offered.get(settings.granularity, "")
            shown = Shown(before.run + 1, settings, standing, continues, before=known, level=level)
            self.now = shown
            if before.result is not None:
                self._kept.append(before)
            self._publisher.do(lambda: self._set_beginning(shown))
            self.show(shown)
        return shown

    def add(self, result: Attribution, settings: Settings, name: str) -> None:
        """Put a result that was made elsewhere on stage, as an ended run."""
        shown = self.begin(settings, "")
        shown.stands = Standing(progress_at_end(result, shown.run), result, chart_of(result, shown.run, settings))
        self.send_picture(shown)
        self._traits.names = [*self._traits.names[:-1], encode(RunName(shown.run, name or shown.name()))]
        self.settle(shown)

    def show(self, shown: Shown, *, whole: bool = False) -> None:
        """Send what is shown as frames; `whole` sends the chart as well, for a front end that does not have it."""
        with self.order:
            if shown is not self.now:
                return  # an older run that is still ending must not paint over the new one
            stands = shown.stands
            paused = self._worker.paused and stands.progress.phase == "running"
            progress = replace(stands.progress, phase="paused") if paused else stands.progress
            if stands.result is None:
                self._publisher.send(Frame("frame", 0, shown.run, None, progress, 0, 0))
                return
            for frame, buffers in frames_of(stands.result, progress, stands.chart if whole else None):
                self._publisher.send(frame, buffers)

    def set_paused(self, *, paused: bool) -> None:
        """Hold the run in progress or go on with it, and say so; nothing where no run is in progress."""
        with self.order:
            if self.now.progress.phase != "running" or self._worker.paused == paused:
                return
            (self._worker.pause if paused else self._worker.resume)()
            status = "paused" if self._worker.paused else "running"
            self._publisher.do(lambda: setattr(self._traits, "status", status))
            self.show(self.now)

    def settle(self, shown: Shown) -> None:
        """The end state: a last frame, then the traits that a reopened notebook must show, in one message.

        A run that another one ended is kept beside it, as it stands now, also where it had nothing when that began.
        """
        with self.order:
            self._kept = [kept for kept in self._kept if not _holds(shown, kept)]
            if shown is self.now:
                self.show(shown)
                self._publisher.do(lambda: self._set_end(shown))
            elif shown.result is not None:
                others = [kept for kept in self._kept if kept is not shown]
                self._kept = sorted([*others, shown], key=lambda kept: kept.run)
                self._publisher.do(lambda: setattr(self._traits, "records", records_of(self._kept)))

    def resend(self) -> None:
        """Send every trait once more, in the caller's own context, and leave the way for answers as it was.

        Whoever executes a notebook (nbclient) takes only what comes of the cell that runs, and frames and ends come of
        the message before them. A kernel answers where the last word went out (see Publisher), so the last goes there.
        """
        with self.order:
            self._traits.send_state(list(synced(*TRAITS)))
            self._publisher.do(lambda: self._traits.send_state("status"))

    def send_picture(self, shown: Shown) -> None:
        """The run's picture, once: before the first numbers about it."""
        picture = shown.result and shown.result.picture
        if picture is None or shown.chart is None:
            return
        with self.order:
            if all(known["key"] != shown.chart.picture for known in self._traits.pictures):
                pictures = [*self._traits.pictures, encode(picture_of(picture))]
                self._publisher.do(lambda: setattr(self._traits, "pictures", pictures))

    def add_verdict(self, verdict: Verdict) -> None:
        with self.order:
            others = [check for check in self._traits.checks if check["run"] != verdict.run]
            self._publisher.do(lambda: setattr(self._traits, "checks", [*others, encode(verdict)]))

    def _set_beginning(self, shown: Shown) -> None:
        traits = self._traits
        with traits.hold_sync():
            with traits.hold_trait_notifications():  # a prompt and its texts belong together
                for name, value in encode(shown.settings).items():
                    setattr(traits, name, value)
            traits.records = records_of(self._kept)
            traits.names = [*traits.names, encode(RunName(shown.run, shown.name()))]
            traits.comparing, traits.on_show = [], None
            traits.status, traits.made_at = "running", _now()

    def _set_end(self, shown: Shown) -> None:
        traits = self._traits
        with traits.hold_sync():
            traits.records = records_of(self._kept)
            numbers = {} if shown.result is None else asdict(numbers_of(shown.result))
            phase = shown.progress.phase
            ending = Ending(status=phase, made_at=_now(), chart=shown.chart, progress=shown.progress, **numbers)
            for name, value in encode(ending).items():
                setattr(traits, name, value)


def _holds(shown: Shown, kept: Shown) -> bool:
    """Whether the kept run is in the shown one, which continued it and got at least as far."""
    if kept.run != shown.continues or shown.result is None or kept.result is None:
        return False
    return len(shown.result.ledger) >= len(kept.result.ledger)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
