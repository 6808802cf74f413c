"""One forward pass, and reading the target's log-probs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from llm_attr_widget.errors import InputError, ScoreError, TargetError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.extras import stacked
from llm_attr_widget.models.huggingface.keeping import Keeping, offered, picked, tried
from llm_attr_widget.types import LogProbs, Prompt

_ON_CPU, _ELSEWHERE = 1 << 19, 1 << 25
"""So many logits are reduced at a time: on a CPU what stays in its cache (three times as fast), else 128 MiB."""

_WHOLE = 1 << 28
"""Most logits that the plainest pass may ask for: a gigabyte of float32."""


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
    keep: positions in the row whose logits are wanted, ascending; all where None. A model that can leave out the
        others is asked to, as far as it was found to do what it says.
    """
    cache_name = anatomy.cache_name or ""
    arguments = {"attention_mask": mask, "position_ids": positions, cache_name: cache, "use_cache": caching}
    given = {name: value for name, value in arguments.items() if name in anatomy.accepts and value is not None}
    given.update(further or {})
    if getattr(anatomy.config, "return_dict", True) is False and anatomy.known:
        given["return_dict"] = True
    length = _length(ids, given)
    keeping = None if keep is None or length is None else _keeping(anatomy)
    if keep is not None and keeping is not None and length is not None:
        given.update(offered(keeping, keep, length))
    returned = _called(anatomy, ids, given)
    logits = logits_of(returned)
    vocabulary = anatomy.limits.vocabulary or 0
    if not anatomy.limits.separate and 2 * logits.shape[-1] < vocabulary:
        raise ScoreError(
            f"The model returned {logits.shape[-1]} numbers for each token, but its vocabulary has {vocabulary}: it "
            "classifies tokens and says nothing about a next one. Use a model with a language model's head, such as "
            "AutoModelForCausalLM."
        )
    if keep is not None and length is not None:
        logits = picked(logits, keep, length, keeping)
    return Output(logits, getattr(returned, cache_name, None), getattr(returned, "encoder_last_hidden_state", None))


def _length(ids: torch.Tensor | None, given: Mapping[str, Any]) -> int | None:
    """Tokens in a row, None for an encoder-decoder model, whose logits are the decoder's."""
    read = given.get("inputs_embeds") if ids is None else ids
    return None if "decoder_input_ids" in given or read is None else int(read.shape[1])


def _called(anatomy: Anatomy, ids: torch.Tensor | None, given: Mapping[str, Any]) -> Any:
    # Some models take an image first: their ids go by name.
    named = {} if ids is None or anatomy.ids_name is None else {anatomy.ids_name: ids}
    first = () if ids is None or named else (ids,)
    try:
        return anatomy.model(*first, **named, **given)
    except ValueError as error:
        if "pixel_values" not in given:
            raise
        raise InputError(
            f"The model cannot read this prompt with its image: {error}. An image must be as many tokens in the prompt "
            "as the model makes of it: use the processor that belongs to the model, with its own settings."
        ) from error
    except (AttributeError, KeyError) as error:
        raise ScoreError(
            f"{type(anatomy.core).__name__} could not read a prompt: {type(error).__name__}: {error}. Its code asks "
            "for something that it was not given: look whether its config has it, and whether its own forward runs "
            f"with {', '.join(sorted(given)) or 'token ids alone'}."
        ) from error


_keepings: WeakKeyDictionary[nn.Module, dict[frozenset[str], Keeping | None]] = WeakKeyDictionary()


def _keeping(anatomy: Anatomy) -> Keeping | None:
    """How the model leaves out logits, tried once."""
    remembered = _keepings.setdefault(anatomy.model, {})
    if anatomy.accepts not in remembered:
        remembered[anatomy.accepts] = tried(anatomy, lambda ids, given: logits_of(_called(anatomy, ids, given)))
    return remembered[anatomy.accepts]


def learn_keeping(anatomy: Anatomy) -> None:
    """Try how the model leaves out logits now, for whoever counts or replaces its calls from here on."""
    with left_as_found(anatomy.model):
        _keeping(anatomy)


