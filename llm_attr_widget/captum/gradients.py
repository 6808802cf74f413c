"""Captum's LLMGradientAttribution, from forward passes that all target tokens share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from captum.attr import LayerGradientShap, LayerGradientXActivation, LayerIntegratedGradients, TextTokenInput
from captum.attr import LLMGradientAttribution as CaptumLLMGradientAttribution
from captum.attr._core.llm_attr import DEFAULT_GEN_ARGS
from captum.attr._core.noise_tunnel import NoiseTunnel
from numpy.typing import NDArray
from torch import nn

from llm_attr_widget.captum.prompts import TargetLike, allowed, shown_tokens, skipping, to_prompt, to_target
from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.errors import CapabilityError, MethodError
from llm_attr_widget.methods.gradients import Along, Rule, Side, quadrature
from llm_attr_widget.models.huggingface import HuggingFaceModel
from llm_attr_widget.models.huggingface_anatomy import look_at
from llm_attr_widget.models.huggingface_gradients import activations, gradients_at
from llm_attr_widget.models.huggingface_layers import layer_of, name_of
from llm_attr_widget.types import Line, Prompt

Array = NDArray[np.float64]
SHARED = ("attribute_to_layer_input", "grad_kwargs")
KNOWN: tuple[tuple[type, tuple[str, ...]], ...] = (
    (
        LayerIntegratedGradients,
        ("baselines", "n_steps", "method", "internal_batch_size", "return_convergence_delta", *SHARED),
    ),
    (LayerGradientXActivation, SHARED),
    (
        LayerGradientShap,
        ("baselines", "n_samples", "stdevs", "return_convergence_delta", "attribute_to_layer_input"),
    ),
)


@dataclass(frozen=True)
class Ask:
    """What the gradient is asked about. options: the keywords of captum's method."""

    inp: Any
    target: tuple[int, ...]
    layer: str
    side: Side
    options: Mapping[str, Any]


