"""Targets that the model writes, with captum's default arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

import torch
from captum.attr._core.llm_attr import DEFAULT_GEN_ARGS
from torch import nn

from llm_attr_widget.models.huggingface.anatomy import left_as_found, look_at
from llm_attr_widget.models.huggingface.beginning import beginning
from llm_attr_widget.models.huggingface.forward import started
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt


def written(model: nn.Module, tokenizer: Any, prompt: Prompt, gen_args: Mapping[str, Any] | None) -> list[int]:
    """Token ids after the prompt, an end-of-sequence token among them, as captum keeps it.

    An encoder-decoder's come without what its decoder begins with.

    The model's own `generate` is called with gen_args as they are (sampling draws from torch's generator), and with
    attention mask and pad id where it takes them. A module without `generate` is decoded greedily.
    """
    options = dict(gen_args or DEFAULT_GEN_ARGS)
    generate = getattr(model, "generate", None)
    if not callable(generate):
        tokens = int(options.pop("max_new_tokens", 25))
        plain = {name: value for name, value in options.items() if value is not None}
        return list(HuggingFaceModel(model, tokenizer).generate(prompt, max_new_tokens=tokens, options=plain))
    anatomy = look_at(model, tokenizer)
    ids = torch.tensor([list(started(prompt, anatomy))], device=anatomy.device)
    offered = {"attention_mask": torch.ones_like(ids), "pad_token_id": anatomy.pad}
    parameters = inspect.signature(generate).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    taken = {name: value for name, value in offered.items() if takes_all or name in parameters}
    with left_as_found(model):
        answer: Any = generate(input_ids=ids, **{**taken, **_on(anatomy.device, prompt.extras), **options})
    sequence = cast(torch.Tensor, answer if isinstance(answer, torch.Tensor) else answer.sequences)[0].tolist()
    read = len(beginning(anatomy, options)) if anatomy.limits.separate else ids.shape[1]
    return sequence[read:]


def _on(device: torch.device, extras: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in (extras or {}).items()
    }
