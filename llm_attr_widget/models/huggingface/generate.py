"""Writing a target with the model."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any, cast

import torch

from llm_attr_widget.errors import CapabilityError, InputError
from llm_attr_widget.models.base import Limits, check_prompts
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.extras import stacked
from llm_attr_widget.models.huggingface.forward import forward, padded, started
from llm_attr_widget.types import Prompt


def generated(anatomy: Anatomy, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
    """Token ids after the prompt, without the end-of-sequence token, no more than the model has positions for.

    The caller's random state is left alone. Raises InputError or TargetError for a prompt that does not fit the model.
    """
    if max_new_tokens < 1:
        raise InputError(f"max_new_tokens must be 1 or more, not {max_new_tokens}.")
    check_prompts([prompt], [0], anatomy.limits)
    max_new_tokens = min(max_new_tokens, _room(anatomy.limits, len(prompt.ids)))
    ids, mask = padded([started(prompt, anatomy)], anatomy)
    devices = [anatomy.device] if anatomy.device.type == "cuda" else []
    with left_as_found(anatomy.model), torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(options.get("seed", 0)))
        further = stacked([prompt.extras], anatomy, ids.shape[1])
        arguments = {"attention_mask": mask, **further, **_arguments(anatomy, options)}
        arguments |= {"input_ids": ids, "max_new_tokens": max_new_tokens}
        if not _takes(anatomy, arguments):
            return _greedy(anatomy, ids, prompt, max_new_tokens, options)
        written = cast(Any, anatomy.model).generate(**arguments)
    sequence = written if isinstance(written, torch.Tensor) else written.sequences
    skipped = 1 if anatomy.limits.separate else ids.shape[1]
    return _until_end(sequence[0, skipped:].tolist(), anatomy.ends)


def _takes(anatomy: Anatomy, arguments: Mapping[str, Any]) -> bool:
    """Whether the model writes when called as transformers' models are. nanoGPT's `generate(idx, n)` samples, and
    HookedTransformer's names its arguments otherwise: such modules are decoded greedily from their logits.
    """
    generate = getattr(anatomy.model, "generate", None)
    if not callable(generate):
        return False
    try:
        inspect.signature(generate).bind(**arguments)
    except TypeError:
        return False
    return True


def _room(limits: Limits, prompt: int) -> int:
    """Most tokens that can be scored after a prompt of so many; the last one is only predicted, never read."""
    if limits.max_positions is None:
        return sys.maxsize
    return limits.max_positions if limits.separate else limits.max_positions - max(prompt, 1) + 1


def _arguments(anatomy: Anatomy, options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if name != "seed"}
    given.setdefault("pad_token_id", anatomy.pad)
    given.setdefault("do_sample", False)
    if not given["do_sample"]:
        # A checkpoint's sampling settings are none of greedy decoding's business, and transformers warns about them.
        for name in ("temperature", "top_p", "top_k"):
            given.setdefault(name, None)
    return given


def _greedy(
    anatomy: Anatomy, ids: torch.Tensor, prompt: Prompt, max_new_tokens: int, options: Mapping[str, Any]
) -> tuple[int, ...]:
    unknown = sorted(set(options) - {"seed", "do_sample"})
    if unknown or options.get("do_sample"):
        raise CapabilityError(
            f"{type(anatomy.core).__name__} has no generate() that takes transformers' arguments, so its target is "
            f"decoded greedily and the options {unknown or ['do_sample']} cannot be followed. Leave them out, or give "
            "the target yourself."
        )
    ends, new = anatomy.ends, list[int]()
    while len(new) < max_new_tokens:
        further = stacked([prompt.extras], anatomy, ids.shape[1])
        last = torch.tensor([ids.shape[1] - 1], device=anatomy.device)
        token = int(forward(anatomy, ids, mask=torch.ones_like(ids), keep=last, further=further).logits[0, -1].argmax())
        if token in ends:
            break
        new.append(token)
        ids = torch.cat([ids, torch.tensor([[token]], device=anatomy.device)], dim=1)
    return tuple(new)


def _until_end(ids: list[int], ends: frozenset[int]) -> tuple[int, ...]:
    stop = next((index for index, token in enumerate(ids) if token in ends), len(ids))
    return tuple(ids[:stop])
