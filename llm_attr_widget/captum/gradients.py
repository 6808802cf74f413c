"""Captum's LLMGradientAttribution, from forward passes that all target tokens share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from captum.attr import LayerGradientShap, LayerGradientXActivation, LayerIntegratedGradients
from captum.attr import LLMGradientAttribution as CaptumLLMGradientAttribution
from captum.attr._core.noise_tunnel import NoiseTunnel
from captum.attr._utils.common import _format_callable_baseline  # pyright: ignore[reportPrivateUsage]  # its very rules
from torch import nn

from llm_attr_widget.captum.future import finished, in_background
from llm_attr_widget.captum.positions import positions_of
from llm_attr_widget.captum.prompts import AnyTarget, SkipTokens, allowed, over_model, to_target
from llm_attr_widget.captum.slopes import Ask, GradientJob, Path, Visit
from llm_attr_widget.captum.writing import written
from llm_attr_widget.errors import CapabilityError, MethodError
from llm_attr_widget.methods.gradients import Along, Rule, Side, quadrature
from llm_attr_widget.models.huggingface.layers import name_of
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Line, Prompt

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


class LLMGradientAttribution(CaptumLLMGradientAttribution):
    """Captum's class of this name: same arguments, same numbers. See docs/captum.md for what differs."""

    def __init__(self, attr_method: Any, tokenizer: Any) -> None:
        """Captum's arguments; the method may also be over a pipeline, whose model and tokenizer (for None) are taken.

        Raises CapabilityError for what is no model or no tokenizer.
        """
        super().__init__(*over_model(attr_method, tokenizer))

    def _job(
        self,
        inp: Any,
        target: AnyTarget | None = None,
        gen_args: dict[str, Any] | None = None,
        skip_tokens: SkipTokens = None,
        **kwargs: Any,
    ) -> GradientJob:
        """Captum's arguments, and captum 0.8's skip_tokens: ids or texts to leave out of the given target.

        inp: a TextTokenInput, or a TextTemplateInput whose slots' tokens can be found: a slot's attribution is the sum
        of its tokens'. The convergence delta is the result's `delta`, whether it was asked for or not.
        """
        known = next(names for kind, names in KNOWN if isinstance(self.attr_method, kind))
        allowed(kwargs, known, type(self.attr_method).__name__)
        if kwargs.get("grad_kwargs"):
            raise CapabilityError("grad_kwargs are not passed on: gradients are shared between target tokens.")
        positions = positions_of(inp, self.tokenizer)
        ids, scorer = to_target(
            target,
            gen_args,
            skip_tokens,
            self.tokenizer,
            lambda: written(self.model, self.tokenizer, positions.whole, gen_args),
            scorer=HuggingFaceModel(self.model, self.tokenizer),
        )
        model, target_ids = cast(HuggingFaceModel, scorer), tuple(ids.tolist())
        ask = Ask(model, self.tokenizer, inp, positions, target_ids, self.attr_method, torch.device(self.device))
        return GradientJob(ask, self._way(ask, kwargs))

    attribute = finished(_job)
    attribute_future = in_background(_job)  # pyright: ignore[reportAssignmentType]  # captum's takes nothing and only raises

    def _layer_name(self) -> str:
        layer = cast(Any, self.attr_method).layer
        if isinstance(layer, list):
            layers = cast("list[nn.Module]", layer)
            if len(layers) != 1:
                raise CapabilityError(f"Expected one layer, got {len(layers)}. Attribute to each of them in turn.")
            layer = layers[0]
        return name_of(self.model, layer)

    def _way(self, ask: Ask, options: Mapping[str, Any]) -> Path | Visit:
        method, end = cast(Any, self.attr_method), ask.positions.whole
        layer = self._layer_name()
        side: Side = "input" if options.get("attribute_to_layer_input") else "output"
        if isinstance(method, LayerGradientShap):
            multiplied = method.multiplies_by_inputs
            return Visit(tuple(_samples(ask, options)), layer, side, multiplied, has_baseline=multiplied)
        if isinstance(method, LayerGradientXActivation):
            along: Along = "activation" if method.multiplies_by_inputs else "gradient"
            return Path(Line(end, end, layer, side, along), (1.0,), (1.0,), has_baseline=False)
        start = ask.positions.at(_indicator(ask.inp, options.get("baselines")))
        rule = cast(Rule, options.get("method", "gausslegendre"))
        shares, weights = quadrature(rule, int(options.get("n_steps", 50)))
        along = "difference" if method.multiplies_by_inputs else "gradient"
        return Path(
            Line(start, end, layer, side, along),
            shares.tolist(),
            weights.tolist(),
            has_baseline=method.multiplies_by_inputs,
        )


def _samples(ask: Ask, options: Mapping[str, Any]) -> Iterator[tuple[Prompt, Prompt, Prompt]]:
    """Captum's samples in captum's order. A feature whose indicator is not exactly 1 is its baseline."""
    whole = ask.inp.to_tensor()
    given: Any = options.get("baselines")
    if given is None:
        raise MethodError("LayerGradientShap needs baselines: a tensor of indicators (0 is the baseline token).")
    count = int(options.get("n_samples", 5))
    noisy = NoiseTunnel._add_noise_to_input(whole, float(options.get("stdevs", 0.0)), count)  # pyright: ignore[reportPrivateUsage]  # the very same draws
    pool = cast(torch.Tensor, _format_callable_baseline(given, (whole,))[0])
    drawn = pool[np.random.choice(len(pool), count).tolist()]  # noqa: NPY002 (captum's own generator)
    shares = torch.tensor(np.random.uniform(0.0, 1.0, count), dtype=noisy.dtype)[:, None]  # noqa: NPY002 (as above)
    for triple in zip(noisy, drawn, shares * noisy + (1 - shares) * drawn, strict=True):
        full, base, point = (ask.positions.at(part[None]) for part in triple)
        yield full, base, point


def _indicator(inp: Any, baselines: Any) -> torch.Tensor:
    whole, baseline = inp.to_tensor(), _first(baselines)
    if baseline is None:
        return torch.zeros_like(whole)
    return baseline.expand_as(whole) if isinstance(baseline, torch.Tensor) else torch.full_like(whole, baseline)


def _first(given: Any) -> Any:
    """Captum takes one input as a tuple of one, too."""
    return cast("tuple[Any]", given)[0] if isinstance(given, tuple) and len(cast(Any, given)) == 1 else given
