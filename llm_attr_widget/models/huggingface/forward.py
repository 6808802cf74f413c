"""One forward pass, and reading the target's log-probs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from llm_attr_widget.errors import InputError, ScoreError, TargetError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.fingerprint import fingerprint
from llm_attr_widget.types import LogProbs, Prompt

PER_TOKEN = ("token_type_ids", "mm_token_type_ids", "cross_attention_mask")
"""Extras with one entry for each token: they grow with the target and are padded with zeros."""

_ON_CPU, _ELSEWHERE = 1 << 19, 1 << 25
"""So many logits are reduced at a time: on a CPU what stays in its cache (three times as fast), else 128 MiB."""


@dataclass(frozen=True)
class Output:
    logits: torch.Tensor
    """`(rows, positions kept, vocabulary)`, in the model's own type."""
    cache: Any
    encoded: torch.Tensor | None
    """The encoder's last states, `(rows, tokens, width)`, for encoder-decoder models."""


def forward(
    anatomy: Anatomy,
    ids: torch.Tensor | None,
    *,
    mask: Any = None,
    positions: torch.Tensor | None = None,
    cache: Any = None,
    caching: bool = False,
    keep: torch.Tensor | None = None,
    further: Mapping[str, Any] | None = None,
) -> Output:
    """Call the model with those of the arguments that it takes.

    ids: `(rows, tokens)`; None where an encoder-decoder model's encoder has run.
    mask: what the model takes as `attention_mask`. positions: `(rows, tokens)`.
    keep: positions in the row whose logits are wanted, ascending; all where None.
    """
    cache_name = "cache_params" if "cache_params" in anatomy.accepts else "past_key_values"
    offered = {
        "attention_mask": mask,
        "position_ids": positions,
        cache_name: cache,
        "use_cache": caching,
        "logits_to_keep": keep,
    }
    given = {name: value for name, value in offered.items() if name in anatomy.accepts and value is not None}
    try:
        returned = anatomy.model(*(() if ids is None else (ids,)), **given, **(further or {}))
    except ValueError as error:
        if "pixel_values" not in (further or {}):
            raise
        raise InputError(
            f"The model cannot read this prompt with its image: {error}. An image must be as many tokens in the prompt "
            "as the model makes of it: use the processor that belongs to the model, with its own settings."
        ) from error
    logits = _logits(returned)
    if keep is not None and ids is not None and "logits_to_keep" not in given:
        # Prompt tuning returns logits for tokens of its own too: ours are the last ones.
        logits = logits[:, keep.to(logits.device) + logits.shape[1] - ids.shape[1]]
    return Output(logits, getattr(returned, cache_name, None), getattr(returned, "encoder_last_hidden_state", None))


def _logits(returned: Any) -> torch.Tensor:
    logits = getattr(returned, "logits", returned)
    if isinstance(logits, tuple):
        logits = cast(Any, logits[0])
    if not isinstance(logits, torch.Tensor):
        raise ScoreError(
            f"The model returned {type(returned).__name__} without logits. Its forward must return an object whose "
            "`logits` is a tensor of shape (rows, tokens, vocabulary)."
        )
    if logits.ndim == 4 and logits.shape[1] == 1:
        logits = logits.squeeze(1)
    if logits.ndim != 3:
        raise ScoreError(f"Logits of shape (rows, tokens, vocabulary) were expected, not {tuple(logits.shape)}.")
    return logits


