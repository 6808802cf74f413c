"""Arguments of a forward that are no token ids: how they grow with the target, and which prompts' go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.fingerprint import fingerprint
from llm_attr_widget.types import Prompt

Fill: TypeAlias = Literal["zero", "one", "last"]
"""What a target's token, or padding, gets: a number, or what the prompt's last token has."""

PER_TOKEN: Mapping[str, Fill] = {
    "token_type_ids": "zero",
    "mm_token_type_ids": "zero",
    "moe_mm_token_type_ids": "zero",
    "image_embeds_position_mask": "zero",
    "cross_attention_mask": "last",
}
"""Extras with one entry for each token, on their second axis, `(1, tokens, …)`. They grow with the target as the models
let them grow in `generate`."""

_OF_MODEL: Mapping[tuple[str, str], Fill] = {
    ("paligemma", "token_type_ids"): "one",  # 0 is the prefix, whose tokens see one another; what is written is 1
    ("idefics", "image_attention_mask"): "last",
}
"""The same by `model_type`, where a name means something else to a model than to the others."""


def fill_of(name: str, anatomy: Anatomy) -> Fill | None:
    """How an extra grows with the target; None where it has no entries for tokens."""
    kind = str(getattr(getattr(anatomy.core, "config", None), "model_type", ""))
    of_model = _OF_MODEL.get((kind, name))
    return PER_TOKEN.get(name) if of_model is None else of_model


def stackable(prompt: Prompt, anatomy: Anatomy) -> tuple[Any, ...]:
    """Prompts with equal results can share a pass: their extras have the same names and shapes, batch axis aside."""
    return tuple((name, _kind(name, value, anatomy)) for name, value in sorted((prompt.extras or {}).items()))


def _kind(name: str, value: Any, anatomy: Anatomy) -> Any:
    if not isinstance(value, torch.Tensor | np.ndarray):
        # It is handed on as it is, once for all rows: only prompts that have the same can share a pass.
        return fingerprint(value)
    return tuple(value.shape)[1 if fill_of(name, anatomy) is None else 2 :]


def stacked(extras: Sequence[Mapping[str, Any] | None], anatomy: Anatomy, length: int) -> dict[str, Any]:
    """One argument for each name: tensors are joined on their first axis, entries per token filled up to `length`."""
    first = extras[0] or {}
    names = [name for name in first if name not in ("input_ids", "attention_mask")]
    return {name: _joined(name, [(each or {})[name] for each in extras], anatomy, length) for name in names}


def _joined(name: str, values: Sequence[Any], anatomy: Anatomy, length: int) -> Any:
    if not isinstance(values[0], torch.Tensor | np.ndarray):
        return values[0]
    tensors = [torch.as_tensor(value) for value in values]
    fill = fill_of(name, anatomy)
    if fill is not None:
        tensors = [_filled(tensor, fill, length) for tensor in tensors]
    joined = torch.cat(tensors)
    return joined.to(anatomy.device, anatomy.dtype if joined.is_floating_point() else joined.dtype)


def _filled(tensor: torch.Tensor, fill: Fill, length: int) -> torch.Tensor:
    """`(1, tokens, …)` with entries for `length` tokens."""
    missing = length - tensor.shape[1]
    if missing <= 0:
        return tensor
    last = tensor[:, -1:]
    entry = {"zero": torch.zeros_like, "one": torch.ones_like, "last": torch.clone}[fill](last)
    return torch.cat([tensor, entry.expand(-1, missing, *last.shape[2:])], dim=1)
