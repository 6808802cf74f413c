"""Prompts that know their features. To add a kind: one file, and one line in `INPUTS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.changed.locked import locked_in
from llm_attr_widget.inputs.image.prompt import ImageInput
from llm_attr_widget.inputs.image.segmentation import Boxes, Grid, Labels, Masks, Slic
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.spans import TextInput
from llm_attr_widget.inputs.text.template import ProductBaselines, SampledBaselines, TemplateInput
from llm_attr_widget.inputs.text.tokens import TokenInput
from llm_attr_widget.tokens import tokenizer_of
from llm_attr_widget.types import Granularity, Input, Tokenizer

INPUTS = (TextInput, TokenInput, TemplateInput, ChatInput, ImageInput)

__all__ = [
    "INPUTS",
    "Boxes",
    "ChatInput",
    "Grid",
    "ImageInput",
    "Labels",
    "Masks",
    "ProductBaselines",
    "SampledBaselines",
    "Slic",
    "TemplateInput",
    "TextInput",
    "TokenInput",
    "locked_in",
    "make_input",
]


def make_input(
    tokenizer: Tokenizer | None,
    prompt: str | Sequence[int] | Sequence[Mapping[str, Any]] | Input,
    *,
    granularity: Granularity = "word",
) -> Input:
    """An Input of whatever the caller has; one that is one already passes through.

    tokenizer: the model's, or its processor.

    Raises InputError for anything that is no prompt, or that needs a tokenizer and has none.
    """
    if hasattr(prompt, "tolist"):  # an array or a tensor of ids
        return make_input(tokenizer, cast(Any, prompt).tolist(), granularity=granularity)
    if not isinstance(prompt, str | Sequence):
        return _as_input(prompt)
    if tokenizer is None:
        raise InputError("Expected a tokenizer to make features of the prompt, got None. Give the model's tokenizer.")
    if prompt and isinstance(prompt[0], Mapping):
        return ChatInput(tokenizer, cast("Sequence[Mapping[str, Any]]", prompt), granularity=granularity)
    words = tokenizer_of(tokenizer)
    if isinstance(prompt, str):
        return (
            TokenInput(words, prompt) if granularity == "token" else TextInput(words, prompt, granularity=granularity)
        )
    return TokenInput(words, cast("Sequence[int]", prompt))


def _as_input(prompt: Any) -> Input:
    if all(hasattr(prompt, name) for name in ("pieces", "features", "baseline", "random", "render")):
        return prompt
    raise InputError(
        f"Expected a prompt as text, token ids, chat messages or an Input, got {type(prompt).__name__}. "
        "For an image, make an ImageInput."
    )
