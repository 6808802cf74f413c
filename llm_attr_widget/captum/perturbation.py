"""Captum's LLMAttribution, over our scorer: batched, each prompt scored once, right with transformers 5."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from captum.attr import LLMAttribution as CaptumLLMAttribution
from captum.attr import ShapleyValues

from llm_attr_widget.captum.future import Future
from llm_attr_widget.captum.prompts import SkipTokens, TargetLike, allowed, to_prompt, to_target
from llm_attr_widget.captum.recording import Asked, now, one_feature, record
from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.captum.work import Inspect, PerturbationJob, Work, exactly
from llm_attr_widget.captum.writing import written
from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.shapley import ExactShapley
from llm_attr_widget.models.huggingface import HuggingFaceModel
from llm_attr_widget.types import Prompt, Scorer

OURS = ("inputs", "additional_forward_args", "target", "kwargs")
MOST_EXACT = 16
MOST_ORDERS = 8


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
        skip_tokens: SkipTokens = None,
        **kwargs: Any,
    ) -> LLMAttributionResult:
        """Captum's arguments. forward_in_tokens: decode the target by force, token by token, else in one pass.

        skip_tokens: captum 0.8's: ids or texts of tokens to leave out of the given target.
        """
        del use_cached_outputs  # whether a cache is used is up to the scorer: the numbers are the same
        job = self._job(inp, target, num_trials, gen_args, _inspect_forward, forward_in_tokens, skip_tokens, kwargs)
        for _ in job.steps():
            pass
        return job.result()

    def attribute_future(  # pyright: ignore[reportIncompatibleMethodOverride]  # captum's only raises
        self,
        inp: Any,
        target: TargetLike = None,
        num_trials: int = 1,
        gen_args: dict[str, Any] | None = None,
        use_cached_outputs: bool = True,
        _inspect_forward: Inspect | None = None,
        forward_in_tokens: bool = True,
        skip_tokens: SkipTokens = None,
        **kwargs: Any,
    ) -> Future:
        """`attribute` with the same arguments, in the background. A target that is to be generated is, beforehand."""
        del use_cached_outputs
        return Future(
            self._job(inp, target, num_trials, gen_args, _inspect_forward, forward_in_tokens, skip_tokens, kwargs)
        )

    def _job(
        self,
        inp: Any,
        target: TargetLike,
        num_trials: int,
        gen_args: Mapping[str, Any] | None,
        inspect_forward: Inspect | None,
        forward_in_tokens: bool,
        skip_tokens: SkipTokens,
        options: Mapping[str, Any],
    ) -> PerturbationJob:
        if num_trials < 1:
            raise MethodError(f"Expected at least one trial, got num_trials={num_trials}.")
        asked_for = self._checked(inp, options)
        ids = to_target(target, gen_args, skip_tokens, self.tokenizer, lambda: self._written(inp, gen_args))
        started = now()
        asked = [self._asked(inp, ids, asked_for) for _ in range(num_trials)]
        return PerturbationJob(
            Work(
                inp=inp,
                target=ids,
                asked=asked,
                options=asked_for,
                started=started,
                scorer=self._scorer(forward_in_tokens),
                tokenizer=self.tokenizer,
                whole=self._render(inp, None)[0],
                attr_target=self.attr_target,
                method=self.attr_method,
                inspect_forward=inspect_forward,
                shown=self._shown,
                show_progress=bool(options.get("show_progress", False)),
            )
        )

    def _checked(self, inp: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        """The method's keywords, as it is to be played. Raises TypeError for unknown ones, MethodError for bad ones."""
        name = type(self.attr_method).__name__
        known = [word for word in inspect.signature(self.attr_method.attribute).parameters if word not in OURS]
        allowed(options, known, name)
        if int(options.get("perturbations_per_eval", 1)) < 1:
            raise MethodError("Expected perturbations_per_eval of 1 or more.")
        most = MOST_EXACT if exactly(self.attr_method, inp, options) else MOST_ORDERS
        if type(self.attr_method) is ShapleyValues and inp.n_itp_features > most:
            raise MethodError(
                f"Exact Shapley values of {inp.n_itp_features} features are out of reach; {most} are the most here. "
                "Group features by a mask, or use ShapleyValueSampling or KernelShap."
            )
        # Batches are the scorer's business: captum's own batching changes no number, and fails for several outputs.
        # Progress is shown while prompts are scored, not while captum's method is recorded and answered.
        fixed = {"perturbations_per_eval": 1, "show_progress": False}
        return {**options, **{word: value for word, value in fixed.items() if word in known}}

    def _scorer(self, forward_in_tokens: bool) -> Scorer:
        return HuggingFaceModel(self.model, self.tokenizer, scoring="stepwise" if forward_in_tokens else "one_pass")

    def _written(self, inp: Any, gen_args: Mapping[str, Any] | None) -> Sequence[int]:
        return written(self.model, self.tokenizer, to_prompt(inp.to_model_input(), self.tokenizer), gen_args)

    def _shown(self, prompt: Prompt, text: str | None) -> str:
        """A prompt as `_inspect_forward` is told: what its tokens decode to."""
        del text
        return self.tokenizer.decode(torch.tensor(prompt.ids, dtype=torch.long))

    def _render(self, inp: Any, perturbed: torch.Tensor | None) -> tuple[Prompt, str | None]:
        model_input = inp.to_model_input() if perturbed is None else inp.to_model_input(perturbed)
        return to_prompt(model_input, self.tokenizer), model_input if isinstance(model_input, str) else None

    def _asked(self, inp: Any, target: torch.Tensor, options: Mapping[str, Any]) -> Asked:
        if exactly(self.attr_method, inp, options):
            blocks = ExactShapley().design(inp.n_itp_features, np.random.default_rng(0))
            return self._listed(inp, (torch.from_numpy(row[None]) for block in blocks for row in block))
        if one_feature(self.attr_method, inp.n_itp_features):
            return self._listed(inp, iter([torch.ones(1, 1), torch.zeros(1, 1)]))
        outputs = 1 + len(target) if self.include_per_token_attr else 1
        draws = callable(getattr(inp, "baselines", None))

        def render(perturbed: torch.Tensor) -> tuple[Prompt, str | None]:
            return self._render(inp, perturbed)

        return record(self.attr_method, inp.to_tensor(), options, render, outputs=outputs, draws=draws)

    def _listed(self, inp: Any, rows: Iterator[torch.Tensor]) -> Asked:
        asked = Asked()
        for row in rows:
            prompt, text = self._render(inp, row.to(inp.to_tensor().dtype))
            asked.prompts.append(prompt)
            asked.texts.append(text)
            asked.present.append((row == 1).reshape(-1))
        return asked
