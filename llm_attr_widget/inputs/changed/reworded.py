"""A prompt with other words in the place of some features' texts: for asking what if."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked, feature_texts
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.spans import Part, TextInput
from llm_attr_widget.inputs.text.tokens import TokenInput
from llm_attr_widget.types import Coalitions, Input, Piece, Prompt

Kind = TypeVar("Kind")


def reworded(prompt: Input, words: Mapping[int, str]) -> Input:
    """The same prompt, its features numbered as before, with `words` in the place of these features' texts.

    The whitespace that a feature's text begins with stays before its new words. Special tokens written in the words are
    encoded as such. Raises InputError for a kind of prompt whose words cannot be changed, and for unknown features.
    """
    outside = [feature for feature in words if not 0 <= feature < len(prompt.features)]
    if outside:
        raise InputError(f"Expected features in range({len(prompt.features)}) to reword, got {outside[0]}.")
    if isinstance(prompt, TextInput):
        return _with(prompt, _pieces(prompt.pieces, words), {"_parts": _parts(prompt._parts, words)})  # pyright: ignore[reportPrivateUsage]
    if isinstance(prompt, ChatInput):
        filled = tuple(_parts(parts, words) for parts in prompt._filled)  # pyright: ignore[reportPrivateUsage]
        return _with(prompt, _pieces(prompt.pieces, words), {"_filled": filled})
    if isinstance(prompt, TokenInput):
        return RewordedTokens(prompt, words)
    raise InputError(
        f"Words can be replaced in texts, tokens and chats, not in {type(prompt).__name__}. "
        "Leave parts out instead, or change the prompt and run again."
    )


@dataclass(frozen=True, slots=True)
class RewordedTokens:
    """A TokenInput with the tokens of other words in the place of some of its tokens."""

    whole: TokenInput
    words: Mapping[int, str]
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pieces = _pieces(self.whole.pieces, self.words)
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "features", feature_texts(pieces))

    @property
    def baseline(self) -> str:
        return self.whole.baseline

    @property
    def random(self) -> bool:
        return False

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """Token ids as TokenInput renders them, the new words' in their places. Draws nothing."""
        del rng
        rows = checked(coalitions, len(self.features))
        stand_in = self.whole._stand_in  # pyright: ignore[reportPrivateUsage]
        absent = () if stand_in is None else (stand_in,)
        units = [
            (piece.feature, self._ids(piece, token))
            for piece, token in zip(self.whole.pieces, self.whole._ids, strict=True)  # pyright: ignore[reportPrivateUsage]
        ]
        return [
            Prompt(tuple(i for owner, ids in units for i in (ids if owner is None or row[owner] else absent)))
            for row in rows
        ]

    def _ids(self, piece: Piece, token: int) -> tuple[int, ...]:
        if piece.feature is None or piece.feature not in self.words:
            return (token,)
        text = _new(piece.text, piece.feature, self.words)
        return tuple(int(i) for i in self.whole.tokenizer(text, add_special_tokens=False)["input_ids"])


def _with(prompt: Kind, pieces: tuple[Piece, ...], parts: Mapping[str, object]) -> Kind:
    """A copy whose texts differ: made anew, its features would be cut anew."""
    made = copy.copy(prompt)
    for name, value in {"pieces": pieces, "features": feature_texts(pieces), **parts}.items():
        object.__setattr__(made, name, value)
    return made


def _pieces(pieces: Sequence[Piece], words: Mapping[int, str]) -> tuple[Piece, ...]:
    return tuple(replace(piece, text=_new(piece.text, piece.feature, words)) for piece in pieces)


def _parts(parts: Sequence[Part], words: Mapping[int, str]) -> tuple[Part, ...]:
    return tuple(
        replace(part, text=_new(part.text, part.feature, words), bare=_new(part.bare, part.feature, words))
        for part in parts
    )


def _new(text: str, feature: int | None, words: Mapping[int, str]) -> str:
    """The feature's new words, after the whitespace that the old ones had before them; other texts as they are."""
    if feature is None or feature not in words:
        return text
    return text[: len(text) - len(text.lstrip())] + words[feature].lstrip()
