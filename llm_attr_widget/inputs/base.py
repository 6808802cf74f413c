"""What inputs share: checks of coalitions, and which features are locked."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.types import Coalitions, Piece

Locked: TypeAlias = "re.Pattern[str] | Collection[int]"
"""Units that are always present: those a pattern is found in, or those at these positions."""


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
