"""What was locked in a text, or cut out of it by its places, once the text is edited."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any, TypeVar, cast

from llm_attr_widget.inputs.base import features_at, freed
from llm_attr_widget.types import Piece

Kind = TypeVar("Kind")

Block = tuple[bool, int, int, int, int]
"""Whether a stretch is as it was, where it was (first character, one past the last), and where it is now."""

_WORD = re.compile(r"\w+|\s|[^\w\s]")


def relocked(was: Kind, now: Kind) -> Kind:
    """An edited input with the locks of the one that it was made of. now: without any."""
    locked = cast(Any, was).locked
    if not isinstance(locked, re.Pattern):
        if not locked:
            return now
        free, held = freed(was, ())
        locked = sorted(kept_features(cast(Any, free).pieces, held, cast(Any, now).pieces))
    return replace(cast(Any, now), locked=locked)


def kept_features(was: Sequence[Piece], held: Collection[int], now: Sequence[Piece]) -> frozenset[int]:
    """Features of the edited prompt that are where these features were; those without a text keep their number.

    New words belong to them where all that they replace did, or what stands on both their sides does.
    """
    old = [piece.feature in held for piece in was for _ in piece.text]
    before, after = ("".join(piece.text for piece in pieces) for pieces in (was, now))
    letters: list[bool] = []
    for same, start, end, new, to in _blocks(before, after):
        if same:
            letters += old[start:end]
        else:
            gone = [
                is_held for is_held, letter in zip(old[start:end], before[start:end], strict=True) if letter.strip()
            ]
            sides = old[max(0, start - 1) : start] + old[end : end + 1]
            letters += [all(gone) if gone else len(sides) == 2 and all(sides)] * (to - new)
    shown = {piece.feature for piece in was}
    return features_at(now, letters) | {feature for feature in held if feature not in shown}


def moved_spans(spans: Sequence[tuple[int, int]], before: str, after: str) -> tuple[tuple[int, int], ...]:
    """Spans of a text where they are once it is edited; new words are in the first span that they replace a part of.

    A span of which nothing is left is left out.
    """
    blocks = list(_blocks(before, after))
    moved: list[tuple[int, int]] = []
    behind = 0
    for first, past in spans:
        start, stop = len(after), 0
        for same, old, end, new, to in blocks:
            if not (old < past and first < end):
                continue
            start = min(start, new + max(0, first - old) if same else new)
            stop = max(stop, to - max(0, end - past) if same else to)
        start = max(start, behind)
        if start < stop:
            moved.append((start, stop))
            behind = stop
    return tuple(moved)


def _blocks(before: str, after: str) -> Iterator[Block]:
    """Both texts in stretches of whole words."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    at = [_ends(words) for words in (old, new)]
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield tag == "equal", at[0][i], at[0][i_end], at[1][j], at[1][j_end]


def _ends(words: Sequence[str]) -> list[int]:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return ends
