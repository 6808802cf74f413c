"""An input of whatever the caller has: text, token ids, chat messages, or an input that is one already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.spans import TextInput
from llm_attr_widget.inputs.text.tokens import TokenInput
from llm_attr_widget.tokens import tokenizer_of
from llm_attr_widget.types import Granularity, Input, Tokenizer, check_granularity

PromptLike: TypeAlias = (
    "str | Sequence[int] | NDArray[np.integer] | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Input"
)
"""A text, token ids (a row, an array or tensor of one row, what a tokenizer returns), chat messages, or an Input."""

MEMBERS = ("pieces", "features", "baseline", "random", "render")


def make_input(tokenizer: Tokenizer | None, prompt: PromptLike, *, granularity: Granularity = "word") -> Input:
    """An Input of whatever the caller has; one that is one already passes through.

    tokenizer: the model's, or its processor. granularity: of text and of chat messages; each token id is a feature.
    Raises InputError for anything that is no prompt, that needs a tokenizer and has none, or that has no feature.
    """
    given: Any = prompt
    if all(hasattr(given, name) for name in MEMBERS):
        return given
    _check(tokenizer, given, granularity)
    if isinstance(given, str):
        words = tokenizer_of(tokenizer)
        return TokenInput(words, given) if granularity == "token" else TextInput(words, given, granularity=granularity)
    if is_chat(given):
        return ChatInput(cast(Any, tokenizer), given, granularity=granularity)
    return TokenInput(tokenizer_of(tokenizer), given)


def is_chat(prompt: Any) -> bool:
    """Whether these are chat messages."""
    is_list = isinstance(prompt, Sequence) and not isinstance(prompt, str | bytes)
    return is_list and bool(prompt) and isinstance(prompt[0], Mapping)


def _check(tokenizer: Tokenizer | None, prompt: Any, granularity: object) -> None:
    holds_ids = hasattr(prompt, "tolist") or (isinstance(prompt, Mapping) and "input_ids" in prompt)
    if isinstance(prompt, bytes | bytearray) or not (holds_ids or isinstance(prompt, str | Sequence)):
        hint = " Decode bytes first." if isinstance(prompt, bytes | bytearray) else ""
        raise InputError(
            f"Expected a prompt as text, token ids, chat messages or an Input, got {type(prompt).__name__}.{hint} "
            "For an image, make an ImageInput."
        )
    if tokenizer is None:
        raise InputError("Expected a tokenizer to make features of the prompt, got None. Give the model's tokenizer.")
    if isinstance(granularity, str):
        check_granularity(granularity)
