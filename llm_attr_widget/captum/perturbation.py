"""Captum's LLMAttribution, over our scorer: batched, each prompt scored once, right with transformers 5."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
import torch
from captum.attr import LLMAttribution as CaptumLLMAttribution
from captum.attr import ShapleyValues
from captum.attr._core.llm_attr import DEFAULT_GEN_ARGS

from llm_attr_widget.captum.prompts import TargetLike, allowed, shown_tokens, skipping, to_prompt, to_target
from llm_attr_widget.captum.recording import Asked, one_feature, record, replay, same_randomness
from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.errors import Cancelled, MethodError
from llm_attr_widget.game import prompt_key
from llm_attr_widget.methods.base import fit
from llm_attr_widget.methods.shapley import ExactShapley
from llm_attr_widget.models.huggingface import HuggingFaceModel
from llm_attr_widget.types import LogProbs, Prompt, Scorer

Inspect = Callable[[str, str, list[float]], None]
OURS = ("inputs", "additional_forward_args", "target", "kwargs")


@dataclass(frozen=True)
class Work:
    """One attribution, ready to be played. asked: for each trial, what captum's method wants to know."""

    inp: Any
    target: torch.Tensor
    asked: list[Asked]
    options: Mapping[str, Any]
    rewind: Callable[[], None]
    inspect_forward: Inspect | None
    scorer: Scorer
    tokenizer: Any
    whole: Prompt
    attr_target: str
    method: Any

    @property
    def prompts(self) -> list[Prompt]:
        return [prompt for trial in self.asked for prompt in trial.prompts]

    @property
    def wanted(self) -> dict[bytes, Prompt]:
        """Each distinct prompt once, the whole one first."""
        return {prompt_key(prompt): prompt for prompt in [self.whole, *self.prompts]}


