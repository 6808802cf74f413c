"""The text about an image: what it may be given as, its fields, and what editing makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.changed.rewritten import fields_of, rewritten
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.image.processing import placeholder_in
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.conversation import Message
from llm_attr_widget.inputs.text.spans import TextInput
from llm_attr_widget.types import Coalitions, Input, Piece, Prompt


class Words(Input, Protocol):
    """The text side of the prompt."""

    @property
    def units(self) -> str: ...

    def texts(self, coalitions: Coalitions) -> list[str]: ...


PromptLike: TypeAlias = "str | Sequence[Message] | ChatInput | TextInput"


@dataclass(frozen=True, slots=True)
class FixedWords:
    """A text without features."""

    text: str
    features: tuple[str, ...] = ()
    baseline: str = ""
    units: str = ""
    random: bool = False

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return (Piece(self.text),)

    def texts(self, coalitions: Coalitions) -> list[str]:
        return [self.text] * len(coalitions)

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """Nothing renders a text alone: the image's tokens belong into it."""
        del coalitions, rng
        raise InputError("A text about an image is rendered with its image: use the ImageInput.")


def fields_about(processor: Any, prompt: Any) -> tuple[Field, ...]:
    """The text about an image in fields, the image among them fixed. prompt: as of ImageInput."""
    text = prompt if isinstance(prompt, str) else getattr(prompt, "prompt", None)
    if not isinstance(text, str):
        return fields_of(prompt)
    if not shows_image(processor, text):
        return fields_of(asked(text))
    placeholder = placeholder_in(processor, text)
    before, _, after = text.partition(placeholder)
    around = (Field(before), Field(placeholder, fixed="The image stays as it is given in Python."), Field(after))
    return tuple(one for one in around if one.text)


def rewritten_about(prompt: Any, texts: Sequence[str]) -> Any:
    """The text about an image with these texts in its fields. prompt: as of ImageInput."""
    if isinstance(prompt, str):
        return "".join(texts)
    own = getattr(prompt, "rewritten", None)
    return rewritten(prompt, texts) if own is None else own(texts)


def asked(question: str) -> list[Message]:
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]


def shows_image(processor: Any, text: str) -> bool:
    try:
        placeholder_in(processor, text)
    except InputError:
        return False
    return True


def check_one_image(messages: Sequence[Message]) -> None:
    contents = [message.get("content") for message in messages]
    parts = [
        part for content in contents if isinstance(content, list) for part in cast("list[Mapping[str, Any]]", content)
    ]
    images = sum(part.get("type") == "image" for part in parts)
    if images != 1:
        raise InputError(
            f"Expected messages with one part of type 'image', got {images}. Write the content as "
            "[{'type': 'image'}, {'type': 'text', 'text': '…'}]."
        )
