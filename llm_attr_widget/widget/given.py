"""Prompt and answers as they were given in Python, used until their texts are edited in the widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.game.targets import TargetLike, make_target
from llm_attr_widget.game.values import VALUES, Value, ValueLike, value_alone
from llm_attr_widget.inputs import ImageInput, PromptLike, locked_in, locked_segments, make_input, rebased
from llm_attr_widget.inputs.changed.rewritten import fields_of, rewritten
from llm_attr_widget.inputs.fields import fits, joined, texts_in
from llm_attr_widget.inputs.image.prompt import segmented
from llm_attr_widget.inputs.image.reading import ImageLike, read_image
from llm_attr_widget.inputs.image.segmentation import Known, Segmentation, Segments
from llm_attr_widget.inputs.image.words import fields_about, rewritten_about
from llm_attr_widget.inputs.making import is_chat
from llm_attr_widget.inputs.members import UNNAMED, is_plain, units_of
from llm_attr_widget.methods.registry import METHODS, MethodLike, budget_of, make_method, with_budget
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.tokens import repaired, tokenizer_of
from llm_attr_widget.types import GradientMethod, Granularity, Input, Method
from llm_attr_widget.widget.protocol import CUSTOM, Choice, Choices, FieldText, Settings, ValueName


@dataclass(frozen=True)
class Pictured:
    """An image with the processor that reads it; segments: how it is segmented (see ImageInput)."""

    processor: Any
    image: ImageLike
    segments: Segments | None

    @cached_property
    def _read(self) -> tuple[NDArray[np.uint8], Segmentation]:
        """The image, read and segmented once for all runs."""
        pixels = np.asarray(read_image(self.image))
        return pixels, segmented(pixels, self.segments)

    def picture(self) -> Picture:
        """The image as every run shows it. Raises InputError for an image or segments that cannot be used."""
        pixels, segmentation = self._read
        return Picture(pixels, segmentation.regions, segmentation.members)

    def with_prompt(self, prompt: PromptLike, granularity: Granularity) -> PromptLike:
        """The image's segments and the prompt's own words as features of one game."""
        given: Any = prompt
        if getattr(given, "picture", None) is not None:
            return prompt
        pixels, segmentation = self._read
        segments = None if self.segments is None else Known(segmentation)
        return ImageInput(self.processor, pixels, given, segments=segments, granularity=granularity)


class HasAttribution(Protocol):
    """A result of another kind (captum's) that is an attribution, too."""

    def to_attribution(self) -> Attribution: ...


class Given:
    """What to run for the texts in the editor and the names in the menus: the object that was given, where its text or
    name still stands.
    """

    def __init__(
        self,
        prompt: PromptLike,
        target: TargetLike | None,
        against: TargetLike | None,
        tokenizer: Any,
        image: Pictured | None = None,
        *,
        method: MethodLike = "shapley",
        value: ValueLike = "log_prob",
        budget: int | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._prompt = _kept(prompt, tokenizer)
        self._image = image
        self.fields = fields_of(self._prompt) if image is None else fields_about(image.processor, self._prompt)
        if not isinstance(self._prompt, str):  # the texts of an input of one's own are shown, never encoded
            self.fields = tuple(replace(each, text=repaired(each.text)) for each in self.fields)
        self.target_text = _target_text(target, tokenizer)
        self.against_text = _target_text(against, tokenizer)
        self._targets = {self.target_text: target, self.against_text: against}
        self._method = None if isinstance(method, str) else make_method(method, budget=budget)
        self._value = None if isinstance(value, str) else value_alone(value)
        self.method_name = method if isinstance(method, str) else method_name_of(cast(Method, self._method))
        self.value_name: ValueName = cast("ValueName", value) if self._value is None else name_of(self._value)
        self.budget = budget if self._method is None else budget_of(self._method)[1]

    def with_result(self, result: Attribution) -> Given:
        """What a result was made from, as far as it still knows: a text alone where it was loaded from a file."""
        made = None if result.game is None else result.game.input
        text = "".join(piece.text for piece in result.pieces)
        given = Given(text if made is None or is_plain(made) else made, result.target, result.against, self._tokenizer)
        given._method, given._value = self._method, self._value
        return given

    def field_texts(self) -> tuple[FieldText, ...] | None:
        """The prompt's fields as the wire carries them; None for a text."""
        return (
            None if self.plain else tuple(FieldText(one.text, one.label, one.fixed, one.repeats) for one in self.fields)
        )

    def picture(self) -> Picture | None:
        """The prompt's image, where it has one: shown before there are numbers about it."""
        return getattr(self._prompt, "picture", None) if self._image is None else self._image.picture()

    @property
    def plain(self) -> bool:
        """Whether the prompt is a text, and nothing else."""
        return isinstance(self._prompt, str) and self._image is None

    @property
    def prompt_text(self) -> str:
        """The prompt as one text."""
        return joined(self.fields)

    def texts(self, prompt: str, texts: Sequence[str] | None = None) -> tuple[str, ...]:
        """The text of each of the prompt's fields, for an edited prompt.

        texts: those, where they are known; of another prompt they do not count. Raises InputError for a prompt that
        this one cannot be made by editing its fields.
        """
        known = texts is not None and "".join(texts) == prompt and fits(self.fields, texts)
        return tuple(texts) if known and texts is not None else texts_in(self.fields, prompt)

    def edited(self, settings: Settings) -> Settings:
        """The settings with the texts of the prompt's fields, where it is more than a text. Raises as `texts`."""
        texts = self.texts(settings.prompt, settings.texts)
        return replace(settings, texts=None if self.plain else texts)

    def prompt(self, settings: Settings) -> PromptLike:
        """What to explain: what was given, or the same kind of it with other texts; with the image, where there is one.

        Raises as `texts`, and what the kind of prompt raises for a text that it cannot have.
        """
        texts, prompt = self.texts(settings.prompt, settings.texts), self._prompt
        if list(texts) != [one.text for one in self.fields]:
            prompt = rewritten(prompt, texts) if self._image is None else rewritten_about(prompt, texts)
        return prompt if self._image is None else self._image.with_prompt(prompt, settings.granularity)

    def explained(self, settings: Settings) -> PromptLike:
        """The prompt with its baseline and with what is locked. Raises as `prompt`, and for locks of another prompt."""
        prompt = self.prompt(settings)
        if not (settings.baseline or settings.locked_stretches or settings.locked_segments):
            return prompt
        made = rebased(make_input(self._tokenizer, prompt, granularity=settings.granularity), settings.baseline)
        return locked_segments(locked_in(made, settings.locked_stretches), settings.locked_segments)

    def has_pieces(self, text: str, settings: Settings) -> bool:
        """Whether the text is that of the pieces of these settings' prompt: of a chat it has the template's, too."""
        try:
            made = make_input(self._tokenizer, self.prompt(settings), granularity=settings.granularity)
        except InputError:
            return False
        return text == "".join(piece.text for piece in made.pieces)

    def target(self, text: str | None) -> TargetLike | None:
        return self._targets.get(text, text)

    def method(self, name: str, budget: int | None) -> tuple[MethodLike, int | None]:
        """The method of that name with that budget, as `attribute` takes the two."""
        if self._method is None or name != method_name_of(self._method):
            return name, budget
        return with_budget(self._method, budget), None

    def value(self, name: str) -> ValueLike:
        return cast(Any, name) if self._value is None or name != name_of(self._value) else self._value

    def choices(self, choices: Choices, granularity: Granularity) -> Choices:
        """What the menus offer, with what was given in Python and is not among it.

        granularity: as it is set. A prompt that was given cut has the parts it has, whatever that is: they are the one
        choice then, under its name.
        """
        methods, values, levels = choices.methods, choices.values, choices.granularities
        if self._is_cut:
            units = units_of(cast("Input", self._prompt))
            label = units if units.isidentifier() else "as given"
            levels = (Choice(granularity, label, f"The prompt's parts as they were given in Python: {units}."),)
        if self._method is not None and method_name_of(self._method) == CUSTOM:
            methods = (*methods, Choice(CUSTOM, self._method.label, "The method given in Python."))
        if self._value is not None and name_of(self._value) == CUSTOM:
            values = (*values, Choice(CUSTOM, self._value.label, "The function given in Python."))
        return replace(choices, methods=methods, values=values, granularities=levels)

    @property
    def _is_cut(self) -> bool:
        """Whether the prompt has parts of its own, which no granularity changes."""
        given = self._prompt
        is_cut = self._image is None and not (isinstance(given, str) or is_chat(given))
        return is_cut and units_of(cast("Input", given)) != UNNAMED


def method_name_of(method: Method | GradientMethod) -> str:
    """The name of one of the package's own methods; "custom" for others."""
    entry = METHODS.get(method.name)
    return method.name if entry is not None and type(method) is entry.kind else CUSTOM


def name_of(value: Value) -> ValueName:
    """The name of one of the package's own value functions; "custom" for others."""
    for name, kind in VALUES:
        if type(value) is kind:
            return name
    return CUSTOM


def _kept(prompt: PromptLike, tokenizer: Any) -> PromptLike:
    """A text or chat messages as they are, for they are cut anew at each granularity; anything else as an Input."""
    return prompt if isinstance(prompt, str) or is_chat(prompt) else make_input(tokenizer, prompt)


def _target_text(target: TargetLike | None, tokenizer: Any) -> str | None:
    if target is None or isinstance(target, str):
        return target
    return make_target(tokenizer_of(tokenizer), target).text
