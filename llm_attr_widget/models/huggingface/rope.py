"""Rotary embeddings whose factors depend on the longest position of a pass.

Two kinds do. "longrope" (Phi-3, Phi-4-mini, PhiMoE, MiniCPM3) has short factors for passes up to
`original_max_position_embeddings` and long ones beyond. "dynamic" grows its base with every position beyond
`max_position_embeddings`, and remembers how far it has grown. A score is what the model says after a prompt that it
reads alone: so tokens that are read at lengths with different factors must not share a pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn


@dataclass(frozen=True)
class Ropes:
    """Where a model's factors change.

    switches: lengths, ascending; a pass that is longer has other factors than one that is not.
    grows_from: passes longer than this have factors of their own for every length; None where no rope grows.
    """

    switches: tuple[int, ...] = ()
    grows_from: int | None = None

    @property
    def constant(self) -> bool:
        """Whether all passes have the same factors."""
        return not self.switches and self.grows_from is None

    def regime(self, length: int) -> tuple[int, int]:
        """Equal for lengths whose passes have the same factors; (0, 0) for the shortest."""
        grown = length if self.grows_from is not None and length > self.grows_from else 0
        return bisect_left(self.switches, length), grown


def ropes_of(config: Any) -> Ropes:
    """Read off a text model's configuration, whose rope parameters may be nested by type of layer."""
    switches: set[int] = set()
    grows_from: int | None = None
    for parameters, nested in rope_parameters(config):
        kind = rope_type(parameters)
        if kind == "longrope":
            switches.add(_original(config, parameters, nested=nested))
        elif "dynamic" in kind:
            grows_from = int(config.max_position_embeddings)
    return Ropes(tuple(sorted(switches)), grows_from)


def rope_parameters(config: Any) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The parameters of each rope, and whether they belong to one type of layer among several."""
    for name in ("rope_parameters", "rope_scaling"):
        found = getattr(config, name, None)
        if not isinstance(found, Mapping):
            continue
        parameters = cast("Mapping[str, Any]", found)
        if "rope_type" in parameters or "type" in parameters:
            yield parameters, False
        else:
            yield from ((cast("Mapping[str, Any]", each), True) for each in parameters.values() if _is_rope(each))
        return


def rope_type(parameters: Mapping[str, Any]) -> str:
    """Such as "default", "linear", "dynamic", "yarn", "llama3" or "longrope", which is also called "su"."""
    kind = str(parameters.get("rope_type", parameters.get("type", "default")))
    return "longrope" if kind == "su" else kind


def _is_rope(value: Any) -> bool:
    return isinstance(value, Mapping) and ("rope_type" in value or "type" in value)


def _original(config: Any, parameters: Mapping[str, Any], *, nested: bool) -> int:
    """The length up to which short factors hold. As transformers does, a configuration's own field goes first."""
    of_config = getattr(config, "original_max_position_embeddings", None)
    of_rope = parameters.get("original_max_position_embeddings")
    found = (of_rope or of_config) if nested else (of_config or of_rope)
    return int(found or config.max_position_embeddings)


@contextmanager
def fresh_ropes(model: nn.Module) -> Generator[None]:
    """Inside, ropes begin as if nothing had been read before; afterwards they are as they were.

    A dynamic rope that has read a long row keeps that row's factors for shorter ones: a score would depend on what
    happened to be scored before.
    """
    states = [_State(module) for module in model.modules() if _changes(module)]
    try:
        for state in states:
            state.begin()
        yield
    finally:
        for state in states:
            state.restore()


def _changes(module: nn.Module) -> bool:
    kinds = vars(module).get("rope_type")
    names = cast("Mapping[str, Any]", kinds).values() if isinstance(kinds, Mapping) else [kinds]
    return any(kind == "longrope" or "dynamic" in str(kind) for kind in names)


class _State:
    """What a rotary embedding remembers: attributes and buffers. Inside, its factors are copies, to be written into."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._attributes = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        self._buffers = dict(module.named_buffers(recurse=False))

    def begin(self) -> None:
        original = getattr(self._module, "original_max_seq_len", None)
        for name in self._attributes:
            if name.endswith("max_seq_len_cached") and original is not None:
                setattr(self._module, name, original)
        for name, buffer in self._buffers.items():
            first = getattr(self._module, name.removesuffix("inv_freq") + "original_inv_freq", None)
            if isinstance(first, torch.Tensor):
                setattr(self._module, name, first.to(buffer.device, copy=True))

    def restore(self) -> None:
        module = self._module
        for name in [name for name in vars(module) if not name.startswith("_") and name not in self._attributes]:
            delattr(module, name)
        for name, value in self._attributes.items():
            setattr(module, name, value)
        for name in [name for name, _ in module.named_buffers(recurse=False) if name not in self._buffers]:
            delattr(module, name)
        for name, buffer in self._buffers.items():
            setattr(module, name, buffer)
