"""An image prompt on a straight line: its words' tokens in fixed places, its pixel values from baseline to picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked
from llm_attr_widget.inputs.changed.replaced import owners_of, stand_in_words, with_stand_in
from llm_attr_widget.inputs.changed.whole import OfWhole
from llm_attr_widget.inputs.image.segmentation import Segmentation
from llm_attr_widget.inputs.text.tokens import neutral_token
from llm_attr_widget.picture import Picture
from llm_attr_widget.types import Coalitions, ImageDifferences, Input, Piece, Prompt, Tokenizer

_NAME = "pixel_values"


class Drawn(Input, Protocol):
    """An ImageInput as far as it matters here, its baseline drawn."""

    @property
    def segmentation(self) -> Segmentation: ...

    @property
    def picture(self) -> Picture: ...

    @property
    def fill_words(self) -> str: ...

    @property
    def expanded_pieces(self) -> tuple[Piece, ...]: ...

    def without_each_region(self) -> Iterator[tuple[tuple[int, ...], Mapping[str, Any]]]: ...


@dataclass(frozen=True, slots=True)
class ImageInPlace(OfWhole):
    """The features of an ImageInput: segments as there, one neutral token in place of each token of an absent word.

    owners: the feature of each segment, then of each of the prompt's tokens.
    Raises InputError for an image whose baseline is drawn at random or whose pixel values are on no line with it, and
    where features of the text cannot be found again in the prompt's tokens.
    """

    whole: Drawn
    tokenizer: Tokenizer = field(repr=False)
    owners: tuple[int | None, ...] = field(init=False, repr=False)
    baseline: str = field(init=False, repr=False)
    _ids: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _stand_in: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        whole, tokenizer = self.whole, self.tokenizer
        if whole.random:
            raise InputError(
                "A straight line needs one baseline, but this image's is drawn anew: use whole.drawn(rng)."
            )
        segments = len(whole.segmentation.names)
        prompt, other = self._ends()
        if segments:
            _check_line(prompt.extras or {}, other.extras or {})
        told = [whole.fill_words] if segments else []
        tokens: tuple[int | None, ...] = (None,) * len(prompt.ids)
        stand_in = 0
        if len(whole.features) > segments:
            stand_in, name = neutral_token(tokenizer)
            told.append(stand_in_words(tokenizer, stand_in, name))
            tokens = owners_of(whole.expanded_pieces, tokenizer, prompt.ids)
        for key, value in {
            "owners": (*range(segments), *tokens),
            "baseline": "; ".join(told),
            "_ids": np.array(prompt.ids, dtype=np.int64),
            "_stand_in": stand_in,
        }.items():
            object.__setattr__(self, key, value)

    @property
    def picture(self) -> Picture:
        return self.whole.picture

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """The whole prompt's ids, absent words' tokens replaced, with the image as of ImageInput. Draws nothing."""
        rows = checked(coalitions, len(self.features))
        segments = len(self.whole.segmentation.names)
        shown = rows.copy()
        shown[:, segments:] = True
        ids = with_stand_in(self._ids, self.owners[segments:], rows, self._stand_in)
        prompts = self.whole.render(shown, rng)
        return [Prompt(tuple(row), prompt.extras, prompt.extras_key) for row, prompt in zip(ids, prompts, strict=True)]

    def _ends(self) -> list[Prompt]:
        """The whole prompt, and the one whose picture is all baseline."""
        rows = np.ones((2, len(self.features)), dtype=bool)
        rows[1, : len(self.whole.segmentation.names)] = False
        return self.whole.render(rows, np.random.default_rng(0))

    def image_differences(self) -> ImageDifferences | None:
        """What each segment changes in the processor's pixel values, all else present. None without segments.

        Where segments overlap, a pixel is present while all that cover it are. On pixel values, which resizing and
        normalising make of pixels linearly, such a game's Shapley values give each segment an equal part of what the
        pixels that they share change. Up to rounding and clipping, the segments' differences add up to the picture's.
        Cost: one image through the processor for each region of the picture: for each segment, where none overlap.
        Raises InputError where the processor's output changes in other ways than along a line.
        """
        segments = len(self.whole.segmentation.names)
        if not segments:
            return None
        full = self._ends()[0].extras or {}
        whole = np.asarray(full[_NAME])
        found: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = {n: [] for n in range(segments)}
        for members, without in self.whole.without_each_region():
            _check_line(full, without)
            change = (whole - np.asarray(without[_NAME])).ravel()
            at = np.flatnonzero(change)
            for segment in members:
                found[segment].append((at.astype(np.int64), (change[at] / len(members)).astype(np.float32)))
        of = [np.full(len(at), segment) for segment, parts in found.items() for at, _ in parts]
        parts = [part for segment in found.values() for part in segment]
        return ImageDifferences(
            _NAME,
            segments,
            np.concatenate([np.empty(0, dtype=np.int64), *of]),
            np.concatenate([np.empty(0, dtype=np.int64), *(at for at, _ in parts)]),
            np.concatenate([np.empty(0, dtype=np.float32), *(by for _, by in parts)]),
        )


def _check_line(full: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Raises InputError unless the two have pixel values of one shape, and all else alike."""
    pixels, others = (np.asarray(extras.get(_NAME, 0)) for extras in (full, other))
    if not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(
            f"Gradient methods need pixel values as real numbers, but the processor gives {pixels.dtype} as {_NAME}. "
            "Use a coalition method, such as 'shapley'."
        )
    if pixels.shape != others.shape:
        raise InputError(
            f"Gradient methods need pixel values of one shape, but the processor makes {pixels.shape} of the picture "
            f"and {others.shape} where segments are absent. Use a coalition method, such as 'shapley'."
        )
    changed = [name for name in other if name != _NAME and not _equal(full.get(name), other[name])]
    if changed:
        raise InputError(
            f"Gradient methods go along {_NAME} alone, but {', '.join(changed)} change with the picture, too. "
            "Use a coalition method, such as 'shapley'."
        )


def _equal(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))