class LLMGradientAttribution(CaptumLLMGradientAttribution):
    """Captum's class of this name: same arguments, same numbers. See docs/captum.md for what differs."""

    def attribute(
        self,
        inp: Any,
        target: TargetLike = None,
        gen_args: dict[str, Any] | None = None,
        skip_tokens: Sequence[int] | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> LLMAttributionResult:
        """Captum's arguments. With return_convergence_delta=True the delta is the result's `delta`."""
        known = next(names for kind, names in KNOWN if isinstance(self.attr_method, kind))
        allowed(kwargs, known, type(self.attr_method).__name__)
        if kwargs.get("grad_kwargs"):
            raise CapabilityError("grad_kwargs are not passed on: gradients are shared between target tokens.")
        if not isinstance(inp, TextTokenInput):
            raise CapabilityError(
                f"Gradient methods explain the tokens of a TextTokenInput, got {type(inp).__name__}. "
                "Use a perturbation method, or the prompt as a TextTokenInput."
            )
        inp = skipping(inp, skip_tokens, self.tokenizer)
        ids = to_target(target, gen_args, self.tokenizer, lambda: self._written(inp, gen_args))
        side: Side = "input" if kwargs.get("attribute_to_layer_input") else "output"
        ask = Ask(inp, tuple(ids.tolist()), self._layer_name(), side, kwargs)
        found, ends = self._found(ask)
        return self._result(ask, found, ends)

    def _layer_name(self) -> str:
        layer = cast(Any, self.attr_method).layer
        if isinstance(layer, list):
            layers = cast("list[nn.Module]", layer)
            if len(layers) != 1:
                raise CapabilityError(f"Expected one layer, got {len(layers)}. Attribute to each of them in turn.")
            layer = layers[0]
        return name_of(self.model, layer)

    def _written(self, inp: Any, gen_args: Mapping[str, Any] | None) -> Sequence[int]:
        options = dict(gen_args or DEFAULT_GEN_ARGS)
        tokens = int(options.pop("max_new_tokens", 25))
        prompt = to_prompt(inp.to_model_input(), self.tokenizer)
        return HuggingFaceModel(self.model, self.tokenizer).generate(prompt, max_new_tokens=tokens, options=options)

    def _found(self, ask: Ask) -> tuple[Array, tuple[Prompt, Prompt]]:
        """`(target tokens, positions)`, positions of the target after those of the prompt; and baseline and prompt."""
        method = cast(Any, self.attr_method)
        end = to_prompt(ask.inp.to_model_input(), self.tokenizer)
        if isinstance(method, LayerGradientShap):
            return self._shap(ask, end), (end, end)
        if isinstance(method, LayerGradientXActivation):
            along: Along = "activation" if method.multiplies_by_inputs else "gradient"
            return self._along(Line(end, end, ask.layer, ask.side, along), (1.0,), (1.0,), ask), (end, end)
        start = self._at(ask.inp, _indicator(ask.inp, ask.options.get("baselines")))
        rule = cast(Rule, ask.options.get("method", "gausslegendre"))
        shares, weights = quadrature(rule, int(ask.options.get("n_steps", 50)))
        along = "difference" if method.multiplies_by_inputs else "gradient"
        line = Line(start, end, ask.layer, ask.side, along)
        return self._along(line, shares.tolist(), weights.tolist(), ask), (start, end)

    def _along(self, line: Line, shares: Sequence[float], weights: Sequence[float], ask: Ask) -> Array:
        parts = HuggingFaceModel(self.model, self.tokenizer).slopes(line, shares, ask.target, np.eye(len(ask.target)))
        weight = np.asarray(weights)
        return sum(
            (np.tensordot(weight[list(part.rows)], part.values, axes=1) for part in parts), start=np.zeros((1, 1))
        )

    def _shap(self, ask: Ask, end: Prompt) -> Array:
        """Captum's samples in captum's order. A token whose indicator is not exactly 1 is its baseline token."""
        options, whole = ask.options, ask.inp.to_tensor()
        if options.get("baselines") is None:
            raise MethodError("LayerGradientShap needs baselines: a tensor of indicators (0 is the baseline token).")
        samples = int(options.get("n_samples", 5))
        noisy = NoiseTunnel._add_noise_to_input(whole, float(options.get("stdevs", 0.0)), samples)  # pyright: ignore[reportPrivateUsage]  # the very same draws
        given: Any = options["baselines"]
        pool = cast(torch.Tensor, given(whole) if callable(given) else given)
        drawn = pool[np.random.choice(len(pool), samples).tolist()]  # noqa: NPY002 (captum's own generator)
        shares = torch.tensor(np.random.uniform(0.0, 1.0, samples), dtype=noisy.dtype)[:, None]  # noqa: NPY002
        anatomy = look_at(self.model, self.tokenizer)
        layer = layer_of(anatomy, ask.layer, ask.side)
        total = np.zeros((1, 1))
        seen: dict[tuple[Prompt, ...], Array] = {}
        for x, b, mixed in zip(noisy, drawn, shares * noisy + (1 - shares) * drawn, strict=True):
            triple = tuple(self._at(ask.inp, part[None]) for part in (x, b, mixed))
            if triple not in seen:
                full, base, point = activations(anatomy, layer, triple, ask.target)
                _, slopes = gradients_at(anatomy, layer, triple[2], ask.target, point, np.eye(len(ask.target)))
                factor = full - base if cast(Any, self.attr_method).multiplies_by_inputs else torch.ones_like(full)
                seen[triple] = np.stack([(slope * factor).flatten(2).sum(2)[0].double().cpu() for slope in slopes])
            total = total + seen[triple] / samples
        del end
        return total

    def _at(self, inp: Any, indicator: torch.Tensor) -> Prompt:
        return to_prompt(inp.to_model_input(indicator), self.tokenizer)

    def _result(self, ask: Ask, found: Array, ends: tuple[Prompt, Prompt]) -> LLMAttributionResult:
        inp = ask.inp
        attr = torch.from_numpy(found[:, : inp.inp_tensor.shape[1]]).float()
        if inp.itp_mask is not None:
            attr = attr[:, inp.itp_mask[0].cpu()]
        scorer = HuggingFaceModel(self.model, self.tokenizer)
        scores = np.empty((2, len(ask.target)))
        for batch in scorer.score(list(ends), ask.target):
            scores[list(batch.rows)] = batch.log_probs
        result = LLMAttributionResult(
            seq_attr=attr.sum(0),
            token_attr=attr,
            input_tokens=inp.values,
            output_tokens=shown_tokens(torch.tensor(ask.target), self.tokenizer),
            output_probs=torch.from_numpy(np.exp(scores[1])).float(),
            inp=inp,
        )
        result.method, result.target = self.attr_method, torch.tensor(ask.target)
        result.group_attr, result.group_token_attr = result.seq_attr, attr
        if isinstance(self.attr_method, LayerIntegratedGradients):
            result.delta = torch.from_numpy(found.sum(1) - (scores[1] - scores[0])).float()
        return result


def _indicator(inp: Any, baselines: Any) -> torch.Tensor:
    whole = inp.to_tensor()
    if baselines is None:
        return torch.zeros_like(whole)
    return baselines.expand_as(whole) if isinstance(baselines, torch.Tensor) else torch.full_like(whole, baselines)
