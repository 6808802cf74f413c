"""A text whose words, sentences or other spans are the features. An absent feature's text is taken out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import (
    Locked,
    checked,
    feature_texts,
    freed,
    lock,
    new_words,
    reworded_pieces,
    with_texts,
)
from llm_attr_widget.inputs.changed.kept import moved_spans, relocked
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.text import cutting
from llm_attr_widget.tokens import added_texts, aligned_texts, encode, special_texts
from llm_attr_widget.types import TEMPLATE, Coalitions, Granularity, Piece, Prompt, Tokenizer, check_granularity

Spans: TypeAlias = "Sequence[tuple[int, int]]"
Cut: TypeAlias = "Granularity | cutting.Level | re.Pattern[str] | Spans"
"""How a text is cut: by a name, into the matches of a pattern, or into spans (first character, one past the last)."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """Features are spans of text; the text without the absent ones is encoded anew.

    prompt: the text. granularity: "token", "word", "phrase", "sentence", "paragraph", a pattern whose matches are the
        features, or spans that ascend and do not overlap; what is in no span is always present.
    baseline: what stands in for an absent feature's text, after its leading whitespace; "" takes it out altogether.
    locked: units that are always present: a pattern that is found in them, or their positions.

    Whitespace belongs to the feature after it. So that no prompt begins with whitespace when the whole one does not,
    the first feature that is present loses its leading whitespace; the same after a special token.
    Special and control tokens written in the text ("<|end|>", "<think>") are always present, and no unit or match
    reaches over them; no unit ends inside another token of the added vocabulary. A text that begins with its own bos is
    not given a second one.
    Raises InputError for a prompt without features. Cost of `render`: one encoding per distinct text.
    """

    tokenizer: Tokenizer = field(repr=False)
    prompt: str
    _: KW_ONLY
    granularity: Cut = "word"
    baseline_text: str = ""
    locked: Locked = ()
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)
    _parts: tuple[Part, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not type
            raise InputError(f"Expected the prompt as text, got {type(self.prompt).__name__}.")
        special = special_texts(self.tokenizer)
        texts, perturbable = cut(self.tokenizer, self.prompt, self.granularity, control=special)
        pieces = tuple(
            replace(piece, role=TEMPLATE) if piece.text in special else piece
            for piece in lock(texts, perturbable, self.locked)
        )
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "features", feature_texts(pieces))
        object.__setattr__(self, "_parts", parts(pieces, special))

    @property
    def baseline(self) -> str:
        return f"replaced by {self.baseline_text!r}" if self.baseline_text else "removed"

    @property
    def units(self) -> str:
        """In words, what the features are."""
        return in_words(self.granularity)

    @property
    def random(self) -> bool:
        return False

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """Token ids, special tokens included, of each coalition's text. Draws nothing."""
        del rng
        return [Prompt(ids) for ids in encode(self.tokenizer, self.texts(coalitions))]

    @property
    def plain(self) -> bool:
        """Whether the text alone gives this back, cut in another way: nothing replaces or locks parts of it."""
        return not self.baseline_text and not self.locked

    def holding(self, features: Collection[int]) -> TextInput:
        """The same text with these features locked, too."""
        free, held = freed(self, features)
        return replace(free, locked=held)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The whole text."""
        return (Field(self.prompt),)

    def rewritten(self, texts: Sequence[str]) -> TextInput:
        """Another text, cut, replaced and locked in the same way; spans and locks move with the words around them."""
        text, granularity = "".join(texts), self.granularity
        if not isinstance(granularity, str | re.Pattern):
            granularity = moved_spans(granularity, self.prompt, text)
        return relocked(self, replace(self, prompt=text, granularity=granularity, locked=()))

    def reworded(self, words: Mapping[int, str]) -> TextInput:
        """The same text with other words in the place of these features'."""
        return with_texts(self, reworded_pieces(self.pieces, words), {"_parts": reworded_parts(self._parts, words)})

    def texts(self, coalitions: Coalitions) -> list[str]:
        """Each coalition's text, as it is encoded."""
        rows = checked(coalitions, len(self.features))
        return [compose(self._parts, row, self.baseline_text) for row in rows.tolist()]


