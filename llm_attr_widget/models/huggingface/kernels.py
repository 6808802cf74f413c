"""Attention kernels that take no mask of our own: scores are taken under one that does.

FlashAttention and FlexAttention can't read the mask of a tree, and lose it without a word. Scaled dot-product attention
gives the same numbers to rounding.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers import PreTrainedModel

_FIELD = "_attn_implementation_internal"
"""Where transformers keeps the name. Its setter checks whether a kernel is installed, which we must not depend on."""


def effective(core: nn.Module, name: str | None) -> str | None:
    """The attention implementation that scores are taken under, for a model that has `name`."""
    if name is None or not _maskless(name):
        return name
    return "sdpa" if getattr(core, "_supports_sdpa", False) else "eager"


@contextmanager
def masked_attention(model: nn.Module) -> Generator[None]:
    """Inside, no part of the model uses an attention that takes no masks; afterwards each has its own again."""
    before = [(config, name, core) for config, name, core in _configurations(model) if _maskless(name)]
    try:
        for config, name, core in before:
            setattr(config, _FIELD, effective(core, name))
        yield
    finally:
        for config, name, _ in before:
            setattr(config, _FIELD, name)


def _maskless(name: str) -> bool:
    return "flash" in name or "flex" in name


def _configurations(model: nn.Module) -> Iterator[tuple[Any, str, nn.Module]]:
    """Each distinct configuration in the model that names an attention, with the model that it belongs to."""
    seen: set[int] = set()
    owner = model
    for module in model.modules():
        owner = module if isinstance(module, PreTrainedModel) else owner
        config: Any = getattr(module, "config", None)
        name = getattr(config, _FIELD, None)
        if isinstance(name, str) and id(config) not in seen:
            seen.add(id(config))
            yield config, name, owner
