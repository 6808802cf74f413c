"""Captum's text inputs as prompts of one length, in which each token belongs to one feature: for gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import TextTemplateInput, TextTokenInput

from llm_attr_widget.captum.prompts import to_prompt
from llm_attr_widget.errors import CapabilityError, InputError
from llm_attr_widget.inputs import TemplateInput
from llm_attr_widget.inputs.changed.replaced import kept_in_place
from llm_attr_widget.types import Prompt


@dataclass(frozen=True)
class Positions:
    """at: an indicator `(1, features)`, present where it is exactly 1, to a prompt. whole: all features present.

    owners: the feature of each of the prompt's tokens, None for those that are always present.
    """

    at: Callable[[torch.Tensor], Prompt]
    whole: Prompt
    owners: tuple[int | None, ...]

    def gathered(self, found: np.ndarray[Any, Any], features: int) -> torch.Tensor:
        """Numbers of positions `(outputs, positions)`, the prompt's first, added up for each feature."""
        total = np.zeros((len(found), features))
        for position, owner in enumerate(self.owners):
            if owner is not None:
                total[:, owner] += found[:, position]
        return torch.from_numpy(total).float()


def positions_of(inp: Any, tokenizer: Any) -> Positions:
    """Raises CapabilityError for an input without token positions, InputError where a slot's tokens are not found."""
    if isinstance(inp, TextTokenInput):
        return _of_tokens(inp, tokenizer)
    if isinstance(inp, TextTemplateInput):
        return _of_template(inp, tokenizer)
    raise CapabilityError(
        f"Gradient methods explain the tokens of a TextTokenInput or the slots of a TextTemplateInput, "
        f"got {type(inp).__name__}. Use a perturbation method, or the prompt as one of these."
    )


def _of_tokens(inp: TextTokenInput, tokenizer: Any) -> Positions:
    shown = [True] * inp.inp_tensor.shape[1] if inp.itp_mask is None else inp.itp_mask[0].tolist()
    numbers = iter(range(sum(shown)))
    return Positions(
        lambda indicator: to_prompt(inp.to_model_input(indicator), tokenizer),
        to_prompt(inp.to_model_input(), tokenizer),
        tuple(next(numbers) if each else None for each in shown),
    )


def _of_template(inp: TextTemplateInput, tokenizer: Any) -> Positions:
    """The template's own baselines where they leave every other token in its place, else one neutral token for each."""
    names = inp.dict_keys or list(range(len(inp.values)))

    def named(entries: Any) -> Any:
        return dict(zip(names, entries, strict=True)) if inp.dict_keys else list(entries)

    drawn = callable(inp.baselines)
    whole = TemplateInput(
        tokenizer,
        inp.template,
        named(inp.values),
        baselines=None if drawn else named(inp.baselines),
        groups=None if inp.mask is None else named(inp.formatted_mask),
    )
    placed, owners = kept_in_place(whole, tokenizer)
    lost = [text for number, text in enumerate(whole.features) if text.strip() and number not in owners]
    if lost:
        raise InputError(
            f"Expected a template that shows each value as it is, but no token of the prompt is {lost[0]!r}'s own. "
            "Use a perturbation method, or a TextTokenInput."
        )
    # Ours numbers groups in the order of the slots, captum in the order of its set of mask ids.
    order: list[int] = list(dict.fromkeys(inp.formatted_mask)) if inp.mask is not None else list(range(len(names)))

    def at(indicator: torch.Tensor) -> Prompt:
        present = (indicator.reshape(-1) == 1).cpu().numpy()[order]
        return placed.render(present[None], np.random.default_rng(0))[0]

    full = at(torch.ones(1, len(order)))
    return Positions(at, full, tuple(None if owner is None else order[owner] for owner in owners))
