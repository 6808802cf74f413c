"""Between captum's inputs and ours: model inputs as prompts, targets as ids, token texts as captum shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, TypeAlias, cast

import torch
from captum.attr import TextTemplateInput, TextTokenInput

from llm_attr_widget.errors import CapabilityError, InputError, TargetError
from llm_attr_widget.game.targets import Target, TargetLike, begun, make_target
from llm_attr_widget.inputs.text.ids import ids_in
from llm_attr_widget.models.huggingface.fingerprint import fingerprint
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.making import unpacked
from llm_attr_widget.tokens import encode, token_id, token_texts, tokenizer_of
from llm_attr_widget.types import EncoderDecoder, Prompt, Scorer

AnyTarget: TypeAlias = "torch.Tensor | TargetLike"
"""What `make_target` takes, captum's tensors among it."""
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
        return Prompt(_ids(model_input, tokenizer))
    if isinstance(model_input, Mapping) and "input_ids" in model_input:
        given = cast("Mapping[str, Any]", model_input)
        ids = _ids(given["input_ids"], tokenizer)
        extras = {name: value for name, value in given.items() if name not in ("input_ids", "attention_mask")}
        return Prompt(ids, extras, fingerprint(extras)) if extras else Prompt(ids)
    raise InputError(
        f"Expected the input's to_model_input() to return text, a tensor of token ids, or a mapping with 'input_ids', "
        f"got {type(model_input).__name__}."
    )


def _ids(given: Any, tokenizer: Any) -> tuple[int, ...]:
    return ids_in(given, tokenizer, what="the input's prompt", error=InputError)


def to_target(
    target: AnyTarget | None,
    gen_args: Mapping[str, Any] | None,
    skip_tokens: SkipTokens,
    tokenizer: Any,
    write: Callable[[], Sequence[int]],
    *,
    scorer: Scorer,
) -> tuple[torch.Tensor, Scorer]:
    """Target ids `(tokens,)`, on the CPU, and what scores them. write: has the model write them, where none is given.

    target: as of `attribute`. skip_tokens: ids or texts of tokens to leave out of a target that is given, as captum 0.8
    did. An encoder-decoder's text is encoded as a target, and its decoder begins as the engine has it begin.
    Raises TargetError as `attribute` does, and where no token is left.
    """
    separate = isinstance(scorer, EncoderDecoder) and scorer.separate
    if target is None:
        found = make_target(tokenizer, list(write()))
    elif gen_args is not None:
        raise TargetError("Expected gen_args only where no target is given. Leave out one of the two.")
    else:
        vocabulary = getattr(scorer, "vocabulary", None)
        given = make_target(tokenizer, cast(Any, target), vocabulary=vocabulary, separate=separate)
        found = _without(given, skip_tokens, tokenizer)
    if isinstance(scorer, EncoderDecoder) and separate:
        found, scorer = begun(tokenizer, scorer, cast(Any, target), found, gen_args or {})
    return torch.tensor(found.ids, dtype=torch.long), scorer


def _without(target: Target, skip_tokens: SkipTokens, tokenizer: Any) -> Target:
    skipped = {token_id(tokenizer, t) if isinstance(t, str) else int(t) for t in skip_tokens or ()}
    left = [(i, text) for i, text in zip(target.ids, target.texts, strict=True) if i not in skipped]
    return Target(tuple(i for i, _ in left), tuple(text for _, text in left))


def over_model(method: Any, tokenizer: Any) -> tuple[Any, Any]:
    """Captum's method over the model itself, and its tokenizer: out of a pipeline, or of a HuggingFaceModel.

    The method that was given stays as it is. Raises CapabilityError as `attribute` for what is no model or tokenizer,
    and for a Scorer that is no module: captum's classes ask for one.
    """
    given = method.forward_func
    if isinstance(given, HuggingFaceModel):
        given, tokenizer = given.model, given.tokenizer if tokenizer is None else tokenizer
    model, words = unpacked(given, tokenizer)
    if not hasattr(model, "parameters") and not hasattr(model, "device"):
        raise CapabilityError(
            f"Expected captum's method over a model of torch, got one over {type(model).__name__}. "
            "For a Scorer use llm_attr_widget.attribute, for a server RemoteLLMAttribution."
        )
    if words is None:
        raise CapabilityError("Expected the model's tokenizer after the method, got None. Give the model's own.")
    if model is not method.forward_func:
        method = copy(method)
        method.forward_func = model
    return method, tokenizer_of(words)


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
