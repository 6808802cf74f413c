"""A layer of a model by name: catching what goes through it, and putting something else in its place."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

import torch
from torch import nn

from llm_attr_widget.errors import CapabilityError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, unwrapped

Side: TypeAlias = Literal["output", "input"]


@dataclass(frozen=True)
class Layer:
    """One side of a module. Where it is called more than once in a pass, its first call is meant."""

    name: str
    module: nn.Module
    side: Side

    def checked(self, caught: list[torch.Tensor], positions: int) -> torch.Tensor:
        """What was caught, `(rows, positions, …)`. Raises CapabilityError for anything else."""
        if not caught:
            raise CapabilityError(f"The layer {self.name!r} was never called. Choose one that the model uses.")
        found = caught[0]
        if not found.is_floating_point():
            raise CapabilityError(
                f"Gradients need real numbers, but the {self.side} of {self.name!r} holds {found.dtype}. "
                "Use the layer's output, or another layer."
            )
        if found.ndim < 2 or found.shape[1] != positions:
            raise CapabilityError(
                f"Expected the {self.side} of {self.name!r} to have one entry for each of {positions} positions on its "
                f"second axis, got shape {tuple(found.shape)}. Choose a layer that keeps positions apart."
            )
        return found


def layer_of(anatomy: Anatomy, name: str | None, side: Side) -> Layer:
    """The layer of this name, or the input embedding. Raises CapabilityError where there is none."""
    if name is None:
        return Layer("input embedding", _embedding(anatomy), side)
    modules = dict(anatomy.model.named_modules())
    if name not in modules:
        close = [known for known in modules if known.endswith(name.rsplit(".", maxsplit=1)[-1])][:5]
        raise CapabilityError(
            f"The model has no layer named {name!r}. "
            + (f"Did you mean one of {', '.join(close)}?" if close else "See model.named_modules() for their names.")
        )
    return Layer(name, modules[name], side)


def name_of(model: nn.Module, module: nn.Module) -> str:
    """The name of one of the model's modules. Raises CapabilityError for a module that is not part of it."""
    called = unwrapped(model)
    for name, known in called.named_modules():
        if known is module:
            return name
    raise CapabilityError(f"The layer {type(module).__name__} is no part of the model {type(called).__name__}.")


def embedding_of(anatomy: Anatomy) -> nn.Module | None:
    """The prompt's embedding, where the model says which module it is."""
    core = cast(Any, anatomy.core)
    # An encoder-decoder model embeds the prompt with a module of its encoder, which shares its weights alone. FSMT's
    # encoder does not say which, but the model does.
    for owner in (core.get_encoder, lambda: core) if anatomy.limits.separate else (lambda: core,):
        try:
            found = owner().get_input_embeddings()
        except (AttributeError, NotImplementedError):
            continue
        if isinstance(found, nn.Module):
            return found
    return None


def _embedding(anatomy: Anatomy) -> nn.Module:
    found = embedding_of(anatomy)
    if found is None:
        raise CapabilityError(
            f"{type(anatomy.core).__name__} does not say which module is its input embedding. Name the layer, for "
            "instance layer='embedding' (see model.named_modules())."
        )
    return found


@contextmanager
def captured(layer: Layer | None) -> Generator[list[torch.Tensor]]:
    """What goes through the layer while inside, call by call. None: nothing is caught."""
    caught: list[torch.Tensor] = []
    if layer is None:
        yield caught
        return

    def take(value: Any) -> Any:
        tensor = _tensor(value)
        if tensor is not None:
            caught.append(tensor)
        return None

    with _hooked(layer, take):
        yield caught


@contextmanager
def replaced(layer: Layer, stand_in: torch.Tensor) -> Generator[None]:
    """The layer's first call gives (or gets) the stand-in while inside."""
    calls: list[int] = []

    def put(value: Any) -> Any:
        calls.append(1)
        # A copy: some models write into what their layers say (Kosmos-2 its image's features into the embedding).
        return _with_tensor(value, stand_in.clone()) if len(calls) == 1 else None

    with _hooked(layer, put):
        yield


@contextmanager
def _hooked(layer: Layer, change: Any) -> Generator[None]:
    """Call `change` with what goes through, and put what it returns in its place unless that is None."""

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            new = change(args)
            return None if new is None else (new, kwargs)
        new = change(kwargs)
        return None if new is None else (args, new)

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        return change(output)

    handle = (
        layer.module.register_forward_pre_hook(before, with_kwargs=True)
        if layer.side == "input"
        else layer.module.register_forward_hook(after)
    )
    try:
        yield
    finally:
        handle.remove()


def _tensor(value: Any) -> torch.Tensor | None:
    """The tensor that goes on: itself, or the first in a tuple or in keyword arguments."""
    if isinstance(value, torch.Tensor):
        return value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return next((part for part in cast("list[Any]", list(parts)) if isinstance(part, torch.Tensor)), None)


def _with_tensor(value: Any, stand_in: torch.Tensor) -> Any:
    if isinstance(value, torch.Tensor):
        return stand_in
    old = _tensor(value)
    if isinstance(value, Mapping):
        return {name: stand_in if part is old else part for name, part in cast("Mapping[str, Any]", value).items()}
    return tuple(stand_in if part is old else part for part in cast("tuple[Any, ...]", value))