def in_words(granularity: Cut | Literal["turn"]) -> str:
    """What the features are that this cut makes."""
    if isinstance(granularity, re.Pattern):
        return f"match of {granularity.pattern!r}"
    return granularity if isinstance(granularity, str) else "span"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece as it is put back together.

    bare: what it is at the beginning of a stretch. opens: a stretch begins after it.
    """

    text: str
    bare: str
    feature: int | None
    opens: bool

    def stand_in(self, baseline: str) -> str:
        """The baseline after the whitespace that the text began with."""
        return self.text[: len(self.text) - len(self.text.lstrip())] + baseline


def parts(pieces: Sequence[Piece], special: Collection[str]) -> tuple[Part, ...]:
    """Pieces with what they are at the beginning of a stretch: of the prompt, or of what follows a special token."""
    made: list[Part] = []
    opens, spaced = True, False
    for piece in pieces:
        if opens:
            spaced = piece.text[:1].isspace()
        opens = piece.feature is None and piece.text in special
        bare = piece.text if spaced or piece.feature is None else piece.text.lstrip()
        made.append(Part(piece.text, bare, piece.feature, opens))
    return tuple(made)


def reworded_parts(parts: Sequence[Part], words: Mapping[int, str]) -> tuple[Part, ...]:
    """The parts with other words in the place of some features'."""
    return tuple(
        replace(part, text=new_words(part.text, part.feature, words), bare=new_words(part.bare, part.feature, words))
        for part in parts
    )


def compose(parts: Sequence[Part], present: Sequence[bool], baseline: str) -> str:
    """The text of one coalition."""
    kept: list[str] = []
    first = True
    for part in parts:
        if part.feature is None or present[part.feature]:
            kept.append(part.bare if first else part.text)
        elif baseline:
            kept.append(part.stand_in(baseline))
        else:
            continue
        first = part.opens
    return "".join(kept)


def cut(tokenizer: Tokenizer, text: str, granularity: Cut, *, control: Sequence[str]) -> tuple[list[str], list[bool]]:
    """Units of the text, and which of them may be absent. Joined, they are the text.

    control: how tokens are written that are units of their own and always present.
    Raises InputError for a granularity that is neither a name, a pattern, nor spans.
    """
    if not isinstance(granularity, re.Pattern | Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]  (callers may not type)
        check_granularity(granularity)
    if not isinstance(granularity, str | re.Pattern):
        return _spans(text, _valid(granularity, len(text)))
    added = written_in(text, added_texts(tokenizer))
    texts: list[str] = []
    perturbable: list[bool] = []
    for stretch, is_control in stretches(text, control):
        if is_control or not stretch.strip():
            units, may_go = [stretch], [False]
        elif isinstance(granularity, re.Pattern):
            matches = [match.span() for match in granularity.finditer(stretch) if match.group()]
            units, may_go = _spans(stretch, matches)
        else:
            found = (
                aligned_texts(tokenizer, stretch)[1] if granularity == "token" else cutting.units(stretch, granularity)
            )
            units = _whole([unit for unit in found if unit], written_in(stretch, added))
            may_go = [True] * len(units)
        texts += units
        perturbable += may_go
    return texts, perturbable


def stretches(text: str, special: Sequence[str]) -> list[tuple[str, bool]]:
    """The text cut into special tokens (True) and what stands between them."""
    written = written_in(text, special)
    if not written:
        return [(text, False)] if text else []
    return [(stretch, i % 2 == 1) for i, stretch in enumerate(re.split(f"({_any_of(written)})", text)) if stretch]


def written_in(text: str, tokens: Sequence[str]) -> tuple[str, ...]:
    """Those of the tokens that stand in the text, in their order: a vocabulary can have tens of thousands."""
    return tuple(token for token in tokens if token in text)


def _any_of(tokens: Sequence[str]) -> str:
    return "|".join(re.escape(token) for token in tokens)


def _whole(units: Sequence[str], added: Sequence[str]) -> list[str]:
    """The units, joined where one ends inside an added token."""
    if not added:
        return list(units)
    inside = {i for m in re.finditer(_any_of(added), "".join(units)) for i in range(m.start() + 1, m.end())}
    joined: list[str] = []
    position = 0
    for unit in units:
        if position in inside:
            joined[-1] += unit
        else:
            joined.append(unit)
        position += len(unit)
    return joined


def _spans(text: str, spans: Sequence[tuple[int, int]]) -> tuple[list[str], list[bool]]:
    texts: list[str] = []
    perturbable: list[bool] = []
    position = 0
    for start, end in [*spans, (len(text), len(text))]:
        for stretch, is_feature in ((text[position:start], False), (text[start:end], True)):
            if stretch:
                texts.append(stretch)
                perturbable.append(is_feature)
        position = end
    return texts, perturbable


def _valid(spans: Spans, length: int) -> Spans:
    position = 0
    for start, end in spans:
        if not position <= start < end <= length:
            raise InputError(
                f"Expected spans (first character, one past the last) that ascend, do not overlap and lie in a text of "
                f"{length} characters; got ({start}, {end}) after one that ended at {position}."
            )
        position = end
    return spans
