"""One run: design → play → fit, as events. `attribute` drains it with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.attribution import Attribution, Phase, Provenance
from llm_attr_widget.errors import Cancelled, MethodError
from llm_attr_widget.game import Player
from llm_attr_widget.gradients import descend
from llm_attr_widget.ledger import Ledger, LedgerWriter
from llm_attr_widget.plan import Block, Plan, PromptLike, plan
from llm_attr_widget.targets import TargetLike
from llm_attr_widget.tempo import Tempo
from llm_attr_widget.trials import Trials, ends
from llm_attr_widget.types import Estimate, GradientMethod, Granularity, LogProbs, Method, Pictured, Tokenizer
from llm_attr_widget.values import Value, ValueName


def never() -> bool:
    """Not cancelled."""
    return False


@dataclass(frozen=True, slots=True)
class Update:
    """An event of a run: everything as it stands now.

    The first comes before anything was played (all values NaN), the last has phase "finished" or "stopped".
    calls: coalitions played so far, of `budget` planned; seconds since the run began.
    """

    attribution: Attribution
    calls: int
    budget: int
    seconds: float

    @property
    def phase(self) -> Phase:
        return self.attribution.phase


def run(
    model: Any,
    tokenizer: Tokenizer | None,
    prompt: PromptLike,
    target: TargetLike | None = None,
    *,
    against: TargetLike | None = None,
    method: str | Method | GradientMethod = "shapley",
    granularity: Granularity = "word",
    value: ValueName | Value | Callable[[LogProbs], NDArray[np.floating]] = "log_prob",
    budget: int | None = None,
    trials: int = 1,
    seed: int = 0,
    max_new_tokens: int = 32,
    gen_args: Mapping[str, Any] | None = None,
    resume: Ledger | None = None,
    cancelled: Callable[[], bool] = never,
    seconds_per_update: float = 0.1,
) -> Iterator[Update]:
    """Attribute the target to the prompt's features, one event per stretch of about `seconds_per_update`.

    model, tokenizer: a Hugging Face model with its tokenizer, or any Scorer. prompt: text, chat messages, or an Input.
    target: text, token ids, or None (the model writes it, at most `max_new_tokens`, with `gen_args`). against: a
    second target, to explain log p(target) - log p(against). method: a name (`methods.METHODS`) or a Method; budget:
    coalitions per trial. value: what is explained. trials: independent repetitions. resume: the ledger of an earlier
    run of the same game; what it holds is not played again. cancelled: tested between batches; the last event then
    has phase "stopped".
    """
    yield from play(
        plan(
            model,
            tokenizer,
            prompt,
            target,
            against=against,
            method=method,
            granularity=granularity,
            value=value,
            budget=budget,
            trials=trials,
            seed=seed,
            max_new_tokens=max_new_tokens,
            gen_args=gen_args,
            resume=resume,
        ),
        cancelled=cancelled,
        seconds_per_update=seconds_per_update,
    )


def attribute(
    model: Any,
    tokenizer: Tokenizer | None,
    prompt: PromptLike,
    target: TargetLike | None = None,
    *,
    against: TargetLike | None = None,
    method: str | Method | GradientMethod = "shapley",
    granularity: Granularity = "word",
    value: ValueName | Value | Callable[[LogProbs], NDArray[np.floating]] = "log_prob",
    budget: int | None = None,
    trials: int = 1,
    seed: int = 0,
    max_new_tokens: int = 32,
    gen_args: Mapping[str, Any] | None = None,
    resume: Ledger | None = None,
    progress: bool = True,
) -> Attribution:
    """`run`, drained: the finished attribution. progress: show a bar (tqdm) of the coalitions played.

    An interrupt (Ctrl-C) ends the run and gives what there is, marked "stopped".
    """
    from tqdm.auto import tqdm

    ready = plan(
        model,
        tokenizer,
        prompt,
        target,
        against=against,
        method=method,
        granularity=granularity,
        value=value,
        budget=budget,
        trials=trials,
        seed=seed,
        max_new_tokens=max_new_tokens,
        gen_args=gen_args,
        resume=resume,
    )
    latest: Update | None = None
    with tqdm(total=ready.budget, unit="call", desc=ready.method.label, disable=not progress) as bar:
        for latest in play(ready, seconds_per_update=0.5):
            bar.update(latest.calls - bar.n)
    if latest is None:
        raise MethodError(f"{ready.method!r} played nothing. Its design must yield at least one coalition.")
    return latest.attribution


def play(ready: Plan, *, cancelled: Callable[[], bool] = never, seconds_per_update: float = 0.1) -> Iterator[Update]:
    """Play a plan. KeyboardInterrupt counts as a stop: what there is comes as the last event."""
    if isinstance(ready.method, GradientMethod):
        yield from _descended(ready, ready.method, cancelled)
        return
    started = time.perf_counter()
    game = ready.game
    player = Player(game, known=ready.known)
    writer = LedgerWriter(game.features, game.tokens, game.fingerprint)
    outputs = len(game.value.outputs(game.targets)) + 1
    trials = Trials(ready.method, game.features, outputs, random=game.input.random)

    def update(phase: Phase) -> Update:
        seconds = time.perf_counter() - started
        ledger = writer.snapshot()
        attribution = _attribution(ready, ledger, trials.estimate(), phase, (len(ledger), player.scored), seconds)
        return Update(attribution, len(ledger), ready.budget, seconds)

    yield update("running")
    phase: Phase = "finished"
    try:
        for blocks in _gathered(ready, seconds_per_update):
            scores = _replayed(ready, blocks, len(writer.snapshot())) or player.play(
                [(coalitions, rng) for _, coalitions, rng in blocks], cancelled
            )
            for (trial, coalitions, _), log_probs in zip(blocks, scores, strict=True):
                writer.append(coalitions, log_probs, trial)
                trials.add(trial, coalitions, game.value(log_probs))
            yield update("running")
    except (Cancelled, KeyboardInterrupt):
        phase = "stopped"
    yield update(phase)


def _descended(ready: Plan, method: GradientMethod, cancelled: Callable[[], bool]) -> Iterator[Update]:
    """The same events for a gradient method. Its ledger holds both ends of the line, so that the gap can be told."""
    started = time.perf_counter()
    game = ready.game
    player = Player(game, known=ready.known)
    writer = LedgerWriter(game.features, game.tokens, game.fingerprint)

    def update(phase: Phase, points: int, estimate: Estimate | None) -> Update:
        seconds = time.perf_counter() - started
        counts = points, player.scored + points
        attribution = _attribution(ready, writer.snapshot(), estimate, phase, counts, seconds)
        return Update(attribution, points, ready.budget, seconds)

    yield update("running", 0, None)
    phase: Phase = "finished"
    points, estimate = 0, None
    try:
        both = np.array([[True], [False]]).repeat(game.features, axis=1)
        (scores,) = player.play([(both, np.random.default_rng(ready.seed))], cancelled)
        writer.append(both, scores, 0)
        seeds = [(ready.seed, trial, 0) for trial in range(ready.trials)]
        for progress in descend(game, method, ready.owners, seeds=seeds, cancelled=cancelled):
            points, estimate = progress.points, progress.estimate
            yield update("running", points, estimate)
    except (Cancelled, KeyboardInterrupt):
        phase = "stopped"
    yield update(phase, points, estimate)


def _gathered(ready: Plan, seconds: float) -> Iterator[list[Block]]:
    """Blocks put together so that playing them takes about `seconds`; the first at once, so that there is something."""
    tempo, gathered = Tempo(seconds, time.perf_counter), list[Block]()
    for block in ready.blocks():
        gathered.append(block)
        size = sum(len(coalitions) for _, coalitions, _ in gathered)
        if size >= tempo.wanted():
            tempo.begin()
            yield gathered
            tempo.end(size)
            gathered = []
    if gathered:
        yield gathered


def _replayed(ready: Plan, blocks: list[Block], row: int) -> list[LogProbs] | None:
    """With sampled baselines: these blocks' log-probs from the ledger to resume, when it holds just these rows."""
    known = ready.known
    if known is None or not ready.game.input.random:
        return None
    scores: list[LogProbs] = []
    for trial, coalitions, _ in blocks:
        rows = slice(row, row + len(coalitions))
        same = np.array_equal(known.coalitions[rows], coalitions) and (known.trials[rows] == trial).all()
        if not same:
            return None
        scores.append(known.log_probs[rows])
        row = rows.stop
    return scores


def _attribution(
    ready: Plan, ledger: Ledger, estimate: Estimate | None, phase: Phase, counts: tuple[int, int], seconds: float
) -> Attribution:
    """counts: calls as they are told of the run, and prompts that went through the model."""
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
        sequence_errors=estimate.standard_errors[-1],
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
            budget=ready.budget,
            calls=counts[0],
            scored=counts[1],
            seconds=seconds,
        ),
        game=game,
        picture=game.input.picture if isinstance(game.input, Pictured) else None,
    )