class LLMAttribution(CaptumLLMAttribution):
    """Captum's class of this name: same arguments, same result type. See docs/captum.md for what differs."""

    def attribute(
        self,
        inp: Any,
        target: TargetLike = None,
        num_trials: int = 1,
        gen_args: dict[str, Any] | None = None,
        use_cached_outputs: bool = True,
        _inspect_forward: Inspect | None = None,
        forward_in_tokens: bool = True,
        skip_tokens: Sequence[int] | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> LLMAttributionResult:
        """Captum's arguments. forward_in_tokens: decode the target by force, token by token, else in one pass."""
        del use_cached_outputs  # whether a cache is used is up to the scorer: the numbers are the same
        work = self._work(inp, target, num_trials, gen_args, _inspect_forward, forward_in_tokens, skip_tokens, kwargs)
        scores = dict(_scores(work, lambda: False))
        return self._result(work, scores)

    def attribute_future(self, *args: Any, **kwargs: Any) -> Future:
        """`attribute` with the same arguments, in the background."""
        bound = inspect.signature(self.attribute).bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        work = self._work(
            given["inp"],
            given["target"],
            given["num_trials"],
            given["gen_args"],
            given["_inspect_forward"],
            given["forward_in_tokens"],
            given["skip_tokens"],
            given["kwargs"],
        )
        return Future(self, work)

    def _work(
        self,
        inp: Any,
        target: TargetLike,
        num_trials: int,
        gen_args: Mapping[str, Any] | None,
        inspect_forward: Inspect | None,
        forward_in_tokens: bool,
        skip_tokens: Sequence[int] | Sequence[str] | None,
        options: Mapping[str, Any],
    ) -> Work:
        if num_trials < 1:
            raise MethodError(f"Expected at least one trial, got num_trials={num_trials}.")
        known = [name for name in inspect.signature(self.attr_method.attribute).parameters if name not in OURS]
        allowed(options, known, type(self.attr_method).__name__)
        if int(options.get("perturbations_per_eval", 1)) < 1:
            raise MethodError("Expected perturbations_per_eval of 1 or more.")
        inp = skipping(inp, skip_tokens, self.tokenizer)
        ids = to_target(target, gen_args, self.tokenizer, lambda: self._written(inp, gen_args))
        # Batches are the scorer's business: captum's own batching changes no number, and fails for several outputs.
        asked_for = {**options, **({"perturbations_per_eval": 1} if "perturbations_per_eval" in known else {})}
        with same_randomness() as rewind:
            asked = [self._asked(inp, ids, asked_for) for _ in range(num_trials)]
        return Work(
            inp,
            ids,
            asked,
            asked_for,
            rewind,
            inspect_forward,
            self._scorer(forward_in_tokens),
            self.tokenizer,
            self._render(inp, None)[0],
            self.attr_target,
            self.attr_method,
        )

    def _scorer(self, forward_in_tokens: bool) -> Scorer:
        return HuggingFaceModel(self.model, self.tokenizer, scoring="stepwise" if forward_in_tokens else "one_pass")

    def _written(self, inp: Any, gen_args: Mapping[str, Any] | None) -> Sequence[int]:
        options = dict(gen_args or DEFAULT_GEN_ARGS)
        tokens = int(options.pop("max_new_tokens", 25))
        prompt = to_prompt(inp.to_model_input(), self.tokenizer)
        return HuggingFaceModel(self.model, self.tokenizer).generate(prompt, max_new_tokens=tokens, options=options)

    def _render(self, inp: Any, perturbed: torch.Tensor | None) -> tuple[Prompt, str | None]:
        model_input = inp.to_model_input() if perturbed is None else inp.to_model_input(perturbed)
        return to_prompt(model_input, self.tokenizer), model_input if isinstance(model_input, str) else None

    def _asked(self, inp: Any, target: torch.Tensor, options: Mapping[str, Any]) -> Asked:
        if self._exactly(inp, options):
            rows = (torch.from_numpy(row[None]) for block in _design(inp) for row in block)
            return self._listed(inp, rows)
        if one_feature(self.attr_method, inp.n_itp_features):
            return self._listed(inp, iter([torch.ones(1, 1), torch.zeros(1, 1)]))
        outputs = 1 + len(target) if self.include_per_token_attr else 1
        draws = callable(getattr(inp, "baselines", None))

        def render(perturbed: torch.Tensor) -> tuple[Prompt, str | None]:
            return self._render(inp, perturbed)

        return record(self.attr_method, inp.to_tensor(), options, render, outputs=outputs, draws=draws)

    def _exactly(self, inp: Any, options: Mapping[str, Any]) -> bool:
        """Exact Shapley values need each of the 2ⁿ coalitions once, not all n! orders."""
        plain = {"perturbations_per_eval", "show_progress"}
        return type(self.attr_method) is ShapleyValues and set(options) <= plain and inp.n_itp_features <= 16

    def _listed(self, inp: Any, rows: Iterator[torch.Tensor]) -> Asked:
        asked = Asked()
        for row in rows:
            prompt, text = self._render(inp, row.to(inp.to_tensor().dtype))
            asked.prompts.append(prompt)
            asked.texts.append(text)
            asked.present.append((row == 1).reshape(-1))
        return asked

    def _result(self, work: Work, scores: Mapping[bytes, LogProbs]) -> LLMAttributionResult:
        played = np.stack([scores[prompt_key(prompt)] for prompt in work.prompts])
        each = torch.from_numpy(played).double()
        log_probs = torch.cat([each.sum(1, keepdim=True), each], dim=1)
        self._tell(work, log_probs)
        values = (log_probs.exp() if self.attr_target == "prob" else log_probs).float()
        work.rewind()
        trials: list[torch.Tensor] = []
        start = 0
        for asked in work.asked:
            trials.append(self._fitted(work, asked, values[start : start + len(asked.prompts)]))
            start += len(asked.prompts)
        stacked = torch.stack(trials).double()
        errors = stacked.std(0) / len(trials) ** 0.5 if len(trials) > 1 else None
        whole = scores[prompt_key(work.whole)]
        return _packed(work, stacked.mean(0).float(), errors, whole, played, self.tokenizer)

    def _fitted(self, work: Work, asked: Asked, values: torch.Tensor) -> torch.Tensor:
        """`(1 + target tokens, groups)`."""
        if self._exactly(work.inp, work.options):
            coalitions = torch.stack(asked.present).numpy()
            return torch.from_numpy(fit(ExactShapley(), coalitions, values.double().numpy()).values)
        if one_feature(self.attr_method, work.inp.n_itp_features):
            return (values[0] - values[1])[:, None]
        return replay(self.attr_method, work.inp.to_tensor(), work.options, asked, values)

    def _tell(self, work: Work, log_probs: torch.Tensor) -> None:
        if work.inspect_forward is None:
            return
        response = self.tokenizer.decode(work.target)
        for prompt, row in zip(work.prompts, log_probs, strict=True):
            work.inspect_forward(
                self.tokenizer.decode(torch.tensor(prompt.ids, dtype=torch.long)), response, row.exp().tolist()
            )


class Future:
    """An attribution under way. progress: share of its prompts that are scored."""

    def __init__(self, owner: LLMAttribution, work: Work) -> None:
        self._owner = owner
        self._work = work
        self._stop = Event()
        self._scores: dict[bytes, LogProbs] = {}
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._play)
        self._pool.shutdown(wait=False)

    def _play(self) -> None:
        for key, scores in _scores(self._work, self._stop.is_set):
            self._scores[key] = scores

    @property
    def progress(self) -> float:
        return len(self._scores) / len(self._work.wanted)

    def done(self) -> bool:
        return self._done.done()

    def cancel(self) -> None:
        """Stop after the batch that is being scored. `result()` then raises Cancelled, unless it was done already."""
        self._stop.set()

    def partial(self) -> LLMAttributionResult | None:
        """The result over the trials that are complete, None while there is none."""
        complete = 0
        known = set(self._scores)
        for asked in self._work.asked:
            if not all(prompt_key(prompt) in known for prompt in asked.prompts):
                break
            complete += 1
        if not complete or prompt_key(self._work.whole) not in known:
            return None
        return self._finished(self._work.asked[:complete], tell=False)

    def result(self, timeout: float | None = None) -> LLMAttributionResult:
        """Wait for the result. Raises what the run raised, Cancelled after `cancel()`, TimeoutError."""
        self._done.result(timeout)
        return self._finished(self._work.asked, tell=True)

    def _finished(self, asked: list[Asked], *, tell: bool) -> LLMAttributionResult:
        old = self._work
        work = replace(old, asked=asked, inspect_forward=old.inspect_forward if tell else None)
        with same_randomness() as back:
            try:
                return self._owner._result(work, self._scores)  # pyright: ignore[reportPrivateUsage]  # one class in two parts
            finally:
                back()

    # Captum's futures are called for their result.
    __call__ = result


