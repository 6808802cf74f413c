"""One run: design → play → fit, as events. `attribute` drains it with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llm_attr_widget.engine.autosave import PathLike
from llm_attr_widget.engine.plan import Plan, plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.engine.update import Interrupted, Update, never
from llm_attr_widget.errors import AttributionError, MethodError, ScoreError, known_keywords
from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.targets import TargetLike
from llm_attr_widget.game.values import ValueLike
from llm_attr_widget.inputs import PromptLike
from llm_attr_widget.methods.registry import MethodLike
from llm_attr_widget.models.served.server import Refusal
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Granularity, Tokenizer


@known_keywords
def run(
    model: Any,
    tokenizer: Tokenizer | None = None,
    prompt: PromptLike = "",
    target: TargetLike | None = None,
    *,
    against: TargetLike | None = None,
    method: MethodLike = "shapley",
    granularity: Granularity = "word",
    value: ValueLike = "log_prob",
    budget: int | None = None,
    trials: int = 1,
    seed: int = 0,
    max_new_tokens: int = 32,
    gen_args: Mapping[str, Any] | None = None,
    resume: Ledger | PathLike | None = None,
    autosave: PathLike | None = None,
    stop_when: Separated | None = None,
    cancelled: Callable[[], bool] = never,
    seconds_per_update: float = 0.1,
) -> Iterator[Update]:
    """Attribute the target to the prompt's features, one event for each stretch of time.

    Arguments are checked, and a target that is not given is written, when it is called.

    model: a Hugging Face model, a transformers pipeline, or any Scorer (`llm_attr_widget.models`).
    tokenizer: the model's, or its processor; None where the model has it (a pipeline, a Scorer with a `tokenizer`).
    prompt: a text, token ids, chat messages, or an Input (`llm_attr_widget.inputs`).
    target: a text, token ids (one, a row, a tensor of one row), a Target, or None: the model writes it.
    against: a second target, to explain log p(target) - log p(against).
    method: a name, a method, or its class (`llm_attr_widget.methods`). By name:
        shapley, kernel_shap, permutation_shapley, exact_shapley, leave_one_out, add_one_in, lime, banzhaf, sparse,
        owen; with a local model also layer_integrated_gradients, layer_gradient_x_activation, layer_gradient_shap.
    granularity: what one feature of a text is: "token", "word", "phrase", "sentence" or "paragraph".
    value: what is explained: "log_prob" (nats), "sequence_log_prob", "prob", a Value, or a function of log-probs
        `(coalitions, target tokens)` that returns one number for each coalition.
    budget: coalitions for each trial, of which each is at most one model call; None: the method's own default.
    trials: independent repetitions, with coalitions and baselines drawn anew.
    seed: equal seeds give equal coalitions.
    max_new_tokens, gen_args: how the model writes the target where none is given: how long it may get, and options of
        its `generate` such as {"do_sample": True}. They are called as in captum, so that calls can be carried over.
    resume: the ledger of an earlier run of the same game, or its file; what it holds is not played again.
    autosave: a file that the ledger is written to every few seconds, and at the end: where the process is killed,
        `resume` with the same path goes on from there.
    stop_when: end before the budget is spent, once the top features are separated.
    cancelled: asked between batches; once it says True, the last event comes, with phase "stopped".
    seconds_per_update: about how long a stretch takes.

    Returns events that hold the attribution so far; the last one has phase "finished" or "stopped".
    Raises InputError, TargetError, MethodError, CapabilityError or LedgerError for arguments that cannot be used.

    >>> from llm_attr_widget import run
    >>> from llm_attr_widget.demo import load_text
    >>> model, tokenizer = load_text()
    >>> events = list(run(model, tokenizer, "Dave is a lawyer. His interests include", " golf"))
    >>> events[-1].phase, events[-1].calls == events[-1].planned
    ('finished', True)
    """
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
        autosave=autosave,
        stop_when=stop_when,
    )
    return play(ready, cancelled=cancelled, seconds_per_update=seconds_per_update)


@known_keywords
def attribute(
    model: Any,
    tokenizer: Tokenizer | None = None,
    prompt: PromptLike = "",
    target: TargetLike | None = None,
    *,
    against: TargetLike | None = None,
    method: MethodLike = "shapley",
    granularity: Granularity = "word",
    value: ValueLike = "log_prob",
    budget: int | None = None,
    trials: int = 1,
    seed: int = 0,
    max_new_tokens: int = 32,
    gen_args: Mapping[str, Any] | None = None,
    resume: Ledger | PathLike | None = None,
    autosave: PathLike | None = None,
    stop_when: Separated | None = None,
    progress: bool = True,
) -> Attribution:
    """Which parts of the prompt made the model say this?

    The result has a number for each token of the answer (rows) and each part of the prompt (columns): how much that
    part did for that token, in nats; +0.69 makes a token twice as likely. `print(result)` tells the largest, how sure
    they are and why not to trust them, `result.plot_token_attr()` draws all, `AttrWidget.from_result(result)` shows
    them in the widget. The same as `run`, in one call.

    model: a Hugging Face model, a transformers pipeline, or any Scorer (`llm_attr_widget.models`).
    tokenizer: the model's, or its processor; None where the model has it (a pipeline, a Scorer with a `tokenizer`).
    prompt: a text, token ids, chat messages, or an Input (`llm_attr_widget.inputs`).
    target: a text, token ids (one, a row, a tensor of one row), a Target, or None: the model writes it.
    against: a second target, to explain log p(target) - log p(against).
    method: a name, a method, or its class (`llm_attr_widget.methods`). By name:
        shapley, kernel_shap, permutation_shapley, exact_shapley, leave_one_out, add_one_in, lime, banzhaf, sparse,
        owen; with a local model also layer_integrated_gradients, layer_gradient_x_activation, layer_gradient_shap.
    granularity: what one feature of a text is: "token", "word", "phrase", "sentence" or "paragraph".
    value: what is explained: "log_prob" (nats), "sequence_log_prob", "prob", a Value, or a function of log-probs
        `(coalitions, target tokens)` that returns one number for each coalition.
    budget: coalitions for each trial, of which each is at most one model call; None: the method's own default.
    trials: independent repetitions, with coalitions and baselines drawn anew.
    seed: equal seeds give equal coalitions.
    max_new_tokens, gen_args: how the model writes the target where none is given: how long it may get, and options of
        its `generate` such as {"do_sample": True}. They are called as in captum, so that calls can be carried over.
    resume: the ledger of an earlier run of the same game, or its file; what it holds is not played again.
    autosave: a file that the ledger is written to every few seconds, and at the end: where the process is killed,
        `resume` with the same path goes on from there.
    stop_when: end before the budget is spent, once the top features are separated.
    progress: show a bar (tqdm) of the coalitions played.

    Returns the finished attribution. An interrupt (Ctrl-C) ends the run and gives what there is, marked "stopped".
    Raises InputError, TargetError, MethodError, CapabilityError or LedgerError for arguments that cannot be used, and
    Interrupted, which holds what there is, when the model fails in the middle.

    >>> from llm_attr_widget import attribute
    >>> from llm_attr_widget.demo import load_text
    >>> model, tokenizer = load_text()
    >>> result = attribute(model, tokenizer, "Dave is a lawyer. His interests include", " golf", progress=False)
    >>> result.label, len(result.outputs) == len(result.target.ids)
    ('Shapley value', True)
    """
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
        autosave=autosave,
        stop_when=stop_when,
    )
    return drained(ready, progress=progress)


def drained(ready: Plan, *, progress: bool) -> Attribution:
    """Play a plan to its end. Raises as `attribute`."""
    from tqdm.auto import tqdm

    latest: Update | None = None
    try:
        with tqdm(total=ready.planned, unit="call", desc=ready.method.label, disable=not progress) as bar:
            for latest in play(ready, seconds_per_update=0.5):
                bar.update(latest.calls - bar.n)
    except Exception as error:
        # What a server refuses in the middle (a key that ran out, one prompt) leaves what was paid for worth keeping.
        mistake = isinstance(error, AttributionError) and not isinstance(error, ScoreError | Refusal)
        if mistake or latest is None or latest.calls == 0:
            raise
        raise Interrupted(latest.attribution, error) from error
    if latest is None:
        raise MethodError(f"{ready.method!r} played nothing. Its design must yield at least one coalition.")
    return latest.attribution
