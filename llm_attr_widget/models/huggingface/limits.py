"""How much a model can read: its vocabulary and its positions, read off its modules and its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from llm_attr_widget.models.base import Limits
from llm_attr_widget.models.huggingface.rope import rope_parameters, rope_type

_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "block_size", "max_seq_len", "context_length")
"""What modules of one's own call it, HookedTransformer and nanoGPT among them; those of transformers have the first
name alone: T5's `n_positions` is no limit."""

_VOCABULARY = ("vocab_size", "d_vocab", "n_vocab")


def limits_of(core: nn.Module, config: Any, embedding: nn.Module | None, *, separate: bool) -> Limits:
    return Limits(_vocabulary(embedding, config), positions_of(core, config), separate)


def positions_of(core: nn.Module, config: Any) -> int | None:
    """Most tokens in one sequence; None where nothing sets a limit.

    A scaled rope reads as far as its factor says, whether or not `max_position_embeddings` was raised with it; a
    dynamic one has no end. Biases by distance (ALiBi) and tables that grow have none either. A number below 1, such as
    XLNet's -1, is no limit.
    """
    found = _positions(core, config)
    if found is None or found < 1 or _without_end(core, config):
        return None
    lengths = [found]
    for parameters, _ in rope_parameters(config):
        kind = rope_type(parameters)
        if "dynamic" in kind:
            return None
        if kind not in ("default", "mrope"):
            original = parameters.get("original_max_position_embeddings") or found
            lengths.append(int(float(parameters.get("factor") or 1.0) * int(original)))
    return max(lengths)


def row_limit(core: nn.Module, config: Any) -> int | None:
    """Most keys in a row that holds branches of a tree, None where a model never looks at a row's length.

    Some models look up masks of their own by the index in the row: GPT-Neo its causal and its local one, BERT-like
    decoders and BigBird the types of tokens. They can't read a row longer than those, and where a mask is local
    (GPT-Neo), tokens further apart in the row than its window lose sight of one another.
    """
    found = _positions(core, config)
    rows = [size for buffer in core.buffers() for size in _indexed(buffer, found)]
    if "local" in (getattr(config, "attention_layers", None) or ()):
        rows.append(int(config.window_size))
    return min(rows, default=None)


def _positions(core: nn.Module, config: Any) -> int | None:
    return _number(core, config, _POSITIONS[:1] if isinstance(core, PreTrainedModel) else _POSITIONS)


def _indexed(buffer: torch.Tensor, positions: int | None) -> list[int]:
    """Lengths of rows that a buffer has an entry for: a square mask, or numbers for each position of a row."""
    whole = not buffer.is_floating_point()
    square = buffer.ndim >= (2 if whole else 3) and buffer.shape[-1] == buffer.shape[-2] > 1
    numbers = whole and buffer.ndim >= 1 and buffer.shape[-1] == positions
    return [buffer.shape[-1]] if square or numbers else []


def _without_end(core: nn.Module, config: Any) -> bool:
    """Whether positions are distances or sines: tables of sines grow when a longer row comes."""
    if getattr(config, "alibi", False) or getattr(config, "position_embedding_type", "") == "alibi":
        return True
    return any(callable(getattr(type(module), "make_weights", None)) for module in core.modules())


def _vocabulary(embedding: nn.Module | None, config: Any) -> int | None:
    weight = getattr(embedding, "weight", None)
    if isinstance(weight, torch.Tensor) and weight.ndim == 2:
        return weight.shape[0]
    return _number(None, config, _VOCABULARY)


def _number(core: nn.Module | None, config: Any, names: tuple[str, ...]) -> int | None:
    """The first of these that is a number: in the configuration (an object or a mapping), or on the module itself."""
    for owner in (config, core):
        for name in names:
            entries = cast("Mapping[str, Any]", owner) if isinstance(owner, Mapping) else {}
            found = entries.get(name, getattr(owner, name, None))
            if isinstance(found, int) and not isinstance(found, bool):
                return found
    return None
