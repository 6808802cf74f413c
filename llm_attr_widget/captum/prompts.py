"""Between captum's inputs and ours: model inputs as prompts, targets as ids, token texts as captum shows them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, TypeAlias, cast

import torch
from captum.attr import TextTokenInput
from captum.attr._core import llm_attr

from llm_attr_widget.errors import InputError, TargetError
from llm_attr_widget.tokens import token_texts
from llm_attr_widget.types import Prompt

TargetLike: TypeAlias = "str | torch.Tensor | Sequence[int] | None"


def to_prompt(model_input: Any, tokenizer: Any) -> Prompt:
    """A prompt from what an input's `to_model_input` returns: text, ids `(1, tokens)`, or a mapping with input_ids."""
    if isinstance(model_input, str):
        return Prompt(tuple(int(i) for i in tokenizer.encode(model_input)))
    if isinstance(model_input, torch.Tensor):
        return Prompt(tuple(int(i) for i in model_input.reshape(-1)))
    if isinstance(model_input, Mapping) and "input_ids" in model_input:
        given = cast("Mapping[str, Any]", model_input)
        ids = tuple(int(i) for i in given["input_ids"].reshape(-1))
        extras = {name: value for name, value in given.items() if name not in ("input_ids", "attention_mask")}
        return Prompt(ids, extras, _fingerprint(extras)) if extras else Prompt(ids)
    raise InputError(
        f"Expected the input's to_model_input() to return text, a tensor of token ids, or a mapping with 'input_ids', "
        f"got {type(model_input).__name__}."
    )


def _fingerprint(extras: Mapping[str, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(extras):
        value = extras[name]
        content = value.detach().cpu().float().numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value)
        digest.update(name.encode() + b"=" + (content if isinstance(content, bytes) else content.encode()))
    return digest.hexdigest()


def to_target(
    target: TargetLike, gen_args: Mapping[str, Any] | None, tokenizer: Any, write: Callable[[], Any]
) -> torch.Tensor:
    """Target ids `(tokens,)`, on the CPU. write: has the model write them, where none is given."""
    if target is None:
        ids = list(write())
    elif gen_args is not None:
        raise TargetError("Expected gen_args only where no target is given. Leave out one of the two.")
    elif isinstance(target, str):
        ids = tokenizer.encode(target, add_special_tokens=False)
    elif isinstance(target, torch.Tensor | list | tuple):
        ids = torch.as_tensor(target).reshape(-1).tolist()
    else:
        raise TypeError(f"Expected target as str, Tensor or a list of token ids, got {type(target).__name__}.")
    if not ids:
        raise TargetError("The target is empty: there is no token to explain. Give a target with at least one token.")
    return torch.tensor([int(i) for i in ids], dtype=torch.long)


def skipping(inp: Any, skip_tokens: Sequence[int] | Sequence[str] | None, tokenizer: Any) -> Any:
    """Captum 0.8's `skip_tokens=` of attribute(): the same input with these tokens always present."""
    if not skip_tokens:
        return inp
    if not isinstance(inp, TextTokenInput):
        raise TypeError(f"skip_tokens is for TextTokenInput, not {type(inp).__name__}.")
    ids = [tokenizer.convert_tokens_to_ids([t])[0] if isinstance(t, str) else int(t) for t in skip_tokens]
    mask = ~torch.isin(inp.inp_tensor, torch.tensor(ids))
    if inp.itp_mask is not None:
        mask &= inp.itp_mask
    changed = copy(inp)
    changed.itp_mask = mask
    changed.itp_tensor = inp.inp_tensor[mask].unsqueeze(0)
    changed.values = tokenizer.convert_ids_to_tokens(changed.itp_tensor[0].tolist())
    changed.n_itp_features = len(changed.values)
    return changed


def shown_tokens(ids: torch.Tensor, tokenizer: Any) -> list[str]:
    """Token texts as captum shows them, and right where captum's fallback is not (characters over several tokens)."""
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            shown = llm_attr._convert_ids_to_pretty_tokens(ids, tokenizer)  # pyright: ignore[reportPrivateUsage]  # its look is what we copy
        if not doubts and len(shown) == len(ids):
            return shown
    except (NotImplementedError, TypeError, ValueError, KeyError, AttributeError, AssertionError, IndexError):
        pass  # no offset mapping in this tokenizer: its own decoding tells
    texts: list[str] = []
    before = ""
    for text in token_texts(tokenizer, ids.tolist()):
        texts.append(text.replace("\n", "\\n").strip() if text else f"{before} [OVERLAP]")
        before = texts[-1] if text else before
    return texts


def allowed(options: Mapping[str, Any], known: Sequence[str], owner: str) -> None:
    """Raises TypeError that names the first keyword which is not known."""
    for name in options:
        if name not in known:
            raise TypeError(
                f"{owner}.attribute() got an unexpected keyword argument {name!r}. It takes {', '.join(known)}."
            )
