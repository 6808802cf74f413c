"""One perturbation attribution: its prompts are scored, and captum's method is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import FeatureAblation, KernelShap, Lime, ShapleyValues, ShapleyValueSampling
from tqdm.auto import tqdm

from llm_attr_widget.captum.groups import Groups, shown_groups
from llm_attr_widget.captum.prompts import shown_tokens
from llm_attr_widget.captum.recording import Asked, kept_randomness, replay, restore
from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.game.game import prompt_key
from llm_attr_widget.methods.base import fit
from llm_attr_widget.methods.shapley import ExactShapley
from llm_attr_widget.tokens import decode
from llm_attr_widget.types import LogProbs, Prompt, Scorer

Inspect = Callable[[str, str, list[float]], None]
PLAIN = frozenset({"perturbations_per_eval", "show_progress", "feature_mask"})


@dataclass(frozen=True)
class Work:
    """What is to be scored, and what becomes of it.

    features: the indicator of all features. asked: for each trial, what captum's method wants to know. groups: the
    features that the method takes together. whole: the prompt with all features. shown: a prompt and its text (if it
    has one) as `_inspect_forward` is told. device: where captum's result would be.
    """

    inp: Any
    features: torch.Tensor
    target: torch.Tensor
    asked: Sequence[Asked]
    options: Mapping[str, Any]
    groups: Groups
    scorer: Scorer
    tokenizer: Any
    whole: Prompt
    attr_target: str
    method: Any
    inspect_forward: Inspect | None
    shown: Callable[[Prompt, str | None], Any]
    show_progress: bool
    device: torch.device

    @property
    def wanted(self) -> dict[bytes, Prompt]:
        """Each distinct prompt once, the whole one first, then in the order they are asked for."""
        prompts = [prompt for trial in self.asked for prompt in trial.prompts]
        return {prompt_key(prompt): prompt for prompt in [self.whole, *prompts]}


def exactly(method: Any, options: Mapping[str, Any]) -> bool:
    """Exact Shapley values without baselines of one's own need each of the 2ⁿ coalitions once, not all n! orders."""
    return type(method) is ShapleyValues and set(options) <= PLAIN


def one_group(method: Any, groups: Groups) -> bool:
    """KernelSHAP cannot be drawn for a single feature (captum crashes): its value is v(all) - v(none)."""
    return isinstance(method, KernelShap) and len(groups) == 1


