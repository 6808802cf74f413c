"""The target: token ids whose scores are explained, fixed before the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError, TargetError
from llm_attr_widget.inputs.text.ids import as_row, ids_in
from llm_attr_widget.models.base import before, length_asked
from llm_attr_widget.tokens import encode, encode_target, token_texts
from llm_attr_widget.types import EncoderDecoder, Generator, Prompt, Scorer, Tokenizer

TargetLike: TypeAlias = "str | int | Sequence[int] | Sequence[str] | Mapping[str, Any] | NDArray[np.integer] | Target"
"""A text, token ids (one, a row, an array or tensor of one row, what a tokenizer returns), tokens, or a Target."""


@dataclass(frozen=True, slots=True)
class Target:
    """ids: target tokens, in order. texts: one per id; joined, they give the target's text."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.ids:
            raise TargetError(
                "Expected at least one target token, got none. Give a target text that is not empty, "
                "or leave it out so that the model writes it."
            )

    @property
    def text(self) -> str:
        return "".join(self.texts)


def make_target(
    tokenizer: Tokenizer | None, target: TargetLike, *, vocabulary: int | None = None, separate: bool = False
) -> Target:
    """A target from text (encoded without special tokens) or from token ids (taken as they are; see `ids_in`).

    Prompt and target are joined as ids, so the text is encoded on its own: whether it starts with a space matters.
    separate: for an encoder-decoder, where a text is encoded as the tokenizer encodes targets, less the language's code
    that every one begins with.
    Raises TargetError for what is no target, an empty one, half a surrogate pair, and ids outside `range(vocabulary)`.
    """
    if isinstance(target, Target):
        return target
    if tokenizer is None:
        raise TargetError("Expected a tokenizer to make a target of text or token ids, got None. Give the model's own.")
    if isinstance(target, str):
        ids = _encoded(tokenizer, target)[1] if separate else _alone(tokenizer, target)
    else:
        ids = ids_in(as_row(target), tokenizer, what="a target", error=TargetError)
    outside = [i for i in ids if i < 0 or (vocabulary is not None and i >= vocabulary)]
    if outside:
        raise TargetError(
            f"Target token id {outside[0]} is outside the model's vocabulary of {vocabulary} tokens. "
            "Encode the target with the tokenizer that belongs to this model."
        )
    return Target(ids, token_texts(tokenizer, ids))


def _alone(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    try:
        return encode(tokenizer, [text], add_special_tokens=False)[0]
    except InputError as error:
        raise TargetError(str(error)) from error


def _encoded(tokenizer: Tokenizer, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        return encode_target(tokenizer, text)
    except InputError as error:
        raise TargetError(str(error)) from error


def written_target(
    tokenizer: Tokenizer | None,
    model: Generator,
    prompt: Prompt,
    *,
    max_new_tokens: int,
    options: Mapping[str, Any],
) -> Target:
    """What the model itself writes after the whole prompt. Cost: one generation.

    options: a `max_new_tokens` among them counts before the argument.
    Raises TargetError when the model ends the text at once.
    """
    most, rest = length_asked(options, max_new_tokens)
    ids = model.generate(prompt, max_new_tokens=most, options=rest)
    if not ids:
        raise TargetError(
            "Expected the model to write a target, but it ended the text at once, with end-of-sequence first. "
            "Give a target, or end the prompt so that there is something to continue."
        )
    return make_target(tokenizer, ids)


def begun(
    tokenizer: Tokenizer, model: EncoderDecoder, given: TargetLike | None, target: Target, options: Mapping[str, Any]
) -> tuple[Target, Scorer]:
    """The target without what every one begins with, and the model with that at its decoder's beginning.

    given: what the target was made from, None where the model wrote it. What generation begins with under these options
    is what scoring begins with; where nothing is forced after the start token, the tokenizer's code for targets is,
    before a text, and before what the model wrote if it wrote the code itself.
    """
    start, ids = model.beginning(options), target.ids
    if given is not None and not isinstance(given, str):
        start = before(start, ids)
    elif len(start) == 1:
        code = encode_target(tokenizer, given or "a")[0]
        wrote = ids[: len(code)] == code and len(ids) > len(code)
        if code and code != start and (given is not None or wrote):
            start = (*start, *code)
            ids = ids[len(code) :] if given is None else ids
    texts = target.texts if len(ids) == len(target.ids) else token_texts(tokenizer, ids)
    return Target(ids, texts), model.begun(start)
