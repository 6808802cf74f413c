"""Captum 0.9 as its users call it, timed. Its slow ways are timed on some of the coalitions, spread over all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import captum.attr as ca
import torch

from benchmarks.cases import Case
from benchmarks.timing import clock, seeded

PATHS: Mapping[str, Mapping[str, bool]] = {
    "captum default": {},
    "captum token by token": {"use_cached_outputs": False},
    "captum one pass": {"forward_in_tokens": False},
}


@dataclass
class Watched:
    """Stands before a method's forward function: calls it for some coalitions, and answers zero for the others.

    wanted: which calls go through. values: what they returned, `(1 or 1 + target tokens,)`. inside: seconds in them.
    """

    forward: Any
    wanted: frozenset[int]
    nothing: torch.Tensor
    calls: int = 0
    inside: float = 0.0
    values: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])

    def __call__(self, *arguments: Any) -> torch.Tensor:
        call = self.calls
        self.calls += 1
        if call not in self.wanted:
            return self.nothing
        began = clock()
        with torch.no_grad():
            found = self.forward(*arguments)
        self.inside += clock() - began
        self.values[call] = found.reshape(-1).cpu()
        return found


def spread(total: int, some: int) -> frozenset[int]:
    """`some` of `total` calls, evenly spread; all of them if there are no more."""
    some = min(some, total)
    return frozenset(int((number + 0.5) * total / some) for number in range(some))


def perturbation_seconds(
    case: Case, method: Any, options: Mapping[str, Any], path: str, *, total: int, some: int
) -> tuple[float, dict[int, torch.Tensor]]:
    """Seconds for all `total` coalitions, measured on `some`, and the log-probs that were found."""
    attribution = ca.LLMAttribution(method(case.model), case.tokenizer)
    nothing = torch.zeros(1, 1 + len(case.target)) if attribution.include_per_token_attr else torch.zeros(())
    watched = Watched(attribution.attr_method.forward_func, spread(total, some), nothing.to(case.device))
    attribution.attr_method.forward_func = watched
    began = clock()
    seeded(lambda: attribution.attribute(case.slots(), case.target, **PATHS[path], **options))
    seconds = clock() - began
    if watched.calls != total:
        raise RuntimeError(f"Captum asked for {watched.calls} coalitions, not for the {total} that ours recorded.")
    return seconds - watched.inside + watched.inside * total / len(watched.values), watched.values


def gradient_seconds(case: Case, layer: Any, steps: int, *, some: int) -> tuple[float, dict[int, torch.Tensor]]:
    """Seconds of layer integrated gradients for all target tokens, measured on `some`; and their attributions."""
    attribution = ca.LLMGradientAttribution(ca.LayerIntegratedGradients(case.model, layer), case.tokenizer)
    whole = attribution.attr_method.attribute
    wanted = spread(len(case.target), some)
    inside, rows = 0.0, dict[int, torch.Tensor]()
    inp = case.tokens()

    def some_tokens(*arguments: Any, additional_forward_args: Any, **named: Any) -> torch.Tensor:
        nonlocal inside
        token = additional_forward_args[2]
        if token not in wanted:
            return torch.zeros(1, inp.inp_tensor.shape[1] + token, 1)
        began = clock()
        found = whole(*arguments, additional_forward_args=additional_forward_args, **named)
        inside += clock() - began
        rows[token] = found[0, : inp.inp_tensor.shape[1]].sum(-1).float().cpu()
        return found.float().cpu()

    attribution.attr_method.attribute = some_tokens
    attribution.attribute(inp, case.target, n_steps=steps)
    return inside * len(case.target) / len(rows), rows
