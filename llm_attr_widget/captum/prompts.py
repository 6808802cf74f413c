"""Between captum's inputs and ours: model inputs as prompts, targets as ids, token texts as captum shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import torch
from captum.attr import TextTemplateInput, TextTokenInput

from llm_attr_widget.errors import InputError, TargetError
from llm_attr_widget.models.huggingface.fingerprint import fingerprint
from llm_attr_widget.tokens import encode, token_id, token_texts
from llm_attr_widget.types import Prompt

TargetLike: TypeAlias = "str | torch.Tensor | Sequence[int] | None"
SkipTokens: TypeAlias = "Sequence[int] | Sequence[str] | None"


def model_input_of(inp: Any, perturbed: torch.Tensor | None) -> Any:
    """What an input makes of an indicator, or, without one, of itself as it is."""
    return inp.to_model_input() if perturbed is None else inp.to_model_input(perturbed)


def may_draw(inp: Any) -> bool:
    """Whether an input may draw its prompts at random; of captum's own, those with a function of the caller's."""
    if type(inp) is TextTemplateInput:
        return callable(inp.baselines) or callable(inp.template)
    return type(inp) is not TextTokenInput


def to_prompt(model_input: Any, tokenizer: Any) -> Prompt:
    """A prompt from what an input's `to_model_input` returns: text, ids `(1, tokens)`, or a mapping with input_ids."""
    if isinstance(model_input, str):
        return Prompt(encode(tokenizer, [model_input])[0])
    if isinstance(model_input, torch.Tensor):
        return Prompt(tuple(int(i) for i in model_input.reshape(-1).tolist()))
    if isinstance(model_input, Mapping) and "input_ids" in model_input:
        given = cast("Mapping[str, Any]", model_input)
        ids = tuple(int(i) for i in given["input_ids"].reshape(-1).tolist())
        extras = {name: value for name, value in given.items() if name not in ("input_ids", "attention_mask")}
        return Prompt(ids, extras, fingerprint(extras)) if extras else Prompt(ids)
    raise InputError(
        f"Expected the input's to_model_input() to return text, a tensor of token ids, or a mapping with 'input_ids', "
        f"got {type(model_input).__name__}."
    )


def to_target(
    target: TargetLike,
    gen_args: Mapping[str, Any] | None,
    skip_tokens: SkipTokens,
    tokenizer: Any,
    write: Callable[[], Sequence[int]],
) -> torch.Tensor:
    """Target ids `(tokens,)`, on the CPU. write: has the model write them, where none is given.

    skip_tokens: ids or texts of tokens to leave out of a target that is given, as captum 0.8 did.
    Raises TargetError where no token is left.
    """
    if target is None:
        ids = list(write())
    elif gen_args is not None:
        raise TargetError("Expected gen_args only where no target is given. Leave out one of the two.")
    elif isinstance(target, str):
        ids = _without(encode(tokenizer, [target], add_special_tokens=False)[0], skip_tokens, tokenizer)
    elif isinstance(target, torch.Tensor | list | tuple):
        ids = _without(torch.as_tensor(target).reshape(-1).tolist(), skip_tokens, tokenizer)
    else:
        raise TypeError(f"Expected target as str, Tensor or a list of token ids, got {type(target).__name__}.")
    if not ids:
        raise TargetError("The target is empty: there is no token to explain. Give a target with at least one token.")
    return torch.tensor([int(i) for i in ids], dtype=torch.long)


def _without(ids: Sequence[int], skip_tokens: SkipTokens, tokenizer: Any) -> list[int]:
    skipped = {token_id(tokenizer, t) if isinstance(t, str) else int(t) for t in skip_tokens or ()}
    return [i for i in ids if i not in skipped]


def shown_tokens(ids: torch.Tensor, tokenizer: Any) -> list[str]:
    """Token texts as captum shows them, and right where captum's fallback is not (characters over several tokens)."""
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