def _scores(work: Work, cancelled: Callable[[], bool]) -> Iterator[tuple[bytes, LogProbs]]:
    """Log-probs of each distinct prompt, the whole one included, as batches finish."""
    wanted = work.wanted
    keys = list(wanted)
    for batch in work.scorer.score(list(wanted.values()), work.target.tolist()):
        for row, scores in zip(batch.rows, batch.log_probs, strict=True):
            yield keys[row], scores
        if cancelled():
            raise Cancelled("The attribution was cancelled.")


def _design(inp: Any) -> Iterator[Any]:
    return ExactShapley().design(inp.n_itp_features, np.random.default_rng(0))


def _packed(
    work: Work, groups: torch.Tensor, errors: torch.Tensor | None, whole: LogProbs, played: LogProbs, tokenizer: Any
) -> LLMAttributionResult:
    """groups: `(1 + target tokens, groups)`."""
    formatted = work.inp.format_attr(groups)
    result = LLMAttributionResult(
        seq_attr=formatted[0],
        token_attr=formatted[1:],
        input_tokens=work.inp.values,
        output_tokens=shown_tokens(work.target, tokenizer),
        output_probs=torch.from_numpy(np.exp(whole)),
        inp=work.inp,
    )
    result.target, result.attr_target, result.method = work.target, work.attr_target, work.method
    result.group_attr, result.group_token_attr = groups[0], groups[1:]
    if errors is not None:
        spread = work.inp.format_attr(errors.float())
        result.seq_errors, result.token_errors = spread[0], spread[1:]
    result.coalitions = torch.stack([row for asked in work.asked for row in asked.present]).numpy()
    result.log_probs = played
    return result
