"""One run: design → play → fit, as events. `attribute` drains it with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.engine.plan import PromptLike, plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.engine.update import Interrupted, Update, never
from llm_attr_widget.errors import AttributionError, MethodError, ScoreError
from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.targets import TargetLike
from llm_attr_widget.game.values import Value, ValueName
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import GradientMethod, Granularity, LogProbs, Method, Tokenizer


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
    stop_when: Separated | None = None,
    cancelled: Callable[[], bool] = never,
    seconds_per_update: float = 0.1,
) -> Iterator[Update]:
    """Attribute the target to the prompt's features, one event per stretch of about `seconds_per_update`.

    model, tokenizer: a Hugging Face model with its tokenizer or processor, or any Scorer. prompt: text, chat messages,
    or an Input. target: text, token ids, or None (the model writes it, at most `max_new_tokens`, with `gen_args`).
    against: a second target, to explain log p(target) - log p(against). method: a name (`methods.METHODS`) or a
    Method; budget: coalitions per trial. value: what is explained. trials: independent repetitions. resume: the ledger
    of an earlier run of the same game; what it holds is not played again. stop_when: end before the budget is spent,
    once the top features are separated; the last event then has phase "finished". cancelled: tested between batches;
    the last event then has phase "stopped".
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
            stop_when=stop_when,
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
    stop_when: Separated | None = None,
    progress: bool = True,
) -> Attribution:
    """`run`, drained: the finished attribution. progress: show a bar (tqdm) of the coalitions played.

    An interrupt (Ctrl-C) ends the run and gives what there is, marked "stopped". Raises Interrupted, which holds what
    there is, when the model fails in the middle; a caller's mistake keeps its own error.
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
        stop_when=stop_when,
    )
    latest: Update | None = None
    try:
        with tqdm(total=ready.planned, unit="call", desc=ready.method.label, disable=not progress) as bar:
            for latest in play(ready, seconds_per_update=0.5):
                bar.update(latest.calls - bar.n)
    except Exception as error:
        mistake = isinstance(error, AttributionError) and not isinstance(error, ScoreError)
        if mistake or latest is None or latest.calls == 0:
            raise
        raise Interrupted(latest.attribution, error) from error
    if latest is None:
        raise MethodError(f"{ready.method!r} played nothing. Its design must yield at least one coalition.")
    return latest.attribution
