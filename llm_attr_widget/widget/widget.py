"""`AttrWidget(model, tok)`: the attribution widget. Returns at once; runs happen in a background thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from llm_attr_widget.engine.autosave import PathLike, autosave_path, ledger_of
from llm_attr_widget.engine.extend import further
from llm_attr_widget.engine.plan import Plan, plan
from llm_attr_widget.engine.stopping import Separated, check_rule
from llm_attr_widget.errors import AttributionError, CapabilityError, discreet, known_keywords
from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.targets import TargetLike
from llm_attr_widget.game.values import ValueLike
from llm_attr_widget.inputs import PromptLike
from llm_attr_widget.inputs.image.reading import ImageLike
from llm_attr_widget.inputs.image.segmentation import Segments
from llm_attr_widget.methods.registry import MethodLike
from llm_attr_widget.models.base import generation_options
from llm_attr_widget.models.making import as_model
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Granularity, Scorer, Tokenizer
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.cells import made_here
from llm_attr_widget.widget.choices import CHOICES, LENGTH, rule_of
from llm_attr_widget.widget.editing import Edited
from llm_attr_widget.widget.frames import failure, nothing_yet, picture_of, settings_of, told
from llm_attr_widget.widget.given import Given, HasAttribution, Pictured
from llm_attr_widget.widget.protocol import Beside, Failed, Generated, Settings
from llm_attr_widget.widget.publisher import Pace, Publisher
from llm_attr_widget.widget.questions import Writing, require_asked, verdict_of, what_if
from llm_attr_widget.widget.runs import Kept, Shown, updates
from llm_attr_widget.widget.stage import Stage
from llm_attr_widget.widget.wire import decode_command, encode
from llm_attr_widget.widget.worker import CLOSING, Control, Worker, turn_on


class AttrWidget(Edited):
    """Which parts of the prompt made the model say this: edit, run, watch, stop, hover, ask what if, compare.

    Make it the last line of a notebook's cell and press Run, or call `run()`. Rows are the answer's tokens, columns the
    prompt's parts; orange speaks for a token, blue against it, in nats.

    model: a Hugging Face model, a transformers pipeline, or any Scorer; None shows results only.
    tokenizer: the model's, or its processor. prompt: a text, token ids, chat messages, or an Input. target: the answer
        to explain; None: the model writes it. against: a second one, to explain why not this. As of `attribute`; what
        is given stays what it is until its text is edited.
    image: what the prompt is about; segments: how it is segmented, as of ImageInput. Both are read here, and refused
        with an InputError where they cannot be used; the tokenizer must be the model's processor.
    method, granularity, value, budget, trials, seed: as of `attribute`; all can be changed in the widget, too,
        and what `attribute` would refuse is refused when it is set, in the same words.
    max_new_tokens, gen_args: as of `attribute`.
    resume: the ledger of an earlier run, or its file, for runs of the settings given here.
    autosave: a file that the ledger of the newest run is written to every few seconds.
    stop_when: as of `attribute`, for every run.

    Traits: those settings, `locked_stretches` (the prompt, cut where a part that is locked begins and ends; `locked`
    lists these parts), and `status` ("idle", "running", "paused", "finished", "stopped", "failed"); all can be
    observed. `result` is the newest Attribution, also while it is still running; `history` has all of them.

    >>> from llm_attr_widget import AttrWidget
    >>> from llm_attr_widget.demo import load_text
    >>> w = AttrWidget(*load_text(), "Dave is a lawyer. His interests include", " golf")
    >>> w.run()
    >>> w.wait(60).label
    'Shapley value'
    """

    _closed = True
    """Nothing to end: until it is made."""

    @known_keywords
    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer | None = None,
        prompt: PromptLike = "",
        target: TargetLike | None = None,
        *,
        image: ImageLike | None = None,
        segments: Segments | None = 4,
        against: TargetLike | None = None,
        method: MethodLike = "shapley",
        granularity: Granularity = "word",
        value: ValueLike = "log_prob",
        budget: int | None = None,
        trials: int = 1,
        seed: int = 0,
        max_new_tokens: int = LENGTH,
        gen_args: Mapping[str, Any] | None = None,
        resume: Ledger | PathLike | None = None,
        autosave: PathLike | None = None,
        stop_when: Separated | None = None,
    ) -> None:
        """See the class. Nothing runs yet: `run()` starts."""
        self._model, self._tokenizer = (None, tokenizer) if model is None else as_model(model, tokenizer)
        pictured = None if image is None else Pictured(self._tokenizer, image, segments)
        self._given = Given(
            prompt, target, against, self._tokenizer, pictured, method=method, value=value, budget=budget
        )
        self._earlier: list[Given] = []
        self._gen_args = generation_options(gen_args)
        check_rule(stop_when)
        self._resume, self._stop_when = ledger_of(resume), stop_when
        self._autosave = autosave_path(autosave)
        self._writing = Writing(self._tokenizer, max_new_tokens, self._gen_args)
        turn = turn_on(getattr(self._model, "model", self._model))
        self._worker, self._questions = Worker(turn), Worker(turn, quick=True)
        self._publisher = Publisher(lambda message, buffers: self.send(message, buffers))  # noqa: PLW0108  (late: `send` may be replaced)
        settings = Settings(
            prompt=self._given.prompt_text,
            target=self._given.target_text,
            against=self._given.against_text,
            method=self._given.method_name,
            granularity=granularity,
            value=self._given.value_name,
            budget=self._given.budget,
            trials=trials,
            seed=seed,
            stop_top=None if stop_when is None else stop_when.top,
            max_new_tokens=max_new_tokens,
        )
        self._first = self._given.edited(settings)
        self._stage = Stage(self, self._publisher, self._worker, self._first)
        shown = self._given.picture()
        pictures = [] if shown is None else [encode(picture_of(shown))]
        beside = Beside(
            self._given.choices(CHOICES, granularity),
            has_model=self._model is not None,
            fields=self._given.field_texts(),
        )
        super().__init__(**{**encode(self._first), **encode(beside), "pictures": pictures})
        self._own_layout: Any = self.layout
        self._closed = False
        self.on_msg(self._on_message)
        made_here(self)

    @classmethod
    def from_result(cls, result: Attribution | HasAttribution, *, name: str = "") -> AttrWidget:
        """A widget that shows this result: fresh, loaded from a file, or one of `llm_attr_widget.captum`.

        It can run anew, and be asked what if, where the result still has its model. name: what the run is called.
        """
        result = result if isinstance(result, Attribution) else result.to_attribution()
        model = None if result.game is None else result.game.scorer
        widget = cls(model, getattr(model, "tokenizer", None))
        widget._show(result, name)
        return widget

    def add(self, result: Attribution, *, name: str = "") -> None:
        """Show one more result, and keep what was shown before it in the history. name: what it is called."""
        self._worker.stop()
        self._worker.wait()
        self._show(result, name)
        self._beneath.renew(result)
        self._stage.resend()

    def _show(self, result: Attribution, name: str) -> None:
        self._go_on_with(self._given.with_result(result))
        settings = replace(settings_of(result), prompt=self._given.prompt_text)
        self._stage.add(result, self._given.edited(settings), name)

    @property
    def history(self) -> tuple[Kept, ...]:
        """Every run that has a result, oldest first, with its number and name."""
        return self._stage.history

    def run(self) -> None:
        """Start a run with the settings as they stand, and return at once. A run in progress is stopped first.

        Raises CapabilityError for a widget that shows a result without its model, and what `attribute` raises for
        settings that do not go together.
        """
        self._run(self._settings())

    def pause(self) -> None:
        """Hold the run in progress after its next batch. Returns at once; the model is free for others meanwhile."""
        self._stage.set_paused(paused=True)

    def resume(self) -> None:
        """Go on with the run that was paused."""
        self._stage.set_paused(paused=False)

    def stop(self) -> None:
        """End the run in progress and keep what there is; drop what was asked beside it. Returns at once; see `wait`
        and `finished`.
        """
        self._worker.stop()
        self._questions.stop()

    def close(self) -> None:
        """End the run, drop what waits, take the widget off the page, and let go of the model; results can be read on.

        A thread in the middle of a batch lets go at the batch's end; that is waited for, a little.
        """
        if not self._closed:
            self._closed = True
            for worker in (self._worker, self._questions):
                worker.stop()
            for worker in (self._worker, self._questions):
                worker.wait(CLOSING)
            self._own_layout.close()  # a widget too, which ipywidgets keeps for good
        super().close()

    def extend(self, run: int | None = None) -> None:
        """A quarter more calls for a run (None: the newest), or the rest of one that was stopped. Returns at once.

        Raises CapabilityError for a result without its model, MethodError where more calls would change nothing.
        """
        now = self._stage.now
        shown = now if run is None else self._stage.find(run)
        if shown.result is None:
            raise AttributionError("There is nothing to add to yet. Press Run, or call run() and wait().")
        if shown is now and self._worker.busy:
            further(replace(shown.result, phase="finished"))  # refuses what can't be added to
            shown.ask_more()
            self._stage.show(shown)
            return
        ready = replace(further(shown.result), autosave=self._autosave)
        settings = replace(shown.settings, budget=getattr(ready.method, "budget", None), trials=ready.trials)
        self._start(settings, lambda: ready, continues=shown)

    def wait(self, timeout: float | None = None) -> Attribution | None:
        """Block until the run has ended, at most `timeout` seconds; the result as it then stands.

        Blocks the kernel, too: a Stop that is pressed during `w.run(); w.wait()` may arrive only when the cell has
        ended. In a notebook, `await w.finished()` lets it through at once. Either of them, in whichever cell, also
        makes a notebook that is executed as a whole (nbclient, nbconvert, papermill) keep the result.
        """
        if self._worker.wait(timeout):
            self._tell_caller()
        return self.result

    async def finished(self) -> Attribution | None:
        """Wait for the end of the run without blocking the kernel, so that Stop still works. Otherwise as `wait`."""
        await asyncio.to_thread(self._worker.wait)
        self._tell_caller()
        return self.result

    def _tell_caller(self) -> None:
        """Send the end once more, from the cell that waited: hosts that execute a notebook take nothing else then."""
        self._stage.resend()
        self._beneath.again()

    # Commands

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        self._publisher.arrived()
        try:
            self._obey(decode_command(content))
        except AttributionError as error:
            self._publisher.send(Failed("failed", 0, discreet(str(error)), ""))

    def _obey(self, command: protocol.Command) -> None:
        match command:
            case protocol.Run():
                self._run(command.settings)
            case protocol.Pause():
                self.pause()
            case protocol.Resume():
                self.resume()
            case protocol.Stop():
                self.stop()
            case protocol.Extend():
                self.extend(command.run)
            case protocol.Generate():
                self._ask(lambda _: self._write_target(command.settings))
            case protocol.WhatIf():
                self._ask(lambda control: self._answer(command, control))
            case protocol.CheckRun():
                self._ask(lambda _: self._check(command.run))
            case protocol.Hello() | protocol.Resend():
                self._stage.show(self._stage.now, whole=True)

    def _ask(self, question: Callable[[Control], None]) -> None:
        """Put a question to the model, between the batches of whatever runs. Its errors are told in plain words.

        Raises AttributionError where too many wait already.
        """

        def job(control: Control) -> None:
            try:
                require_asked(control)
                question(control)
            except BaseException as error:  # noqa: BLE001  whatever a model raises must reach the person before the widget
                self._publisher.send(Failed("failed", 0, *told(error, "The model failed")))

        self._questions.start(job)

    def _write_target(self, settings: Settings) -> None:
        text = self._plan(replace(settings, target=None)).game.targets[0].text
        self._publisher.send(Generated("generated", 0, text))

    def _answer(self, question: protocol.WhatIf, control: Control) -> None:
        result = self._result_of(question.run)
        answer, buffers = what_if(result, question, self._writing, control.cancelled)
        self._publisher.send(answer, buffers)

    def _check(self, run: int) -> None:
        self._stage.add_verdict(verdict_of(self._result_of(run).check(), run))

    def _result_of(self, run: int) -> Attribution:
        result = self._stage.find(run).result
        if result is None:
            raise AttributionError("There is nothing to ask about yet: wait for the first numbers.")
        return result

    # Runs

    def _require_model(self) -> Scorer:
        if self._model is None:
            raise CapabilityError(
                "This widget shows a result and has no model to run. "
                "Make AttrWidget(model, tokenizer, prompt) to attribute anew."
            )
        return self._model

    def _plan(self, settings: Settings) -> Plan:
        model = self._require_model()
        method, budget = self._given.method(settings.method, settings.budget)
        return plan(
            model,
            self._tokenizer,
            self._given.explained(settings),
            self._given.target(settings.target),
            against=self._given.target(settings.against),
            method=method,
            budget=budget,
            granularity=settings.granularity,
            value=self._given.value(settings.value),
            trials=settings.trials,
            seed=settings.seed,
            max_new_tokens=LENGTH if settings.max_new_tokens is None else settings.max_new_tokens,
            gen_args=self._gen_args,
            resume=self._resume if settings == self._first else None,
            autosave=self._autosave,
            stop_when=rule_of(settings.stop_top, self._stop_when),
        )

    def _run(self, settings: Settings) -> None:
        self._require_model()
        self._take_up(settings.prompt)
        settings = self._given.edited(settings)
        self._start(settings, lambda: self._plan(settings))

    def _start(self, settings: Settings, ready: Callable[[], Plan], continues: Shown | None = None) -> None:
        if self._closed:
            raise AttributionError("This widget was closed. Make another one: AttrWidget(model, tokenizer, prompt).")
        writing = "" if settings.target is not None else "The model is writing the target…"
        with self._stage.order:  # of two threads that press Run, the one whose run is on stage is the one that runs
            shown = self._stage.begin(settings, writing, continues and continues.run)
            if continues is not None:
                shown.more = continues.more  # of one that was stopped before it came to what was asked for on top

            def waiting() -> None:
                shown.say(nothing_yet(shown.run, "Waiting for another run on this model…"))
                self._stage.show(shown)

            try:
                self._worker.start(lambda control: self._job(shown, ready, control), waiting=waiting)
            except BaseException as error:
                self._fail(shown, error)
                raise

    def _job(self, shown: Shown, ready: Callable[[], Plan], control: Control) -> None:
        try:
            if control.cancelled():
                shown.say(replace(shown.progress, phase="stopped", message="Stopped before it began."))
            else:
                self._play(ready(), shown, control)
            self._stage.settle(shown)
        except BaseException as error:  # noqa: BLE001  whatever a model raises must reach the person before the widget
            self._fail(shown, error)
        self._keep_picture()

    def _keep_picture(self) -> None:
        """Of the newest run that has a result, for the notebook's file."""
        runs = self._stage.runs
        try:
            self._publisher.do(lambda: self._beneath.renew(runs[-1].result if runs else None))
        except Exception as error:  # noqa: BLE001  the run is what it is, whatever becomes of its picture
            self._publisher.send(Failed("failed", 0, *told(error, "The still picture failed")))

    def _fail(self, shown: Shown, error: BaseException) -> None:
        shown.say(failure(shown.progress, *told(error, "The run failed")))
        self._stage.settle(shown)

    def _play(self, ready: Plan, shown: Shown, control: Control) -> None:
        pace, first = Pace(), True
        for update in updates(ready, shown, control):
            if first:
                self._stage.send_picture(shown)
            if first or (update.phase == "running" and pace.due()):
                self._stage.show(shown, whole=first)
            first = False
