"""A prompt with other words in the place of some features' texts: for asking what if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked, feature_texts, new_words, reworded_pieces
from llm_attr_widget.tokens import encode
from llm_attr_widget.types import Coalitions, Input, Piece, Prompt, Tokenizer


def reworded(prompt: Input, words: Mapping[int, str]) -> Input:
    """The same prompt, its features numbered as before, with `words` in the place of these features' texts.

    The whitespace that a feature's text begins with stays before its new words. Special tokens written in the words are
    encoded as such. Raises InputError for a kind of prompt whose words cannot be changed, and for unknown features.
    """
    outside = [feature for feature in words if not 0 <= feature < len(prompt.features)]
    if outside:
        raise InputError(f"Expected features in range({len(prompt.features)}) to reword, got {outside[0]}.")
    own = getattr(prompt, "reworded", None)
    if own is None:
        raise InputError(
            f"The words of a {type(prompt).__name__} cannot be replaced: it has no `reworded`. "
            "Leave parts out instead, or change the prompt and run again."
        )
    return own(words)


@dataclass(frozen=True, slots=True)
class RewordedTokens:
    """A prompt of tokens with the tokens of other words in the place of some of them.

    whole: what is reworded: one piece for each of `ids`. stand_in: the token in place of absent ones, None for none.
    """

    whole: Input
    tokenizer: Tokenizer = field(repr=False)
    ids: tuple[int, ...] = field(repr=False)
    stand_in: int | None
    words: Mapping[int, str]
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pieces = reworded_pieces(self.whole.pieces, self.words)
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "features", feature_texts(pieces))

    @property
    def baseline(self) -> str:
        return self.whole.baseline

    @property
    def units(self) -> str:
        """In words, what the features are."""
        return "token"

    @property
    def random(self) -> bool:
        return False

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """Token ids as TokenInput renders them, the new words' in their places. Draws nothing."""
        del rng
        rows = checked(coalitions, len(self.features))
        absent = () if self.stand_in is None else (self.stand_in,)
        units = [
            (piece.feature, self._ids(piece, token)) for piece, token in zip(self.whole.pieces, self.ids, strict=True)
        ]
        return [
            Prompt(tuple(i for owner, ids in units for i in (ids if owner is None or row[owner] else absent)))
            for row in rows
        ]

    def _ids(self, piece: Piece, token: int) -> tuple[int, ...]:
        if piece.feature is None or piece.feature not in self.words:
            return (token,)
        text = new_words(piece.text, piece.feature, self.words)
        return encode(self.tokenizer, [text], add_special_tokens=False)[0]
