"""Which model this is: a checksum of all that its scores depend on, cheap enough to take before every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

SCORING = 2
"""Version of how prompts are scored; it grows when the same model would be given other numbers."""

_COLUMNS = 1024
_UNSAID = frozenset({"_name_or_path", "name_or_path", "transformers_version", "_attn_implementation", "use_cache"})
_ADAPTERS = ("scaling", "active_adapters", "merged_adapters", "disable_adapters")
_GROWING = ("cos_cached", "sin_cached")
"""Buffers that grow with the longest prompt that was read."""

_remembered: WeakKeyDictionary[nn.Module, tuple[bytes, str]] = WeakKeyDictionary()


def model_print(model: nn.Module) -> str:
    """Equal for models that score alike: every bit of every parameter and buffer, their names, shapes and number
    types, the configuration, which adapters are active and how strong, and hooks.

    Each tensor counts with the sums of its rows and columns, as integers modulo 2^64: any one change shows, and so does
    any exchange. Nothing is remembered, since weights can change in place unseen. Cost: two passes over the weights,
    as long as a few forward passes of one token; no copy of them.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(_structure(model))
    sums: list[torch.Tensor] = []
    for name, tensor in _tensors(model):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        sums += [part for plain in _plain(tensor) for part in _sums(plain)]
    for part in sums:
        digest.update(part.cpu().numpy().tobytes())
    return digest.hexdigest()


def _structure(model: nn.Module) -> bytes:
    """Class, configuration, hooks and adapters."""
    lines = [f"{SCORING} {type(model).__qualname__} {_settings(getattr(model, 'config', None))}"]
    for name, module in model.named_modules():
        kept: tuple[dict[int, Any], ...] = tuple(
            vars(module)[each] for each in ("_forward_pre_hooks", "_forward_hooks")
        )
        hooks = [hook for hooks in kept for hook in hooks.values()]
        names = [getattr(hook, "__qualname__", type(hook).__qualname__) for hook in hooks]
        adapter = [(each, repr(getattr(module, each))) for each in _ADAPTERS if hasattr(module, each)]
        if names or adapter:
            lines.append(f"{name} {names} {adapter}")
    return "\n".join(lines).encode()


def recalled_print(model: nn.Module) -> str:
    """The same, remembered while the model seems unchanged: its tensors are the same ones, torch has counted no change
    of them, and neither settings, hooks and adapters nor every 64th row of each tensor differ.

    What changes weights unseen by torch (through `.data`) changes whole matrices as a rule, and shows in those rows.
    Cost: about a 64th of `model_print`, which takes as long as a few passes of one token.
    """
    tensors = [tensor for _, each in _tensors(model) for tensor in _plain(each)]
    seen = _structure(model) + _glance(tensors)
    if (kept := _remembered.get(model)) is None or kept[0] != seen:
        kept = _remembered[model] = seen, model_print(model)
    return kept[1]


@torch.no_grad()
def _glance(tensors: Sequence[torch.Tensor]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        counted = -1 if tensor.is_inference() else tensor._version
        digest.update(f"{tensor.data_ptr()} {tuple(tensor.shape)} {tensor.dtype} {counted}".encode())
        some = tensor[::64] if tensor.ndim > 1 else tensor.reshape(-1)[:1024]
        for part in _sums(some):
            digest.update(part.cpu().numpy().tobytes())
    return digest.digest()


def _settings(config: Any) -> str:
    """The configuration, less what says nothing of the scores."""
    entries = cast("dict[str, Any]", config.to_dict()) if hasattr(config, "to_dict") else {}
    return json.dumps({key: value for key, value in entries.items() if key not in _UNSAID}, sort_keys=True, default=str)


def _tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers by name; of those that accelerate offloaded, what it will load for them."""
    for path, module in model.named_modules():
        offloaded = getattr(getattr(module, "_hf_hook", None), "weights_map", None)
        # A rope whose factors depend on the longest row computes its buffers anew: they follow from the configuration.
        rope = str(getattr(module, "rope_type", ""))
        own = dict(module.named_parameters(recurse=False))
        if "dynamic" not in rope and "longrope" not in rope:
            own |= {n: buffer for n, buffer in module.named_buffers(recurse=False) if n not in _GROWING}
        for name, tensor in own.items():
            loaded = offloaded[name] if tensor.is_meta and offloaded is not None else tensor
            yield f"{path}.{name}", cast(torch.Tensor, loaded)


def _plain(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The tensors of numbers that a quantised or distributed one is made of."""
    if tensor.is_meta:
        return []
    inside = getattr(tensor, "__tensor_flatten__", None)
    if inside is None:
        return [tensor.detach()]
    return [part for name in inside()[0] for part in _plain(getattr(tensor, name))]


@torch.no_grad()
def _sums(tensor: torch.Tensor) -> list[torch.Tensor]:
    """Sums of the rows and of the columns of a tensor's bits, as 64-bit words in rows of 1,024; and what is left."""
    raw = tensor.contiguous().reshape(-1).view(torch.uint8)
    if raw.storage_offset() % 8:
        raw = raw.clone()
    whole = len(raw) // 8 * 8
    words, tail = raw[:whole].view(torch.int64), raw[whole:]
    body = words[: len(words) // _COLUMNS * _COLUMNS].view(-1, _COLUMNS)
    return [body.sum(0), body.sum(1), words[body.numel() :], tail]
