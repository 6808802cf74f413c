"""Models that read a prompt as a prefix, all of whose tokens see one another, and are told so with each prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from weakref import WeakKeyDictionary

import torch
from torch import nn

from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.forward import forward
from llm_attr_widget.types import Prompt

_MARKS: Mapping[str, str] = {"paligemma": "token_type_ids"}
"""By `model_type`, the extra that marks the prefix with 0. A processor gives it with an image, a tokenizer does not."""

_LITTLE = 1e-3
"""Logits that differ by more depend on another token."""

_seen: WeakKeyDictionary[nn.Module, dict[str, bool]] = WeakKeyDictionary()


def prefixed(prompt: Prompt, anatomy: Anatomy) -> Prompt:
    """The prompt marked as a prefix, where it is not yet and the model reads all of a row as one unless it is told.

    `generate` reads a target's tokens one by one, so that nothing before them sees them: a plain forward pass over
    prompt and target is something else. Whether the model looks ahead depends on its attention kernel, so it is tried.
    """
    name = _MARKS.get(str(getattr(getattr(anatomy.core, "config", None), "model_type", "")))
    if name is None or name in (prompt.extras or {}) or not _looks_ahead(anatomy):
        return prompt
    mark = torch.zeros(1, max(1, len(prompt.ids)), dtype=torch.long)
    return replace(prompt, extras={**(prompt.extras or {}), name: mark})


def _looks_ahead(anatomy: Anatomy) -> bool:
    """Whether what follows a token changes what is said after it. Cost: two passes of two tokens, once."""
    known = _seen.setdefault(anatomy.model, {})
    kernel = str(anatomy.attention)
    if kernel not in known:
        with left_as_found(anatomy.model):
            rows = (torch.tensor([[0, after]], device=anatomy.device) for after in (1, 2))
            first, second = (forward(anatomy, ids, mask=torch.ones_like(ids)).logits[0, 0].float() for ids in rows)
        known[kernel] = float((first - second).abs().max()) > _LITTLE
    return known[kernel]
