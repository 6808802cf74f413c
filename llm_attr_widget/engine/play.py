"""Playing a plan: design → play → fit, as events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import inf

import numpy as np

from llm_attr_widget.engine.autosave import Autosave
from llm_attr_widget.engine.descend import descend, ends_of
from llm_attr_widget.engine.fits import Fits
from llm_attr_widget.engine.pacing import Clock, Tempo, Tick
from llm_attr_widget.engine.plan import Block, Plan
from llm_attr_widget.engine.update import Update, never
from llm_attr_widget.errors import Cancelled
from llm_attr_widget.game.belonging import game_print, require_same_game
from llm_attr_widget.game.doubts import doubts_of_model
from llm_attr_widget.game.fitting import Trials, ends
from llm_attr_widget.game.game import Asked, Evaluator
from llm_attr_widget.game.ledger import UNUSED, Ledger, LedgerWriter
from llm_attr_widget.inputs.members import picture_of
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.provenance import Phase, Provenance
from llm_attr_widget.types import Estimate, GradientMethod, Method


def play(
    ready: Plan,
    *,
    cancelled: Callable[[], bool] = never,
    seconds_per_update: float = 0.1,
    clock: Clock | None = None,
) -> Iterator[Update]:
    """Play a plan. KeyboardInterrupt counts as a stop: what there is comes as the last event.

    Events come for each stretch of play, with the newest estimate that there is: fits that take long are made beside
    it. A stop waits for none of them: its numbers are then the newest there are, while the ledger has all that was
    played.

    When the model fails in the middle, one more event with phase "stopped" comes before the error is raised: its
    ledger holds all that was scored, so that a run with `resume` goes on from there.

    clock: in seconds; whoever lets `cancelled` wait (a pause) gives one that stands still meanwhile. None: the model's
        own, where it has one: processes that share a model's weights must go by one clock.
    """
    shared: Clock = getattr(ready.game.scorer, "clock", time.perf_counter)
    told = shared if clock is None else clock
    if isinstance(ready.method, GradientMethod):
        yield from _descended(ready, ready.method, cancelled, told)
    else:
        yield from _sampled(ready, ready.method, cancelled, Tick(seconds_per_update, told))


def _sampled(ready: Plan, method: Method, cancelled: Callable[[], bool], tick: Tick) -> Iterator[Update]:
    started = tick.clock() - ready.spent.seconds
    evaluator = Evaluator(ready.game, known=ready.known)
    record = _Record(ready, method)
    before = doubts_of_model(ready.game.scorer)

    def update(phase: Phase, estimate: Estimate | None, *, early: bool = False) -> Update:
        seconds = tick.clock() - started
        counts = len(record.writer), ready.spent.scored + evaluator.scored
        told = tuple(doubt for doubt in doubts_of_model(ready.game.scorer) if doubt not in before)
        found = _attribution(ready, record.writer.snapshot(), estimate, phase, counts, seconds, early=early, told=told)
        return Update(found, counts[0], ready.planned, seconds)

    saving = Autosave(ready.autosave, 0 if ready.known is None else len(ready.known))
    yield update("running", None)
    phase: Phase = "finished"
    early = False
    fits = Fits(record.trials.estimate, tick.clock)
    try:
        for blocks, look in _gathered(ready, tick):
            asked = evaluator.ask_each([(coalitions, rng) for _, coalitions, rng in blocks])
            try:
                evaluator.score(asked, cancelled)
            finally:
                record.add([trial for trial, _, _ in blocks], asked, evaluator)
            saving.offer(record.writer)
            rows = len(record.writer)
            estimate = fits.of(rows, cancelled) if look else fits.newest(rows)
            early = look and _met(ready, estimate, rows)
            yield update("running", estimate)
            if early:
                break
        estimate = fits.of(len(record.writer), cancelled)
    except (Cancelled, KeyboardInterrupt):
        phase, estimate = "stopped", fits.at_stop(len(record.writer))
    except (Exception, SystemExit):
        saving.save(record.writer)  # first of all: to fit, and to tell, may fail as well
        yield update("stopped", fits.of(len(record.writer), never))
        raise
    finally:
        saving.save(record.writer)
    yield update(phase, estimate, early=early)


class _Record:
    """What was played so far: the ledger, and the trials' fits."""

    def __init__(self, ready: Plan, method: Method) -> None:
        game = ready.game
        self._value = game.value
        self.writer = _ledger_of(ready)
        outputs = len(game.value.outputs(game.targets)) + 1
        self.trials = Trials(method, game.features, outputs, random=game.input.random)

    def add(self, trials: list[int], blocks: list[Asked], evaluator: Evaluator) -> None:
        """Blocks up to the first that a stop or an error cut short; of the rest, what was scored goes unused."""
        whole = True
        for trial, asked in zip(trials, blocks, strict=True):
            rows, log_probs = evaluator.answers(asked)
            whole = whole and len(rows) == len(asked.keys)
            self.writer.append(asked.coalitions[rows], log_probs, asked.keys[rows], trial if whole else UNUSED)
            if whole:
                self.trials.add(trial, asked.coalitions, self._value(log_probs))