def read(logits: torch.Tensor, tokens: torch.Tensor, *, rows: torch.Tensor | None = None) -> torch.Tensor:
    """Natural log-prob of each token, in float32, on CPU.

    logits: `(n, vocabulary)`. tokens: `(m,)`. rows: `(m,)`, where in the logits each token is read; one by one if None.
    Raises ScoreError for NaN, TargetError for a token outside the logits' vocabulary.
    """
    if int(tokens.max()) >= logits.shape[-1]:
        raise TargetError(
            f"Target token id {int(tokens.max())} is outside the model's vocabulary of {logits.shape[-1]} tokens. "
            "Use the tokenizer that belongs to the model."
        )
    tokens = tokens.to(logits.device)
    rows = torch.arange(len(tokens), device=logits.device) if rows is None else rows.to(logits.device)
    step = max(1, (_ON_CPU if logits.device.type == "cpu" else _ELSEWHERE) // logits.shape[-1])
    sums = torch.cat([logits[at : at + step].float().logsumexp(1) for at in range(0, len(logits), step)])
    found = (logits[rows, tokens].float() - sums[rows]).cpu()
    if bool(torch.isnan(found).any()):
        raise ScoreError(
            "The model returned NaN logits. Check its weights and its number type: float16 overflows in many models, "
            "bfloat16 and float32 do not."
        )
    return found


def started(prompt: Prompt, anatomy: Anatomy) -> Sequence[int]:
    """The prompt's ids, or the start token where it has none: a model cannot say anything after nothing."""
    if prompt.ids:
        return prompt.ids
    if anatomy.start is None:
        raise InputError(
            "A prompt without any token was to be scored (every feature is absent), but neither the tokenizer nor the "
            "model has a bos or eos token to begin with. Keep one token in every prompt (a template, a special token), "
            "or use a baseline that replaces tokens instead of removing them."
        )
    return (anatomy.start,)


def teacher_forced(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int], *, first: int = 0) -> LogProbs:
    """Log-probs of the target's tokens from `first` on, in one pass over right-padded rows.

    Shape `(prompts, len(target) - first)`. The prompts' extras must go together (see `stackable`).
    """
    with left_as_found(anatomy.model):
        logits = (
            _decoder_logits(anatomy, prompts, target, first)
            if anatomy.limits.separate
            else _causal_logits(anatomy, prompts, target, first)
        )
        wanted = torch.tensor(list(target[first:])).repeat(len(prompts))
        return read(logits.flatten(0, 1), wanted).reshape(len(prompts), -1).numpy()


def _causal_logits(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int], first: int) -> torch.Tensor:
    """`(prompts, len(target) - first, vocabulary)`: where the prompt's last token and the target's tokens are read."""
    rows = [[*started(prompt, anatomy), *target[:-1]] for prompt in prompts]
    ids, mask = padded(rows, anatomy)
    ends = torch.tensor([len(row) for row in rows])
    wanted = ends[:, None] - len(target) + torch.arange(first, len(target))
    keep = torch.unique(wanted)
    further = stacked([prompt.extras for prompt in prompts], anatomy, ids.shape[1])
    logits = forward(anatomy, ids, mask=mask, keep=keep.to(anatomy.device), further=further).logits
    at = torch.searchsorted(keep, wanted).to(logits.device)
    return logits[torch.arange(len(prompts), device=logits.device)[:, None], at]


def _decoder_logits(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int], first: int) -> torch.Tensor:
    """The same for encoder-decoder models: the prompt is the encoder's, the target the decoder's."""
    ids, mask = padded([started(prompt, anatomy) for prompt in prompts], anatomy)
    begun = torch.tensor([[anatomy.decoder_start or 0, *target[:-1]]], device=anatomy.device)
    further = {
        **stacked([prompt.extras for prompt in prompts], anatomy, ids.shape[1]),
        "decoder_input_ids": begun.expand(len(prompts), -1),
    }
    return forward(anatomy, ids, mask=mask, further=further).logits[:, first:]


def padded(rows: Sequence[Sequence[int]], anatomy: Anatomy) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, `(rows, longest)`, filled up on the right."""
    longest = max(len(row) for row in rows)
    ids = np.full((len(rows), longest), anatomy.pad, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return torch.from_numpy(ids).to(anatomy.device), torch.from_numpy(mask).to(anatomy.device)


def stackable(prompt: Prompt) -> tuple[Any, ...]:
    """Prompts with equal results can share a pass: their extras have the same names and shapes, batch axis aside."""
    return tuple((name, _kind(name, value)) for name, value in sorted((prompt.extras or {}).items()))


def _kind(name: str, value: Any) -> Any:
    if not isinstance(value, torch.Tensor | np.ndarray):
        # It is handed on as it is, once for all rows: only prompts that have the same can share a pass.
        return fingerprint(value)
    return () if name in PER_TOKEN else tuple(value.shape)[1:]


def stacked(extras: Sequence[Mapping[str, Any] | None], anatomy: Anatomy, length: int) -> dict[str, Any]:
    """One argument for each name: tensors are joined on their first axis, entries per token padded to `length`."""
    first = extras[0] or {}
    names = [name for name in first if name not in ("input_ids", "attention_mask")]
    return {name: _joined(name, [(each or {})[name] for each in extras], anatomy, length) for name in names}


def _joined(name: str, values: Sequence[Any], anatomy: Anatomy, length: int) -> Any:
    if not isinstance(values[0], torch.Tensor | np.ndarray):
        return values[0]
    tensors = [torch.as_tensor(value) for value in values]
    if name in PER_TOKEN:
        tensors = [torch.nn.functional.pad(tensor, (0, length - tensor.shape[-1])) for tensor in tensors]
    joined = torch.cat(tensors)
    return joined.to(anatomy.device, anatomy.dtype if joined.is_floating_point() else joined.dtype)