def logits_of(returned: Any) -> torch.Tensor:
    """`(rows, tokens, vocabulary)`: of an object or a mapping with `logits`, of a tuple, or the logits themselves."""
    if isinstance(returned, Mapping):
        found: Any = cast("Mapping[str, Any]", returned).get("logits")
    else:
        found = getattr(returned, "logits", returned)
    if isinstance(found, tuple | list):
        # A loss, which some put first, is a single number, and left out for scoring.
        tensors = [each for each in cast("Sequence[Any]", found) if isinstance(each, torch.Tensor)]
        found = next((each for each in tensors if each.ndim >= 2), None)
    if not isinstance(found, torch.Tensor):
        raise ScoreError(
            f"The model returned {type(returned).__name__} without logits. Its forward must return a tensor of shape "
            "(rows, tokens, vocabulary), or an object, a dict or a tuple that holds it as `logits`, or first."
        )
    if found.ndim == 4 and found.shape[1] == 1:
        found = found.squeeze(1)
    if found.ndim != 3:
        raise ScoreError(
            f"Logits of shape (rows, tokens, vocabulary) were expected, not {tuple(found.shape)}. A model that "
            "classifies whole texts says nothing about a next token: use one with a language model's head, such as "
            "AutoModelForCausalLM."
        )
    return found


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
        logits = _forced_logits(anatomy, prompts, target, first)
        wanted = torch.tensor(list(target[first:])).repeat(len(prompts))
        return read(logits.flatten(0, 1), wanted).reshape(len(prompts), -1).numpy()


def _forced_logits(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int], first: int) -> torch.Tensor:
    forced = _decoder_logits if anatomy.limits.separate else _causal_logits
    return forced(anatomy, prompts, target, first)


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


def extended(anatomy: Anatomy, prompt: Prompt, tokens: Sequence[int]) -> Prompt:
    """The prompt with some of a target's tokens after it. Its extras grow when they are stacked."""
    return replace(prompt, ids=(*started(prompt, anatomy), *tokens)) if tokens else prompt


@dataclass(frozen=True)
class Alone:
    """What a model says after prompts that it reads one by one: what every path is held against.

    log_probs: `(prompts, target tokens)`, natural. largest: the largest logit, in absolute value, of those read.
    """

    log_probs: LogProbs
    largest: float


def alone(anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> Alone:
    """One prompt, one pass: no padding, no cache, and no shortcut.

    All logits are asked for, as the model gives them, as long as they fit into a gigabyte of float32.
    """
    length = len(started(prompt, anatomy)) + len(target) - 1
    whole = not anatomy.limits.separate and length * (anatomy.limits.vocabulary or 1) <= _WHOLE
    with left_as_found(anatomy.model):
        logits = _whole_logits(anatomy, prompt, target) if whole else _forced_logits(anatomy, [prompt], target, 0)
        log_probs = read(logits[0], torch.tensor(list(target)))[None].numpy()
        return Alone(log_probs, float(logits[0].abs().max()))


def _whole_logits(anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> torch.Tensor:
    ids = torch.tensor([[*started(prompt, anatomy), *target[:-1]]], device=anatomy.device)
    length = ids.shape[1]
    further = stacked([prompt.extras], anatomy, length)
    logits = forward(anatomy, ids, mask=torch.ones_like(ids), further=further).logits
    return picked(logits, torch.arange(length - len(target), length), length, None)


def _decoder_logits(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int], first: int) -> torch.Tensor:
    """The same for encoder-decoder models: the prompt is the encoder's, the target the decoder's."""
    ids, mask = padded([started(prompt, anatomy) for prompt in prompts], anatomy)
    begun = torch.tensor([[*anatomy.decoder_start, *target[:-1]]], device=anatomy.device)
    further = {
        **stacked([prompt.extras for prompt in prompts], anatomy, ids.shape[1]),
        "decoder_input_ids": begun.expand(len(prompts), -1),
    }
    return forward(anatomy, ids, mask=mask, further=further).logits[:, len(anatomy.decoder_start) - 1 + first :]


def padded(rows: Sequence[Sequence[int]], anatomy: Anatomy) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, `(rows, longest)`, filled up on the right."""
    longest = max(len(row) for row in rows)
    ids = np.full((len(rows), longest), anatomy.pad, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return torch.from_numpy(ids).to(anatomy.device), torch.from_numpy(mask).to(anatomy.device)