class PerturbationJob:
    """Plays a Work. See `future.Job`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._wanted = work.wanted
        self._scores: dict[bytes, LogProbs] = {}

    @property
    def progress(self) -> float:
        return len(self._scores) / len(self._wanted)

    def steps(self, *, at_once: int | None = None) -> Iterator[None]:
        keys, prompts = list(self._wanted), list(self._wanted.values())
        size = at_once or len(keys)
        name = f"{self._work.method.get_name()} attribution"
        with tqdm(total=len(keys), desc=name, disable=not self._work.show_progress) as bar:
            for start in range(0, len(keys), size):
                for batch in self._work.scorer.score(prompts[start : start + size], self._work.target.tolist()):
                    for row, scores in zip(batch.rows, batch.log_probs, strict=True):
                        self._scores[keys[start + row]] = scores
                    bar.update(len(batch.rows))
                    yield

    def result(self) -> LLMAttributionResult:
        self._tell()
        return self._mean(len(self._work.asked))

    def partial(self) -> LLMAttributionResult | None:
        """The mean over complete trials; before there is one, what the first trial says so far."""
        known = dict(self._scores)
        if prompt_key(self._work.whole) not in known:
            return None
        complete = 0
        for asked in self._work.asked:
            if not all(prompt_key(prompt) in known for prompt in asked.prompts):
                break
            complete += 1
        return self._mean(complete) if complete else self._begun(known)

    def _mean(self, trials: int) -> LLMAttributionResult:
        asked = self._work.asked[:trials]
        found = [self._fitted(each, self._values(each), self._work.options) for each in asked]
        stacked = torch.stack(found).double()
        errors = stacked.std(0) / trials**0.5 if trials > 1 else None
        return self._packed(stacked.mean(0).float(), errors, asked)

    def _begun(self, known: Mapping[bytes, LogProbs]) -> LLMAttributionResult | None:
        """From the first trial's beginning: fewer samples, or for ablation the features that are known."""
        method, asked = self._work.method, self._work.asked[0]
        there = [prompt_key(prompt) in known for prompt in asked.prompts]
        if type(method) is FeatureAblation:
            return self._features_known(known, asked, there)
        fewer = samples_within(method, asked, there.index(False), int(self._work.options.get("n_samples", 25)))
        if fewer is None:
            return None
        samples, prompts = fewer
        begun = asked.first(prompts)
        found = self._fitted(begun, self._values(begun), {**self._work.options, "n_samples": samples})
        return self._packed(found, None, [begun])

    def _features_known(
        self, known: Mapping[bytes, LogProbs], asked: Asked, there: Sequence[bool]
    ) -> LLMAttributionResult:
        nothing = np.zeros(len(self._work.target), dtype=np.float32)
        values = self._values(asked, {key: known.get(key, nothing) for key in self._wanted})
        missing = torch.tensor([[float(not each)] for each in there]).expand(-1, values.shape[1])
        # Ablation is linear: what the missing values alone would change is not known yet.
        found, touched = (self._fitted(asked, each, self._work.options) for each in (values, missing))
        return self._packed(found.masked_fill(touched != 0, float("nan")), None, [asked.first(there.index(False))])

    def _values(self, asked: Asked, scores: Mapping[bytes, LogProbs] | None = None) -> torch.Tensor:
        """`(prompts, 1 + target tokens)`: what is explained, the whole target first."""
        log_probs = _with_sum(self._played(asked, scores))
        return (log_probs.exp() if self._work.attr_target == "prob" else log_probs).float()

    def _played(self, asked: Asked, scores: Mapping[bytes, LogProbs] | None = None) -> LogProbs:
        known = self._scores if scores is None else scores
        return np.stack([known[prompt_key(prompt)] for prompt in asked.prompts])

    def _fitted(self, asked: Asked, values: torch.Tensor, options: Mapping[str, Any]) -> torch.Tensor:
        """`(1 + target tokens, features)`, those of one group alike. Draws what recording drew, and leaves no trace."""
        method, groups = self._work.method, self._work.groups
        if exactly(method, options):
            coalitions = groups.once(torch.stack(asked.present)).numpy()
            exact = fit(ExactShapley(), coalitions, values.double().numpy())
            return groups.each(torch.from_numpy(exact.values).float())
        if one_group(method, groups):
            return groups.each((values[0] - values[1])[:, None])
        with kept_randomness():
            restore(asked.started)
            return replay(method, self._work.features, options, asked, values)

    def _tell(self) -> None:
        if self._work.inspect_forward is None:
            return
        response = decode(self._work.tokenizer, self._work.target.tolist())
        for asked in self._work.asked:
            probs = _with_sum(self._played(asked)).exp()
            for prompt, text, row in zip(asked.prompts, asked.texts, probs, strict=True):
                self._work.inspect_forward(self._work.shown(prompt, text), response, row.tolist())

    def _packed(self, found: torch.Tensor, errors: torch.Tensor | None, asked: Sequence[Asked]) -> LLMAttributionResult:
        """found: `(1 + target tokens, features)`. asked: what these numbers were made of."""
        work, groups = self._work, self._work.groups
        formatted = work.inp.format_attr(found.to(work.device))
        result = LLMAttributionResult(
            seq_attr=formatted[0],
            token_attr=formatted[1:],
            input_tokens=list(work.inp.values),
            output_tokens=shown_tokens(work.target, work.tokenizer),
            output_probs=torch.from_numpy(np.exp(self._scores[prompt_key(work.whole)])).to(work.device),
            inp=work.inp,
        )
        result.target, result.attr_target, result.method = work.target, work.attr_target, work.method
        once = groups.once(found).to(work.device)
        result.group_attr, result.group_token_attr = once[0], once[1:]
        result.group_of = shown_groups(work.inp, groups, work.device)
        if errors is not None:
            spread = work.inp.format_attr(errors.float().to(work.device))
            result.seq_errors, result.token_errors = spread[0], spread[1:]
        result.coalitions = groups.once(torch.stack([row for each in asked for row in each.present])).numpy()
        result.log_probs = np.concatenate([self._played(each) for each in asked])
        result.played_in = np.repeat(np.arange(len(asked), dtype=np.int32), [len(each.prompts) for each in asked])
        result.scored = len(
            {prompt_key(work.whole), *(prompt_key(prompt) for each in asked for prompt in each.prompts)}
        )
        return result


def samples_within(method: Any, asked: Asked, prompts: int, samples: int) -> tuple[int, int] | None:
    """How many of a method's samples the first `prompts` prompts complete, and how many prompts those are."""
    if isinstance(method, Lime):
        each, before = 1, 0
    elif type(method) is ShapleyValueSampling:
        each, before = (len(asked.prompts) - 1) // samples, 1
    else:
        return None
    complete = (prompts - before) // each
    # A linear model of n features needs more than n coalitions to say anything.
    least = len(asked.present[0]) + 1 if isinstance(method, Lime) else 1
    return (complete, before + complete * each) if complete >= least else None


def _with_sum(log_probs: LogProbs) -> torch.Tensor:
    """`(rows, 1 + tokens)`, float64: the log-prob of the whole target, and then of each token."""
    each = torch.from_numpy(log_probs).double()
    return torch.cat([each.sum(1, keepdim=True), each], dim=1)
