"""Prompt and answers as they were given in Python, used until their texts are edited in the widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from llm_attr_widget.engine.plan import PromptLike
from llm_attr_widget.errors import TargetError
from llm_attr_widget.game.targets import Target, TargetLike, make_target
from llm_attr_widget.inputs import ImageInput, TextInput, TokenInput
from llm_attr_widget.inputs.image.prompt import segmented
from llm_attr_widget.inputs.image.reading import ImageLike, read_image
from llm_attr_widget.inputs.image.segmentation import Segments
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.tokens import tokenizer_of
from llm_attr_widget.types import Granularity, Input, Tokenizer


@dataclass(frozen=True)
class Pictured:
    """An image with the processor that reads it; segments: how it is segmented (see ImageInput)."""

    processor: Any
    image: ImageLike
    segments: Segments | None

    def picture(self) -> Picture:
        """The image as every run shows it. Raises InputError for an image or segments that cannot be used."""
        pixels = np.asarray(read_image(self.image))
        segmentation = segmented(pixels, self.segments)
        return Picture(pixels, segmentation.regions, segmentation.members)

    def with_prompt(self, prompt: PromptLike, granularity: Granularity) -> Input:
        """The image's segments and the prompt's own words as features of one game."""
        if isinstance(prompt, ImageInput):
            return prompt
        text: Any = prompt
        return ImageInput(self.processor, self.image, text, segments=self.segments, granularity=granularity)


class HasAttribution(Protocol):
    """A result of another kind (captum's) that is an attribution, too."""

    def to_attribution(self) -> Attribution: ...


class Given:
    """What to run for the texts in the editor: the object that was given, where its text still stands."""

    def __init__(
        self,
        prompt: PromptLike,
        target: TargetLike | None,
        against: TargetLike | None,
        tokenizer: Any,
        image: Pictured | None = None,
    ) -> None:
        self._prompt = prompt
        self._image = image
        self.prompt_text = prompt if isinstance(prompt, str) else _text_of(prompt)
        self.target_text = _target_text(target, tokenizer)
        self.against_text = _target_text(against, tokenizer)
        self._targets = {self.target_text: target, self.against_text: against}

    def picture(self) -> Picture | None:
        """The prompt's image, where it has one: shown before there are numbers about it."""
        if isinstance(self._prompt, ImageInput):
            return self._prompt.picture
        return None if self._image is None else self._image.picture()

    def prompt(self, text: str, granularity: Granularity) -> PromptLike:
        """What to explain for this text: with the image, where one was given."""
        prompt = self._prompt if text == self.prompt_text else text
        return prompt if self._image is None else self._image.with_prompt(prompt, granularity)

    def target(self, text: str | None) -> TargetLike | None:
        return self._targets.get(text, text)


def given_of(result: Attribution) -> Given:
    """What a result was made from, as far as it still knows."""
    text = "".join(piece.text for piece in result.pieces)
    if result.game is None:
        return Given(text, result.target, result.against, None)
    made = result.game.input
    return Given(made if _is_special(made, text) else text, result.target, result.against, None)


def _is_special(made: Input, text: str) -> bool:
    """Whether more than the text went into this input: then it is kept, else the text can be cut at any granularity."""
    plain = isinstance(made, TextInput) and not made.baseline_text and not made.locked
    bare = isinstance(made, TokenInput) and made.baseline_token == "remove" and not made.skip_tokens  # noqa: S105
    return not ((plain or bare) and made.prompt == text)  # pyright: ignore[reportAttributeAccessIssue]


def _text_of(prompt: Input | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(prompt, Sequence):
        return "\n".join(str(message.get("content", "")) for message in prompt)
    return "".join(piece.text for piece in prompt.pieces)


def _target_text(target: TargetLike | None, tokenizer: Tokenizer | None) -> str | None:
    if target is None or isinstance(target, str):
        return target
    if isinstance(target, Target):
        return target.text
    if tokenizer is None:
        raise TargetError("A target given as token ids needs the tokenizer that they belong to. Pass it as tokenizer.")
    return make_target(tokenizer_of(tokenizer), target).text
