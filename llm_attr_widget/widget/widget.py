"""`AttrWidget(model, tok)`: the attribution widget. Returns at once; runs happen in a background thread."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import HTML

from llm_attr_widget.attribution import Attribution
from llm_attr_widget.errors import AttributionError, TargetError
from llm_attr_widget.export import img
from llm_attr_widget.plan import Plan, PromptLike, as_model, plan
from llm_attr_widget.plots import png
from llm_attr_widget.run import Update, play
from llm_attr_widget.targets import Target, TargetLike, make_target
from llm_attr_widget.types import Granularity, Input, Tokenizer
from llm_attr_widget.widget.choices import CHOICES
from llm_attr_widget.widget.frames import BUFFERS, buffers_of, chart_of, failure, frames_of, nothing_yet, progress_of
from llm_attr_widget.widget.pace import Pace
from llm_attr_widget.widget.protocol import Chart, Failed, Frame, Generate, Generated, Progress, Run, Settings, Stop
from llm_attr_widget.widget.publisher import Publisher
from llm_attr_widget.widget.wire import decode_command, encode
from llm_attr_widget.widget.worker import Worker

STATIC = Path(__file__).parent / "static"
SETTINGS = ("prompt", "target", "method", "granularity", "value", "budget", "trials", "seed")


class AttrWidget(anywidget.AnyWidget):
    """Which parts of the prompt made the model say this: edit, run, watch, stop, hover.

    model, tokenizer: a Hugging Face causal language model with its tokenizer, or any `Scorer`.
    prompt: text, chat messages, or an Input. target: text or token ids; None lets the model write it.
    method, granularity, value, budget, trials, seed: as in `run`; all can be changed in the widget, too.

    Traits: those settings, and `status` ("idle", "running", "finished", "stopped", "failed"), which can be observed.
    `result` is the newest Attribution, also while it is still running.
    """

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"

    prompt = traitlets.Unicode("").tag(sync=True)
    target = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    method = traitlets.Unicode("shapley").tag(sync=True)
    granularity = traitlets.Unicode("word").tag(sync=True)
    value = traitlets.Unicode("log_prob").tag(sync=True)
    budget = traitlets.Int(None, allow_none=True).tag(sync=True)
    trials = traitlets.Int(1).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    status = traitlets.Unicode("idle").tag(sync=True)
    chart = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    progress = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    values = traitlets.Bytes(b"").tag(sync=True)
    errors = traitlets.Bytes(b"").tag(sync=True)
    ends = traitlets.Bytes(b"").tag(sync=True)
    sequence = traitlets.Bytes(b"").tag(sync=True)
    sequence_errors = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer | None = None,
        prompt: PromptLike = "",
        target: TargetLike | None = None,
        *,
        method: str = "shapley",
        granularity: Granularity = "word",
        value: str = "log_prob",
        budget: int | None = None,
        trials: int = 1,
        seed: int = 0,
        max_new_tokens: int = 32,
        gen_args: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = as_model(model, tokenizer)
        self._tokenizer = tokenizer
        self._given = _Given(prompt, target, tokenizer)
        self._max_new_tokens, self._gen_args = max_new_tokens, gen_args
        self._worker = Worker(model)
        self._publisher = Publisher(lambda message, buffers: self.send(message, buffers))  # noqa: PLW0108  (late: `send` may be replaced)
        self._shown = _Shown(0, replace(nothing_yet(0, ""), phase="idle"))
        super().__init__(
            prompt=self._given.prompt_text,
            target=self._given.target_text,
            method=method,
            granularity=granularity,
            value=value,
            budget=budget,
            trials=trials,
            seed=seed,
            choices=encode(CHOICES),
        )
        self.on_msg(self._on_message)

    @property
    def result(self) -> Attribution | None:
        """The newest attribution: growing while a run is on, then final. None before there is any."""
        update = self._shown.update
        return update.attribution if update is not None else None

    def run(self) -> None:
        """Start a run with the settings as they stand, and return at once. A run in progress is stopped first."""
        self._start(Settings(**{name: getattr(self, name) for name in SETTINGS}))

    def stop(self) -> None:
        """End the run in progress and keep what there is. Returns at once; see `wait` and `finished`."""
        self._worker.stop()

    def wait(self, timeout: float | None = None) -> Attribution | None:
        """Block until the run has ended, at most `timeout` seconds; the result as it then stands."""
        self._worker.wait(timeout)
        return self.result

    async def finished(self) -> Attribution | None:
        """Wait for the end of the run without blocking the kernel, so that Stop still works."""
        await asyncio.to_thread(self._worker.wait)
        return self.result

    def snapshot(self) -> HTML:
        """The result as a still picture, for hosts that show no widgets: saved with the notebook, needs no kernel.

        Raises AttributionError while there is no result.
        """
        if self.result is None:
            raise AttributionError("There is nothing to take a picture of yet. Press Run, or call run() and wait().")
        return HTML(self._picture(self.result))

    def _picture(self, result: Attribution) -> str:
        return img(png(result.plot_token_attr()), alt=repr(result))

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**options)
        # Where no widget can be drawn (GitHub, a PDF, a notebook opened without its state) the HTML is shown instead.
        if bundle is not None and self.result is not None and self.status != "running":
            bundle[0]["text/html"] = self._picture(self.result)
        return bundle

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        self._publisher.arrived()
        try:
            self._obey(content)
        except AttributionError as error:
            self._publisher.send(Failed("failed", 0, str(error), ""))

    def _obey(self, content: object) -> None:
        command = decode_command(content)
        if isinstance(command, Run):
            self._start(command.settings)
        elif isinstance(command, Stop):
            self.stop()
        elif isinstance(command, Generate):
            self._write_target(command.settings)
        else:
            self._show(self._shown, whole=True)

    def _plan(self, settings: Settings) -> Plan:
        return plan(
            self._model,
            self._tokenizer,
            self._given.prompt(settings.prompt),
            self._given.target(settings.target),
            method=settings.method,
            granularity=settings.granularity,
            value=settings.value,
            budget=settings.budget,
            trials=settings.trials,
            seed=settings.seed,
            max_new_tokens=self._max_new_tokens,
            gen_args=self._gen_args,
        )

    def _start(self, settings: Settings) -> None:
        run = self._shown.run + 1
        writing = "" if settings.target is not None else "The model is writing the target…"
        shown = self._shown = _Shown(run, nothing_yet(run, writing))
        self._adopt(settings)
        self._publisher.do(lambda: setattr(self, "status", "running"))
        self._show(shown)

        def waiting() -> None:
            shown.progress = nothing_yet(run, "Waiting for another run on this model…")
            self._show(shown)

        self._worker.start(lambda cancelled: self._job(shown, settings, cancelled), waiting=waiting)

    def _job(self, shown: _Shown, settings: Settings, cancelled: Callable[[], bool]) -> None:
        try:
            if cancelled():
                shown.progress = replace(shown.progress, phase="stopped", message="Stopped before it began.")
            else:
                self._play(self._plan(settings), shown, settings, cancelled)
        except AttributionError as error:
            shown.progress = failure(shown.progress, str(error), traceback.format_exc())
        except Exception as error:  # noqa: BLE001  whatever a model raises must reach the person before the widget
            message = f"The run failed: {type(error).__name__}: {error}"
            shown.progress = failure(shown.progress, message, traceback.format_exc())
        self._settle(shown)

    def _play(self, ready: Plan, shown: _Shown, settings: Settings, cancelled: Callable[[], bool]) -> None:
        pace = Pace()
        for update in play(ready, cancelled=cancelled):
            first = shown.chart is None
            shown.update, shown.progress = update, progress_of(update, shown.run)
            shown.chart = shown.chart or chart_of(update.attribution, shown.run, settings)
            if first or (update.phase == "running" and pace.due()):
                self._show(shown, whole=first)

    def _write_target(self, settings: Settings) -> None:
        def job(cancelled: Callable[[], bool]) -> None:
            try:
                text = "" if cancelled() else self._plan(replace(settings, target=None)).game.targets[0].text
                self._publisher.send(Generated("generated", 0, text))
            except AttributionError as error:
                self._publisher.send(Failed("failed", 0, str(error), traceback.format_exc()))

        self._worker.start(job, waiting=lambda: None)

    def _adopt(self, settings: Settings) -> None:
        def set_all() -> None:
            with self.hold_sync():
                for name in SETTINGS:
                    setattr(self, name, getattr(settings, name))

        self._publisher.do(set_all)

    def _show(self, shown: _Shown, *, whole: bool = False) -> None:
        """Send what is shown as frames; `whole` sends the chart as well, for a front end that does not have it."""
        if shown is not self._shown:
            return  # an older run that is still ending must not paint over the new one
        if shown.update is None:
            self._publisher.send(Frame("frame", 0, shown.run, None, shown.progress, 0, 0))
            return
        chart = shown.chart if whole else None
        for frame, buffers in frames_of(shown.update.attribution, shown.progress, chart):
            self._publisher.send(frame, buffers)

    def _settle(self, shown: _Shown) -> None:
        """The end state: a last frame, then the traits that a reopened notebook must show, in one message."""
        if shown is not self._shown:
            return

        def set_all() -> None:
            with self.hold_sync():
                self.progress = encode(shown.progress)
                self.chart = None if shown.chart is None else encode(shown.chart)
                ending = None if shown.update is None else buffers_of(shown.update.attribution)
                for name, buffer in zip(BUFFERS, ending or (b"",) * len(BUFFERS), strict=True):
                    setattr(self, name, buffer)
                self.status = shown.progress.phase

        self._show(shown)
        self._publisher.do(set_all)


@dataclass
class _Shown:
    """The run that is on show, as it stands."""

    run: int
    progress: Progress
    update: Update | None = None
    chart: Chart | None = None


class _Given:
    """Prompt and target as they were given in Python, used until the texts are edited in the widget."""

    def __init__(self, prompt: PromptLike, target: TargetLike | None, tokenizer: Tokenizer | None) -> None:
        self._prompt, self._target = prompt, target
        self.prompt_text = prompt if isinstance(prompt, str) else _text_of(prompt)
        self.target_text = _target_text(target, tokenizer)

    def prompt(self, text: str) -> PromptLike:
        return self._prompt if text == self.prompt_text else text

    def target(self, text: str | None) -> TargetLike | None:
        return self._target if text == self.target_text else text


def _text_of(prompt: Input | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(prompt, Sequence):
        return "\n".join(str(message.get("content", "")) for message in prompt)
    return "".join(piece.text for piece in prompt.pieces)


def _target_text(target: TargetLike | None, tokenizer: Tokenizer | None) -> str | None:
    if target is None or isinstance(target, str):
        return target
    if isinstance(target, Target):
        return target.text
    if tokenizer is None:
        raise TargetError("A target given as token ids needs the tokenizer that they belong to. Pass it as tokenizer.")
    return make_target(tokenizer, target).text
