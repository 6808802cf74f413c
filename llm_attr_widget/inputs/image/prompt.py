"""A prompt about an image: segments of the image, parts of the text, or both in one game."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked
from llm_attr_widget.inputs.changed.image_in_place import ImageInPlace
from llm_attr_widget.inputs.changed.locked import HeldInput, holding
from llm_attr_widget.inputs.changed.reworded import reworded
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.image.blending import LARGE, Blend, Weights, blend, weights_of
from llm_attr_widget.inputs.image.fills import Baseline, Fill, Painted, make_fill
from llm_attr_widget.inputs.image.ground import Ground
from llm_attr_widget.inputs.image.processing import Extras, Processing, check_processor
from llm_attr_widget.inputs.image.quadtree import quadtree
from llm_attr_widget.inputs.image.reading import ImageLike, read_image
from llm_attr_widget.inputs.image.segmentation import Segmentation, Segments, make_segmenter, split
from llm_attr_widget.inputs.image.words import (
    FixedWords,
    PromptLike,
    Words,
    asked,
    check_one_image,
    fields_about,
    rewritten_about,
    shows_image,
)
from llm_attr_widget.inputs.members import tree_of
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.conversation import Conversation, check
from llm_attr_widget.inputs.text.cutting import Tree
from llm_attr_widget.inputs.text.spans import Cut, TextInput
from llm_attr_widget.picture import Picture
from llm_attr_widget.types import Coalitions, Input, Piece, Prompt, Tokenizer

_AT_ONCE = 1 << 26
"""So many bytes of perturbed images are made before they go through the processor together."""


@dataclass(frozen=True, slots=True)
class ImageInput:
    """Features are segments of an image, numbered first, and parts of the text about it.

    processor: the model's own (AutoProcessor). image: a PIL image, an array or a path, made upright RGB (`read_image`).
    prompt: a question, which becomes the user's turn after the image; chat messages with one part of type "image"; a
        text with the processor's placeholder in it; or a ChatInput made with the processor, for all that it offers.
    segments: of the image (`make_segmenter`): n (an n × n grid), (rows, columns), "slic", a label map, masks, boxes;
        None: the image is always whole. Where segments overlap, a pixel is present while all that cover it are.
    baseline_image: what absent segments show (`make_fill`): a colour, "mean", "blur", "noise" or `Painted`.
    granularity: how the text is cut into features, as of ChatInput; None: the text is always whole.
    baseline_text: what stands in for an absent feature of the text, as of TextInput.

    Raises InputError for an image, segments or a prompt that cannot be used, and for an input without features.
    Cost of `render`: one image through the processor per distinct set of visible regions, one encoding per distinct
    text. Prompts whose images are equal have equal `extras_key`, so that a model can read such an image once. A photo
    of more than a megapixel goes through the processor a few times and no more, where that scales all images to one
    size: what it makes of a coalition is mixed at that size (see `blending`).
    """

    processor: Any = field(repr=False)
    image: ImageLike = field(repr=False)
    prompt: PromptLike
    _: KW_ONLY
    segments: Segments | None = 4
    baseline_image: Baseline = "mean"
    granularity: Cut | Literal["turn"] | None = None
    baseline_text: str = ""
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)
    baseline: str = field(init=False, repr=False)
    picture: Picture = field(init=False, repr=False)
    segmentation: Segmentation = field(init=False, repr=False)
    _words: Words = field(init=False, repr=False)
    _fill: Fill = field(init=False, repr=False)
    _ground: Ground | None = field(init=False, repr=False)
    _processing: Processing = field(init=False, repr=False)
    _covers: NDArray[np.bool_] = field(init=False, repr=False)
    _whole: Extras = field(init=False, repr=False)
    _weights: Weights | None = field(init=False, repr=False)
    _blend: Blend | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_processor(self.processor)
        image = read_image(self.image)
        pixels = np.asarray(image)
        segmentation = segmented(pixels, self.segments)
        words, fill = self._made_words(), make_fill(self.baseline_image)
        first = len(segmentation.names)
        features = (*segmentation.names, *words.features)
        if not features:
            raise InputError(
                "Expected features, but both segments and granularity are None. Give segments for the image, "
                "a granularity for the text, or both."
            )
        covers = np.zeros((len(segmentation.members), first), dtype=bool)
        for region, members in enumerate(segmentation.members):
            covers[region, list(members)] = True
        picture = Picture(pixels, segmentation.regions, segmentation.members)
        text = words.texts(np.ones((1, len(words.features)), dtype=bool))[0]
        ground = None if fill.random else Ground(picture, fill.pixels(pixels, np.random.default_rng(0)))
        processing = Processing(self.processor, text, image)
        large = pixels.shape[0] * pixels.shape[1] >= LARGE and first > 0
        whole = processing.pixels([image])[0] if large else {}
        weights = weights_of(processing, picture, whole) if large else None
        for name, value in {
            "pieces": tuple(
                piece if piece.feature is None else replace(piece, feature=piece.feature + first)
                for piece in words.pieces
            ),
            "features": features,
            "baseline": _in_words(segmentation, fill, words),
            "picture": picture,
            "segmentation": segmentation,
            "_words": words,
            "_fill": fill,
            "_ground": ground,
            "_processing": processing,
            "_covers": covers,
            "_whole": whole,
            "_weights": weights,
            "_blend": weights and ground and blend(processing, weights, whole, ground),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def units(self) -> str:
        """In words, what the features are."""
        told = [self.segmentation.about] if self.segmentation.names else []
        if self._words.features:
            told.append(f"text by {self._words.units}")
        return "; ".join(told)

    @property
    def divisible(self) -> tuple[int, ...]:
        """Segments that `split` can make finer: boxes of more than a pixel.

        Raises InputError where segments are no boxes.
        """
        split(self.segmentation, ())
        boxes = self.segmentation.boxes or ()
        return tuple(i for i, (left, top, right, low) in enumerate(boxes) if max(right - left, low - top) > 1)

    def split(self, segments: Collection[int]) -> ImageInput:
        """The same input with the boxes of these segments split in four: one step down a quad-tree.

        Raises InputError where segments are no boxes.
        """
        return replace(self, segments=split(self.segmentation, segments))

    def tree(self) -> Tree:
        """Features in nested groups, as hierarchical methods take: quarters of the image and theirs; the text's own."""
        words, first = self._words, len(self.segmentation.names)
        told = tree_of(words)
        sides = [side for side in (quadtree(self.segmentation), _numbered_from(first, told)) if side]
        return sides[0] if len(sides) == 1 else tuple(side[0] if len(side) == 1 else side for side in sides)

    def holding(self, features: Collection[int]) -> Input:
        """The same input with these features of its text locked, too; with segments among them, a HeldInput."""
        words, first = self._words, len(self.segmentation.names)
        if min(features) < first:
            return HeldInput(self, frozenset(features))
        held: Any = holding(words, [feature - first for feature in features])
        return replace(self, prompt=held, granularity=None, baseline_text="")

    @property
    def fields(self) -> tuple[Field, ...]:
        """Those of the text about the image, the image among them fixed."""
        return fields_about(self.processor, self.prompt)

    def rewritten(self, texts: Sequence[str]) -> ImageInput:
        """The same image with these texts about it."""
        return replace(self, prompt=rewritten_about(self.prompt, texts))

    def reworded(self, words: Mapping[int, str]) -> ImageInput:
        """The same input with other words in the place of these features of its text.

        Raises InputError for a segment of the image, which has no words.
        """
        first = len(self.segmentation.names)
        if min(words) < first:
            raise InputError(
                f"Expected features of the text to reword, got {self.features[min(words)]!r}, a part of the image. "
                "Leave it out instead."
            )
        told: Any = reworded(self._words, {feature - first: text for feature, text in words.items()})
        return replace(self, prompt=told, granularity=None, baseline_text="")

    def in_place(self, tokenizer: Tokenizer, rng: np.random.Generator) -> tuple[ImageInPlace, tuple[int | None, ...]]:
        """This input on a straight line of pixel values, a drawn baseline drawn once, and its `owners`."""
        placed = ImageInPlace(self.drawn(rng), tokenizer)
        return placed, placed.owners

    @property
    def random(self) -> bool:
        """Whether absent segments show noise, drawn once per call of `render` and shared by all its coalitions."""
        return self._fill.random and self.segments is not None

    @property
    def fill_words(self) -> str:
        """In words, what absent segments show."""
        return f"segments {self._fill.words}"

    @property
    def expanded_pieces(self) -> tuple[Piece, ...]:
        """The pieces with the image's own tokens in place of the placeholder, as the model reads them."""
        expand = self._processing.expanded
        return tuple(replace(piece, text=expand(piece.text)) for piece in self.pieces)

    def drawn(self, rng: np.random.Generator) -> ImageInput:
        """The same input with its baseline drawn once and for all; itself where nothing is drawn."""
        if not self.random:
            return self
        pixels = self._fill.pixels(self.picture.pixels, rng)
        return replace(
            self, baseline_image=Painted(pixels, f"{self._fill.words.removesuffix(', drawn anew')}, drawn once")
        )

    def without_each_region(self) -> Iterator[tuple[tuple[int, ...], Extras]]:
        """For each region that can change, the segments that cover it, and what the model takes as the image without.

        Raises InputError for a baseline that is drawn. Cost: one image through the processor for each.
        """
        ground = self._ground
        if ground is None:
            raise InputError("Expected one baseline for the image, but it is drawn anew: use `drawn`.")
        regions = [r for r, members in enumerate(self.picture.members) if members and ground.changed[r]]
        visible = [np.arange(len(self.picture.members)) != region for region in regions]
        for region, extras in zip(regions, self._pixel_extras(visible, ground), strict=True):
            yield self.picture.members[region], extras

    def seen(self, present: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8]:
        """`(height, width, 3)`: the image with what absent segments show. present: `(features,)`."""
        ground = self._ground or Ground(self.picture, self._fill.pixels(self.picture.pixels, rng))
        (visible,) = self._visible(present[None, : len(self.segmentation.names)], ground)
        return np.asarray(ground.shown(visible))

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """Token ids with the image's own, and what the model takes as the image (pixel values and the like)."""
        rows = checked(coalitions, len(self.features))
        first = len(self.segmentation.names)
        encoded = self._processing.encoded(self._words.texts(rows[:, first:]))
        ground = self._ground or Ground(self.picture, self._fill.pixels(self.picture.pixels, rng))
        visible = self._visible(rows[:, :first], ground)
        keys = [f"{ground.name}/{row.tobytes().hex()}" for row in np.packbits(visible, axis=1)]
        distinct = dict(zip(keys, visible, strict=True))
        made = dict(zip(distinct, self._pixel_extras(list(distinct.values()), ground), strict=True))
        return [Prompt(text.ids, {**made[key], **text.extras}, key) for text, key in zip(encoded, keys, strict=True)]

    def _visible(self, rows: Coalitions, ground: Ground) -> NDArray[np.bool_]:
        """`(coalitions, regions)`: where the image itself is shown, or its baseline looks the same."""
        hidden = (~rows).astype(np.int32) @ self._covers.T.astype(np.int32) > 0
        return ~(hidden & ground.changed)

    def _pixel_extras(self, visible: Sequence[NDArray[np.bool_]], ground: Ground) -> Iterator[Extras]:
        mixed = self._blend
        if ground is not self._ground and self._weights is not None:
            mixed = blend(self._processing, self._weights, self._whole, ground)
        if mixed is not None:
            yield from mixed.pixels(visible)
            return
        step = max(1, min(32, _AT_ONCE // self.picture.pixels.nbytes))
        for start in range(0, len(visible), step):
            yield from self._processing.pixels([ground.shown(row) for row in visible[start : start + step]])

    def _made_words(self) -> Words:
        prompt = self.prompt
        if isinstance(prompt, ChatInput | TextInput):
            if self.granularity is not None or self.baseline_text:
                raise InputError(
                    f"The {type(prompt).__name__} given as the prompt has its own granularity and baseline: give "
                    "them there, not to ImageInput."
                )
            return prompt
        if isinstance(prompt, str) and shows_image(self.processor, prompt):
            if self.granularity is None:
                return FixedWords(prompt)
            if self.granularity == "turn":
                raise InputError("Expected a granularity of text, got 'turn': a text has no turns. Give messages.")
            return TextInput(
                self.processor.tokenizer, prompt, granularity=self.granularity, baseline_text=self.baseline_text
            )
        messages = asked(prompt) if isinstance(prompt, str) else prompt
        check(messages, ())
        check_one_image(messages)
        if self.granularity is None:
            conversation = Conversation(self.processor, messages, (), {"add_generation_prompt": True})
            return FixedWords(conversation.rendered([slot.text for slot in conversation.slots]))
        return ChatInput(self.processor, messages, granularity=self.granularity, baseline_text=self.baseline_text)


def segmented(pixels: NDArray[np.uint8], segments: Segments | None) -> Segmentation:
    """The image in its segments; None: all of it is always present.

    Raises InputError for segments that cannot be used.
    """
    if segments is None:
        return Segmentation(np.zeros(pixels.shape[:2], dtype=np.int32), ((),), (), "")
    return make_segmenter(segments).segment(pixels)


def _numbered_from(first: int, groups: Tree) -> Tree:
    """The same groups of features with numbers higher by `first`."""
    return tuple(first + node if isinstance(node, int) else _numbered_from(first, node) for node in groups)


def _in_words(segmentation: Segmentation, fill: Fill, words: Words) -> str:
    told = [f"segments {fill.words}"] if segmentation.names else []
    if words.features:
        told.append(f"text {words.baseline}" if told else words.baseline)
    return "; ".join(told)
