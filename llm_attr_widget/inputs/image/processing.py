"""What a processor makes of a text and an image: token ids, the image's among them, and pixel values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.tokens import begins_itself, decode, encode

if TYPE_CHECKING:
    from PIL import Image

Extras: TypeAlias = Mapping[str, Any]
"""Arguments of the model's forward by name: arrays or tensors."""

# Entries for each token: they belong to the text, all else that a processor returns to the image.
_PER_TOKEN = ("token_type_ids", "mm_token_type_ids")
_IDS = ("input_ids", "attention_mask")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as the model reads it. extras: one entry per token, `(1, tokens)`."""

    ids: tuple[int, ...]
    extras: Extras


@dataclass(frozen=True, slots=True)
class Processing:
    """One processor, for texts about one image and for that image with parts of it replaced.

    processor: an AutoProcessor with a tokenizer, an image processor and a placeholder for images.
    whole: the whole prompt's text, with one placeholder. image: RGB; all images must have its size.
    special: whether the tokenizer adds its special tokens: not where the text has them already.

    Texts are encoded as the processor does it: its placeholder is replaced by the image's tokens, in text, before the
    tokenizer sees it. This is tried on the whole prompt; where ids or entries per token differ from what the
    processor itself returns, each text goes through the processor, image and all.
    Raises InputError for a processor that cannot read the two.
    """

    processor: Any = field(repr=False)
    whole: str
    image: Image.Image = field(repr=False)
    placeholder: str = field(init=False)
    special: bool = field(init=False)
    _expansion: str | None = field(init=False, repr=False)
    _entries: Mapping[str, Mapping[int, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tokenizer = self.processor.tokenizer
        object.__setattr__(self, "placeholder", placeholder_in(self.processor, self.whole))
        object.__setattr__(self, "special", not begins_itself(tokenizer, self.whole))
        truth = self._by_processor(self.whole)
        alone = self._called([self.placeholder], [self.image], special=False)["input_ids"][0]
        expansion = decode(tokenizer, alone)
        entries = {name: _entries_by_id(truth.ids, row[0]) for name, row in truth.extras.items()}
        object.__setattr__(self, "_expansion", expansion)
        object.__setattr__(self, "_entries", entries)
        tried = self.encoded([self.whole])[0]
        same_entries = all(np.array_equal(tried.extras[name], row) for name, row in truth.extras.items())
        if tried.ids != truth.ids or not same_entries:
            object.__setattr__(self, "_expansion", None)

    def encoded(self, texts: Sequence[str]) -> list[Encoded]:
        """Each text with the image's tokens in place of its placeholder.

        Raises InputError for a text without a placeholder, or with several.
        """
        distinct = list(dict.fromkeys(texts))
        for text in distinct:
            self._check_placeholder(text)
        if self._expansion is None:
            by_text = {text: self._by_processor(text) for text in distinct}
        else:
            rows = encode(
                self.processor.tokenizer, [self.expanded(text) for text in distinct], add_special_tokens=self.special
            )
            by_text = {text: Encoded(ids, self._extras(ids)) for text, ids in zip(distinct, rows, strict=True)}
        return [by_text[text] for text in texts]

    def expanded(self, text: str) -> str:
        """The text with the image's tokens in place of its placeholder, where the processor has no other rules."""
        return text if self._expansion is None else text.replace(self.placeholder, self._expansion)

    def pixels(self, images: Sequence[Image.Image]) -> list[Extras]:
        """What the model takes for each of the images, all of them in one call of the processor."""
        returned = self._called([self.placeholder] * len(images), images, special=False)
        given = {name: value for name, value in returned.items() if name not in (*_IDS, *_PER_TOKEN)}
        if any(name.startswith("cross_attention") for name in given):
            raise InputError(
                f"{type(self.processor).__name__} makes a cross-attention mask for each text, which is not supported. "
                "Use a model whose image becomes tokens of the prompt, such as LLaVA, Qwen2-VL, Gemma 3 or Idefics3."
            )
        return [{name: _share(value, row, len(images)) for name, value in given.items()} for row in range(len(images))]

    def _extras(self, ids: tuple[int, ...]) -> Extras:
        # A token that the whole prompt does not have is one of the text's, whose entry is 0.
        return {
            name: np.array([[by_id.get(i, 0) for i in ids]], dtype=np.int64) for name, by_id in self._entries.items()
        }

    def _by_processor(self, text: str) -> Encoded:
        self._check_placeholder(text)
        returned = self._called([text], [self.image], special=self.special)
        ids = tuple(int(i) for i in returned["input_ids"][0])
        return Encoded(ids, {name: np.asarray(returned[name]) for name in _PER_TOKEN if name in returned})

    def _called(self, texts: Sequence[str], images: Sequence[Image.Image], *, special: bool) -> Mapping[str, Any]:
        call = cast("Callable[..., Mapping[str, Any]]", self.processor)
        try:
            return call(
                text=list(texts),
                images=[[image] for image in images],
                return_tensors="pt",
                add_special_tokens=special,
            )
        except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
            raise InputError(
                f"{type(self.processor).__name__} cannot read the prompt with its image "
                f"({self.image.width} × {self.image.height}): {error}. Give the processor that belongs to the model."
            ) from error

    def _check_placeholder(self, text: str) -> None:
        if text.count(self.placeholder) != 1:
            raise InputError(
                f"Expected the prompt to show its image once, as {self.placeholder!r}, but it is there "
                f"{text.count(self.placeholder)} times: {text!r:.200}. Give one image part, and lock it if it can go."
            )


def check_processor(processor: Any) -> None:
    """Raises InputError for what has no tokenizer and image processor."""
    if getattr(processor, "tokenizer", None) is None or getattr(processor, "image_processor", None) is None:
        raise InputError(
            f"Expected the model's processor (AutoProcessor.from_pretrained), with a tokenizer and an image processor, "
            f"got {type(processor).__name__}."
        )


def placeholder_in(processor: Any, text: str) -> str:
    """What stands for the image in a processor's texts. Raises InputError where there is none in this one."""
    named = [getattr(processor, name, None) for name in ("image_token", "boi_token")]
    known = [str(getattr(token, "content", token)) for token in named if token]
    found = next((token for token in known if token in text), None)
    if found is None:
        raise InputError(
            f"Expected the prompt to show where its image is ({' or '.join(map(repr, known)) or 'unknown'}), but its "
            f"text is {text!r:.200}. Give chat messages with a part {{'type': 'image'}}, or write the placeholder."
        )
    return found


def _entries_by_id(ids: Sequence[int], row: Any) -> dict[int, int]:
    return {token: int(entry) for token, entry in zip(ids, row, strict=True)}


def _share(value: Any, row: int, count: int) -> Any:
    """One image's part of what was returned for `count` images of equal size."""
    if not hasattr(value, "shape"):
        return value
    size = value.shape[0] // count
    return value[row * size : (row + 1) * size]
