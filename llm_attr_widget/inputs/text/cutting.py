"""Where text may be cut: words, phrases, sentences and paragraphs, in any script.

Words are ICU's (UAX #29, with its dictionaries for Chinese, Japanese, Thai, Lao, Khmer and Burmese), as in browsers;
sentences are those of sentences.py.

Units nest: every paragraph boundary is a sentence boundary, every sentence boundary a phrase boundary, every phrase
boundary a word boundary, so that a view can regroup features and a method can descend from coarse to fine.
Whitespace goes with the unit after it (" lives"), as it does in most tokenizers; at the end of a text with the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import regex

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.text.sentences import sentence_starts
from llm_attr_widget.tokens.asking import check_characters
from llm_attr_widget.types import TEMPLATE, Piece, check_granularity

Level: TypeAlias = Literal["word", "phrase", "sentence", "paragraph"]

Tree: TypeAlias = "tuple[int | Tree, ...]"
"""Nested groups of features."""

LEVELS: tuple[Level, ...] = ("paragraph", "sentence", "phrase", "word")
"""From coarse to fine."""

# Terminal punctuation, ellipses and dashes, with the quotes and brackets that close after them.
_PHRASE_END = regex.compile(r"([\p{Terminal_Punctuation}…—–]+)[\p{Pe}\p{Pf}\"']*")
_LINE_END = regex.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def boundaries(text: str, level: Level) -> tuple[int, ...]:
    """Offsets at which units begin, and the text's length: ascending, from 0. Empty text: (0,).

    word: words, those of Chinese, Japanese and Thai too; punctuation marks are units of their own, a run of the same
        mark is one. phrase: up to and with punctuation that ends something, such as a comma; a full stop ends one where
        it ends the sentence. sentence: abbreviations and numbers of lists end none. paragraph: a line.
    Raises InputError for text with half a surrogate pair, or an unknown level.
    """
    check_granularity(level)
    if level not in LEVELS:
        raise InputError(f"{level.capitalize()}s are cut by a tokenizer, not by rules of writing: make a TokenInput.")
    check_characters(text)
    words = set(_words(text))
    if level == "word":
        return tuple(sorted(words))
    rules = {
        "paragraph": (_lines,),
        "sentence": (_lines, sentence_starts),
        "phrase": (_lines, sentence_starts, _phrases),
    }[level]
    found = {offset for rule in rules for offset in _before_space(text, rule(text))}
    return tuple(sorted((found & words) | {0, len(text)}))


def units(text: str, level: Level) -> tuple[str, ...]:
    """The text cut at its boundaries; joined, it is the text."""
    cuts = boundaries(text, level)
    return tuple(text[a:b] for a, b in pairwise(cuts))


def groups(pieces: Sequence[Piece], level: Level) -> tuple[tuple[int, ...], ...]:
    """Features by the larger unit they begin in, in reading order: for each unit that has any, its features.

    A feature that reaches over a boundary belongs to the unit of its first letter.
    """
    found: dict[int, list[int]] = {}
    for feature, unit in unit_of_each(pieces, level).items():
        found.setdefault(unit, []).append(feature)
    return tuple(tuple(members) for members in found.values())


def tree(pieces: Sequence[Piece], levels: Sequence[Level] = ("paragraph", "sentence", "phrase")) -> Tree:
    """Features in nested groups, from the first (coarsest) of the levels to the last, as hierarchical methods take.

    A group that would hold all that its parent holds is left out, and so is one around a single feature.
    """
    units = [unit_of_each(pieces, level) for level in levels]
    features = list(unit_of_each(pieces, "paragraph"))
    grown = _grown(features, units)
    return grown if isinstance(grown, tuple) else (grown,)


def _grown(features: Sequence[int], units: Sequence[Mapping[int, int]]) -> int | Tree:
    if len(features) == 1:
        return features[0]
    if not units:
        return tuple(features)
    members: dict[int, list[int]] = {}
    for feature in features:
        members.setdefault(units[0][feature], []).append(feature)
    if len(members) == 1:
        return _grown(features, units[1:])
    return tuple(_grown(group, units[1:]) for group in members.values())


def unit_of_each(pieces: Sequence[Piece], level: Level) -> dict[int, int]:
    """Feature → number of the unit it begins in; features in reading order, numbers ascending.

    No unit reaches over the template's text, from one turn into another, or over the beginning of what `opens`.
    A piece without text (a token that ends inside a character) is where the text before it is.
    """
    units: dict[int, int] = {}
    count = 0
    for stretch in _stretches(pieces):
        starts = boundaries("".join(piece.text for piece in stretch), level)[1:]
        unit = position = 0
        for piece in stretch:
            first = position + len(piece.text) - len(piece.text.lstrip())
            position += len(piece.text)
            while piece.text and unit < len(starts) - 1 and starts[unit] <= first:
                unit += 1
            if piece.feature is not None:
                units.setdefault(piece.feature, count + unit)
        count += unit + 1
    return units


def _stretches(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    stretch: list[Piece] = []
    for piece in pieces:
        if stretch and (piece.opens or piece.role == TEMPLATE or piece.role != stretch[-1].role):
            yield stretch
            stretch = []
        stretch.append(piece)
    if stretch:
        yield stretch


def _words(text: str) -> Iterator[int]:
    from icu4py.breakers import WordBreaker

    yield 0
    position, before = 0, ""
    end = len(text.rstrip())
    for unit in WordBreaker(text, "und"):
        same_mark = unit == before and len(unit) == 1 and not unit.isalnum()
        if 0 < position < end and not before.isspace() and not same_mark:
            yield position
        position += len(unit)
        before = unit
    yield len(text)


def _phrases(text: str) -> Iterator[int]:
    # One full stop may be an abbreviation's: sentences know.
    return (match.end() for match in _PHRASE_END.finditer(text) if match[1] != ".")


def _lines(text: str) -> Iterator[int]:
    return (match.end() for match in _LINE_END.finditer(text))


def _before_space(text: str, offsets: Iterator[int]) -> Iterator[int]:
    """Each offset, ascending, moved to the left over whitespace, where the unit after it begins."""
    before = moved = 0
    for offset in offsets:
        start = offset
        while start > before and text[start - 1].isspace():
            start -= 1
        before, moved = offset, moved if start == before else start
        yield moved