def _ledger_of(ready: Plan) -> LedgerWriter:
    """A new ledger. Raises LedgerError where the model has changed since what is known was played."""
    game, name = ready.game, game_print(ready.game)
    if ready.known is not None and ready.known.game != name:
        require_same_game(ready.known, game)
    return LedgerWriter(game.features, game.tokens, name)


def _met(ready: Plan, estimate: Estimate | None, calls: int) -> bool:
    rule = ready.stop_when
    if rule is None or estimate is None:
        return False
    return rule.met(estimate.values[-1], estimate.standard_errors[-1], calls)


def _descended(ready: Plan, method: GradientMethod, cancelled: Callable[[], bool], clock: Clock) -> Iterator[Update]:
    """The same events for a gradient method. Its ledger holds both ends of the line, so that the gap can be told."""
    started = clock()
    game, ends_game = ready.game, ends_of(ready.game, method)
    plain = ends_game is game
    evaluator = Evaluator(ends_game, known=ready.known if plain else None)
    writer = _ledger_of(ready)

    def update(phase: Phase, points: int, estimate: Estimate | None) -> Update:
        seconds = clock() - started
        counts = points, evaluator.scored + points
        attribution = _attribution(ready, writer.snapshot(), estimate, phase, counts, seconds)
        return Update(attribution, points, ready.planned, seconds)

    yield update("running", 0, None)
    phase: Phase = "finished"
    points, estimate = 0, None
    try:
        both = np.array([[True], [False]]).repeat(game.features, axis=1)
        asked = evaluator.ask(both, np.random.default_rng(ready.seed))
        evaluator.score([asked], cancelled)
        # Tokens held in their places are other prompts than the same ids read plainly, and have other keys.
        writer.append(both, evaluator.answers(asked)[1], asked.keys if plain else ~asked.keys, 0)
        Autosave(ready.autosave, 0).save(writer)
        seeds = [(ready.seed, trial, 0) for trial in range(ready.trials)]
        for progress in descend(game, method, ready.owners, seeds=seeds, cancelled=cancelled):
            points, estimate = progress.points, progress.estimate
            yield update("running", points, estimate)
    except (Cancelled, KeyboardInterrupt):
        phase = "stopped"
    yield update(phase, points, estimate)


def _gathered(ready: Plan, tick: Tick) -> Iterator[tuple[list[Block], bool]]:
    """Blocks put together so that playing them takes about a tick; the first at once, so that there is something.

    With each, whether the rule to end early is to be tested after it: that depends on the calls alone, not on time.
    """
    tempo, gathered = Tempo(tick.seconds, tick.clock), list[Block]()
    looks = iter(()) if ready.stop_when is None else ready.stop_when.looks(ready.game.features)
    next_look, before, size = next(looks, inf), 0, 0
    for block in ready.blocks():
        gathered.append(block)
        size += len(block[1])
        due = before + size >= next_look
        if due or size >= tempo.wanted():
            tempo.begin()
            yield gathered, due
            tempo.end(size)
            gathered, before, size = [], before + size, 0
            while before >= next_look:
                next_look = next(looks, inf)
    if gathered:
        yield gathered, False


def _attribution(
    ready: Plan,
    ledger: Ledger,
    estimate: Estimate | None,
    phase: Phase,
    counts: tuple[int, int],
    seconds: float,
    *,
    early: bool = False,
    told: tuple[str, ...] = (),
) -> Attribution:
    """counts: calls as they are told of the run, and prompts that went through the model. told: the model's doubts."""
    game, method = ready.game, ready.method
    outputs = game.value.outputs(game.targets)
    if estimate is None:
        nothing = np.full((len(outputs) + 1, game.features), np.nan)
        estimate = Estimate(nothing, nothing)
    both = ends(ledger, game.value)
    return Attribution(
        values=estimate.values[:-1],
        standard_errors=estimate.standard_errors[:-1],
        sequence=estimate.values[-1],
        sequence_standard_errors=estimate.standard_errors[-1],
        ends=both[:-1],
        sequence_ends=both[-1],
        features=game.input.features,
        outputs=outputs,
        pieces=game.input.pieces,
        target=game.targets[0],
        label=method.label,
        unit=game.value.unit,
        adds_up=method.adds_up,
        sampled=method.sampled,
        random=game.input.random,
        phase=phase,
        method=method,
        value=game.value,
        ledger=ledger,
        provenance=Provenance(
            model=ready.model,
            method=repr(method),
            baseline=game.input.baseline,
            granularity=ready.granularity,
            seed=ready.seed,
            trials=ready.trials,
            planned=ready.planned,
            calls=counts[0],
            scored=counts[1],
            seconds=seconds,
            stop_when="" if ready.stop_when is None else str(ready.stop_when),
            early=early,
            instead=ready.instead,
            doubts=(*ready.doubts, *told),
        ),
        game=game,
        against=game.targets[1] if len(game.targets) > 1 else None,
        picture=picture_of(game.input),
    )
