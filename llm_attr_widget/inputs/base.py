"""What inputs share: checks of coalitions, which features are locked, and other words in their place."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.types import Coalitions, Piece

Locked: TypeAlias = "re.Pattern[str] | Collection[int]"
"""Units that are always present: those a pattern is found in, or those at these positions."""


Kind = TypeVar("Kind")


def checked(coalitions: Coalitions, features: int) -> Coalitions:
    """The coalitions as a bool array. Raises InputError unless they are `(coalitions, features)`."""
    array = np.asarray(coalitions)
    if array.ndim != 2 or array.shape[1] != features or array.dtype != np.bool_:
        raise InputError(
            f"Expected coalitions as a bool array of shape (coalitions, {features}), "
            f"got {array.dtype} of shape {array.shape}. One column per feature, True where it is present."
        )
    return array


def lock(texts: Sequence[str], perturbable: Sequence[bool], locked: Locked) -> tuple[Piece, ...]:
    """Pieces of these units, in order: those that may be absent and are not locked become features.

    locked: positions count the perturbable units alone. Raises InputError when no feature is left.
    """
    count = sum(perturbable)
    if not isinstance(locked, re.Pattern):
        outside = [i for i in locked if not 0 <= i < count]
        if outside:
            raise InputError(f"Expected positions of locked units in range({count}), got {outside[0]}.")
    pieces: list[Piece] = []
    unit = feature = 0
    for text, may_go in zip(texts, perturbable, strict=True):
        stays = not may_go or (bool(locked.search(text)) if isinstance(locked, re.Pattern) else unit in locked)
        pieces.append(Piece(text, None if stays else feature))
        unit += may_go
        feature += not stays
    if feature == 0:
        raise InputError(
            f"Expected a prompt with at least one feature, got {''.join(texts)[:60]!r} with {count} units, "
            f"{count} of them locked. Give a prompt with a word in it, or lock fewer units."
        )
    return tuple(pieces)


def feature_texts(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Text of each feature, in the order of their numbers: all its pieces, joined."""
    count = 1 + max((piece.feature for piece in pieces if piece.feature is not None), default=-1)
    texts = [""] * count
    for piece in pieces:
        if piece.feature is not None:
            texts[piece.feature] += piece.text
    return tuple(texts)


def features_at(pieces: Sequence[Piece], letters: Sequence[bool]) -> frozenset[int]:
    """Features with one of these letters of the pieces' text; whitespace does not count."""
    found: set[int] = set()
    position = 0
    for piece in pieces:
        here = zip(piece.text, letters[position : position + len(piece.text)], strict=True)
        position += len(piece.text)
        if piece.feature is not None and any(held and not letter.isspace() for letter, held in here):
            found.add(piece.feature)
    return frozenset(found)


def freed(prompt: Kind, features: Collection[int]) -> tuple[Kind, tuple[int, ...]]:
    """An input without locks, and its numbers of what was locked in it before or is one of these features now.

    prompt: an input with a field `locked`.
    """
    free: Any = replace(cast(Any, prompt), locked=())
    pairs = zip(free.pieces, cast(Any, prompt).pieces, strict=True)
    held = {
        was.feature
        for was, now in pairs
        if was.feature is not None and (now.feature is None or now.feature in features)
    }
    return free, tuple(sorted(held))


def new_words(text: str, feature: int | None, words: Mapping[int, str]) -> str:
    """The feature's new words, after the whitespace that the old ones had before them; other texts as they are."""
    if feature is None or feature not in words:
        return text
    return text[: len(text) - len(text.lstrip())] + words[feature].lstrip()


def reworded_pieces(pieces: Sequence[Piece], words: Mapping[int, str]) -> tuple[Piece, ...]:
    """The pieces with other words in the place of some features' texts."""
    return tuple(replace(piece, text=new_words(piece.text, piece.feature, words)) for piece in pieces)


def with_texts(prompt: Kind, pieces: tuple[Piece, ...], parts: Mapping[str, object]) -> Kind:
    """A copy of an input whose texts differ: made anew, its features would be cut anew. parts: further fields."""
    made = copy.copy(prompt)
    for name, value in {"pieces": pieces, "features": feature_texts(pieces), **parts}.items():
        object.__setattr__(made, name, value)
    return made
