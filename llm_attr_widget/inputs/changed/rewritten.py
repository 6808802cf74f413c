"""The same kind of prompt with other texts in its fields: what editing makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.fields import Field, fits
from llm_attr_widget.inputs.making import PromptLike, is_chat
from llm_attr_widget.inputs.text import conversation


def fields_of(prompt: PromptLike) -> tuple[Field, ...]:
    """The prompt in fields: a text is one, chat messages have one for each text, an input says its own (`fields`).

    Of an input that cannot be rewritten, one fixed field.
    """
    given: Any = prompt
    if isinstance(prompt, str):
        return (Field(prompt),)
    if is_chat(prompt):
        return conversation.fields(given)
    if hasattr(given, "fields") and hasattr(given, "rewritten"):
        return given.fields
    text = "".join(piece.text for piece in given.pieces)
    return (Field(text, fixed=f"The words of a {type(given).__name__} cannot be edited here, only in Python."),)


def rewritten(prompt: PromptLike, texts: Sequence[str]) -> PromptLike:
    """The prompt with these texts in its fields, one for each: of the same kind, and all else in it the same.

    A text stays a text and chat messages stay messages, to be cut at any granularity. Raises InputError for texts that
    do not fit the prompt's fields, and what the kind of prompt raises for a text that it cannot have.
    """
    fields = fields_of(prompt)
    if not fits(fields, texts):
        raise InputError(
            f"Expected {len(fields)} texts for the fields of this prompt, those that cannot be edited as they are; "
            f"got {list(texts)!r:.200}."
        )
    given: Any = prompt
    if all(field.text == text for field, text in zip(fields, texts, strict=True)):
        return prompt
    if isinstance(prompt, str):
        return "".join(texts)
    if is_chat(prompt):
        return conversation.rewritten(given, texts)
    return cast(PromptLike, given.rewritten(texts))
