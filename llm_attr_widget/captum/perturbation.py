"""Captum's LLMAttribution, over our scorer: batched, each prompt scored once, right with transformers 5."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from captum.attr import InterpretableInput, ShapleyValues
from captum.attr import LLMAttribution as CaptumLLMAttribution

from llm_attr_widget.captum.future import finished, in_background
from llm_attr_widget.captum.groups import Groups, groups_of
from llm_attr_widget.captum.prompts import (
    AnyTarget,
    SkipTokens,
    allowed,
    may_draw,
    model_input_of,
    over_model,
    to_prompt,
    to_target,
)
from llm_attr_widget.captum.recording import Asked, listed, now, record
from llm_attr_widget.captum.work import Inspect, PerturbationJob, Work, exactly, one_group
from llm_attr_widget.captum.writing import written
from llm_attr_widget.errors import InputError, MethodError
from llm_attr_widget.methods.shapley import ExactShapley
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.tokens import decode
from llm_attr_widget.types import Prompt, Scorer

OURS = ("inputs", "additional_forward_args", "target", "kwargs")
MOST_EXACT = 16
MOST_ORDERS = 8


class LLMAttribution(CaptumLLMAttribution):
    """Captum's class of this name: same arguments, same result type. See docs/captum.md for what differs."""

    def __init__(self, attr_method: Any, tokenizer: Any, attr_target: str = "log_prob") -> None:
        """Captum's arguments; the method may also be over a pipeline, whose model and tokenizer (for None) are taken.

        Raises CapabilityError for what is no model or no tokenizer.
        """
        super().__init__(*over_model(attr_method, tokenizer), attr_target)

    def _job(
        self,
        inp: Any,
        target: AnyTarget | None = None,
        num_trials: int = 1,
        gen_args: dict[str, Any] | None = None,
        use_cached_outputs: bool = True,
        _inspect_forward: Inspect | None = None,
        forward_in_tokens: bool = True,
        skip_tokens: SkipTokens = None,
        **kwargs: Any,
    ) -> PerturbationJob:
        """Captum's arguments. forward_in_tokens: decode the target by force, token by token, else in one pass.

        skip_tokens: captum 0.8's: ids or texts of tokens to leave out of the given target.
        """
        del use_cached_outputs  # whether a cache is used is up to the scorer: the numbers are the same
        if num_trials < 1:
            raise MethodError(f"Expected at least one trial, got num_trials={num_trials}.")
        if not isinstance(inp, InterpretableInput):
            raise InputError(f"Expected an InterpretableInput, such as TextTokenInput, got {type(inp).__name__}.")
        if inp.n_itp_features < 1:
            raise InputError("The input has no feature to explain. Skip fewer tokens, or give it values.")
        groups = groups_of(inp.n_itp_features, kwargs.get("feature_mask"))
        options = self._checked(groups, kwargs)
        ids, scorer = to_target(
            target,
            gen_args,
            skip_tokens,
            self.tokenizer,
            lambda: self._written(inp, gen_args),
            scorer=self._scorer(forward_in_tokens),
        )
        features = self._features(inp)
        asked = [self._asked(inp, features, groups, ids, options) for _ in range(num_trials)]
        return PerturbationJob(
            Work(
                inp=inp,
                features=features,
                target=ids,
                asked=asked,
                options=options,
                groups=groups,
                scorer=scorer,
                tokenizer=self.tokenizer,
                whole=self._render(inp, None)[0],
                attr_target=self.attr_target,
                method=self.attr_method,
                inspect_forward=_inspect_forward,
                shown=self._shown,
                show_progress=bool(kwargs.get("show_progress", False)),
                device=torch.device(self.device),
            )
        )

    attribute = finished(_job)
    attribute_future = in_background(_job)  # pyright: ignore[reportAssignmentType]  # captum's takes nothing and only raises

    def _checked(self, groups: Groups, options: Mapping[str, Any]) -> dict[str, Any]:
        """The method's keywords, as it is to be played. Raises TypeError for unknown ones, MethodError for bad ones."""
        name = type(self.attr_method).__name__
        known = [word for word in inspect.signature(self.attr_method.attribute).parameters if word not in OURS]
        allowed(options, known, name)
        if int(options.get("perturbations_per_eval", 1)) < 1:
            raise MethodError("Expected perturbations_per_eval of 1 or more.")
        most = MOST_EXACT if exactly(self.attr_method, options) else MOST_ORDERS
        if type(self.attr_method) is ShapleyValues and len(groups) > most:
            raise MethodError(
                f"Exact Shapley values of {len(groups)} features are out of reach; {most} are the most here. "
                "Group features by a mask, or use ShapleyValueSampling or KernelShap."
            )
        # Batches are the scorer's business: captum's own batching changes no number, and fails for several outputs.
        # Progress is shown while prompts are scored, not while captum's method is recorded and answered. A result has
        # the input's shape.
        fixed = {"perturbations_per_eval": 1, "show_progress": False, "return_input_shape": True}
        return {**options, **{word: value for word, value in fixed.items() if word in known}}

    def _scorer(self, forward_in_tokens: bool) -> Scorer:
        return HuggingFaceModel(self.model, self.tokenizer, scoring="stepwise" if forward_in_tokens else "one_pass")

    def _written(self, inp: Any, gen_args: Mapping[str, Any] | None) -> Sequence[int]:
        return written(self.model, self.tokenizer, to_prompt(inp.to_model_input(), self.tokenizer), gen_args)

    def _shown(self, prompt: Prompt, text: str | None) -> Any:
        """A prompt as `_inspect_forward` is told: what its tokens decode to."""
        del text
        return decode(self.tokenizer, prompt.ids)

    def _features(self, inp: Any) -> torch.Tensor:
        # Captum's own inputs read the indicator entry by entry; one of the caller's may reckon with it on the device.
        features = inp.to_tensor()
        return features if isinstance(inp, self.SUPPORTED_INPUTS) else features.to(self.device)

    def _render(self, inp: Any, perturbed: torch.Tensor | None) -> tuple[Prompt, str | None]:
        model_input = model_input_of(inp, perturbed)
        return to_prompt(model_input, self.tokenizer), model_input if isinstance(model_input, str) else None

    def _asked(
        self, inp: Any, features: torch.Tensor, groups: Groups, target: torch.Tensor, options: Mapping[str, Any]
    ) -> Asked:
        def render(perturbed: torch.Tensor) -> tuple[Prompt, str | None]:
            return self._render(inp, perturbed)

        asked = Asked(now(), may_draw(inp))
        if exactly(self.attr_method, options):
            rows = np.concatenate(list(ExactShapley().design(len(groups), np.random.default_rng(0))))
            return listed(torch.from_numpy(rows), features, groups, render, asked)
        if one_group(self.attr_method, groups):
            return listed(torch.tensor([[True], [False]]), features, groups, render, asked)
        outputs = 1 + len(target) if self.include_per_token_attr else 1
        return record(self.attr_method, features, options, render, asked, outputs=outputs)
