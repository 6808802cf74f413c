"""The target: token ids whose scores are explained, fixed before the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import TargetError
from llm_attr_widget.inputs.text.ids import ids_in
from llm_attr_widget.tokens import token_texts
from llm_attr_widget.types import Generator, Prompt, Tokenizer

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


def make_target(tokenizer: Tokenizer | None, target: TargetLike, *, vocabulary: int | None = None) -> Target:
    """A target from text (encoded without special tokens) or from token ids (taken as they are; see `ids_in`).

    Prompt and target are joined as ids, so the text is encoded on its own: whether it starts with a space matters.
    Raises TargetError for what is no target, an empty one, and ids outside `range(vocabulary)`.
    """
    if isinstance(target, Target):
        return target
    if tokenizer is None:
        raise TargetError("Expected a tokenizer to make a target of text or token ids, got None. Give the model's own.")
    if isinstance(target, str):
        ids = tuple(int(i) for i in tokenizer(target, add_special_tokens=False)["input_ids"])
    else:
        ids = ids_in(target, tokenizer, what="a target", error=TargetError)
    outside = [i for i in ids if i < 0 or (vocabulary is not None and i >= vocabulary)]
    if outside:
        raise TargetError(
            f"Target token id {outside[0]} is outside the model's vocabulary of {vocabulary} tokens. "
            "Encode the target with the tokenizer that belongs to this model."
        )
    return Target(ids, token_texts(tokenizer, ids))


def written_target(
    tokenizer: Tokenizer | None,
    model: Generator,
    prompt: Prompt,
    *,
    max_new_tokens: int,
    options: Mapping[str, Any],
) -> Target:
    """What the model itself writes after the whole prompt. Cost: one generation.

    Raises TargetError when the model ends the text at once.
    """
    ids = model.generate(prompt, max_new_tokens=max_new_tokens, options=options)
    if not ids:
        raise TargetError(
            "Expected the model to write a target, but it ended the text at once, with end-of-sequence first. "
            "Give a target, or end the prompt so that there is something to continue."
        )
    return make_target(tokenizer, ids)
