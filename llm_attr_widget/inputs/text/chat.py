"""A conversation: features lie in the turns' own words; what the chat template puts around them is always present."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from llm_attr_widget.inputs.base import Locked, checked, feature_texts, freed, lock, reworded_pieces, with_texts
from llm_attr_widget.inputs.changed.kept import relocked
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.text.conversation import Conversation, Message, Slot, check, fields, slot_texts
from llm_attr_widget.inputs.text.cutting import Level, Tree, tree
from llm_attr_widget.inputs.text.places import places
from llm_attr_widget.inputs.text.spans import Cut, Part, compose, cut, in_words, parts, reworded_parts
from llm_attr_widget.tokens import encode, special_texts, tokenizer_of
from llm_attr_widget.types import TEMPLATE, Coalitions, Piece, Prompt, Tokenizer


@dataclass(frozen=True, slots=True)
class ChatInput:
    """Features are spans of what was said; the chat template is rendered anew for each coalition.

    messages: `{"role", "content"}` each, content a text or a list of parts, of which those of type "text" count.
    granularity: as of TextInput, within each turn, or "turn": all that a turn says. A turn whose words are all absent
        stays, empty. roles: whose turns have features ("user", "system", …; "document" for `documents`); None means
        all. turns: positions of the messages that have features; None means all, documents too.
    tokenizer: the model's, or its processor, whose template then writes the conversation.
    documents, tools, add_generation_prompt: for the template. A document's "text" has features.
    template_args: further arguments of the template, such as {"enable_thinking": False}.
    baseline_text, locked: as of TextInput; positions count the units of the chosen turns.

    Special tokens that someone wrote in a turn are text, and may be absent like any other; the template's are its own.
    A turn that the template does not show word for word (it may cut out an earlier turn's thoughts) is always present.
    The prompt is the rendered text, encoded without adding special tokens: the template writes them.
    What the template shows nothing of (a system prompt, tools) is told in `doubts`.
    Raises InputError for messages or a template that cannot be used, for documents that the template does not show,
    and for a conversation without features.
    Cost of `render`: one rendering per coalition, one encoding per distinct text.
    """

    tokenizer: Tokenizer = field(repr=False)
    messages: Sequence[Message]
    _: KW_ONLY
    granularity: Cut | Literal["turn"] = "word"
    roles: Collection[str] | None = None
    turns: Collection[int] | None = None
    documents: Sequence[Mapping[str, Any]] = ()
    tools: Sequence[Any] = ()
    add_generation_prompt: bool = True
    template_args: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    baseline_text: str = ""
    locked: Locked = ()
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)
    feature_roles: tuple[str, ...] = field(init=False, repr=False)
    doubts: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _conversation: Conversation = field(init=False, repr=False)
    _filled: tuple[tuple[Part, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check(self.messages, self.documents)
        arguments = {**self.template_args, "add_generation_prompt": self.add_generation_prompt}
        if self.tools:
            arguments["tools"] = list(self.tools)
        conversation = Conversation(self.tokenizer, self.messages, self.documents, arguments)
        hidden = conversation.unseen()
        units = self._units(conversation)
        pieces = lock([text for text, _, _ in units], [may_go for _, may_go, _ in units], self.locked)
        slots, special = conversation.slots, frozenset(special_texts(self._words))
        owners = [owner for _, _, owner in units]
        roles = [
            slots[owner].role
            for piece, owner in zip(pieces, owners, strict=True)
            if owner is not None and piece.feature is not None
        ]
        pieces = tuple(
            replace(
                piece,
                role=TEMPLATE if owner is None else slots[owner].role,
                opens=owner != before or marked,
            )
            for piece, owner, before, marked in zip(
                pieces, owners, (None, *owners), _beside_marks(pieces, special), strict=False
            )
        )
        filled = [
            _framed(slot, [piece for piece, owner in zip(pieces, owners, strict=True) if owner == i], special)
            for i, slot in enumerate(slots)
        ]
        for name, value in {
            "pieces": pieces,
            "features": feature_texts(pieces),
            "feature_roles": tuple(roles),
            "doubts": tuple(f"the chat template does not show {what}: it is no part of the prompt" for what in hidden),
            "_conversation": conversation,
            "_filled": tuple(filled),
        }.items():
            object.__setattr__(self, name, value)

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
        """Token ids of each coalition's conversation. Draws nothing."""
        del rng
        return [Prompt(ids) for ids in encode(self._words, self.texts(coalitions), add_special_tokens=False)]

    def texts(self, coalitions: Coalitions) -> list[str]:
        """Each coalition's conversation as the template writes it."""
        rows = checked(coalitions, len(self.features)).tolist()
        return [
            self._conversation.rendered([compose(parts, row, self.baseline_text) for parts in self._filled])
            for row in rows
        ]

    def holding(self, features: Collection[int]) -> ChatInput:
        """The same conversation with these features locked, too."""
        free, held = freed(self, features)
        return replace(free, locked=held)

    @property
    def fields(self) -> tuple[Field, ...]:
        """One for each document and turn (each text part of one), and fixed ones for what else the template gets."""
        return fields(self.messages, self.documents, self.tools)

    def rewritten(self, texts: Sequence[str]) -> ChatInput:
        """The same conversation with these texts in its fields; locks stay on words that still stand."""
        messages, documents = self._conversation.filled(slot_texts(self.messages, self.documents, self.tools, texts))
        return relocked(self, replace(self, messages=messages, documents=documents, locked=()))

    def reworded(self, words: Mapping[int, str]) -> ChatInput:
        """The same conversation with other words in the place of these features'."""
        filled = tuple(reworded_parts(parts, words) for parts in self._filled)
        return with_texts(self, reworded_pieces(self.pieces, words), {"_filled": filled})

    def tree(self, levels: Sequence[Level] = ("paragraph", "sentence", "phrase")) -> Tree:
        """Features in nested groups, as hierarchical methods take: each document's and each turn's, then by the levels.

        A group around a single feature is left out.
        """
        slots = [[Piece(part.text, part.feature) for part in parts] for parts in self._filled]
        grown = [tree(pieces, levels) for pieces in slots if any(piece.feature is not None for piece in pieces)]
        return (
            grown[0]
            if len(grown) == 1
            else tuple(one for group in grown for one in (group if len(group) == 1 else (group,)))
        )

    def _units(self, conversation: Conversation) -> list[tuple[str, bool, int | None]]:
        """The rendered text in units: each with whether it may be absent, and the slot it is in."""
        slots = conversation.slots
        whole, found = places(conversation.rendered, [slot.text for slot in slots])
        units: list[tuple[str, bool, int | None]] = []
        position = 0
        # A turn that is shown again has its features where it is shown first.
        first = {place.slot: place for place in reversed(found)}
        for place in sorted(first.values(), key=lambda place: place.start):
            texts, may_go = self._cut(slots[place.slot], whole[place.start : place.end])
            units.append((whole[position : place.start], False, None))
            units += [(text, may, place.slot) for text, may in zip(texts, may_go, strict=True)]
            position = place.end
        units.append((whole[position:], False, None))
        return [unit for unit in units if unit[0]]

    def _cut(self, slot: Slot, text: str) -> tuple[list[str], list[bool]]:
        chosen_turn = self.turns is None or (slot.kind == "message" and slot.index in self.turns)
        if not chosen_turn or (self.roles is not None and slot.role not in self.roles):
            return [text], [False]
        if self.granularity == "turn":
            return [text], [bool(text.strip())]
        return cut(self._words, text, self.granularity, control=())

    @property
    def _words(self) -> Tokenizer:
        """The tokenizer itself, where a processor was given."""
        return tokenizer_of(self.tokenizer)


def _beside_marks(pieces: Sequence[Piece], special: frozenset[str]) -> list[bool]:
    """Whether each piece is a control token or follows one. What a user typed that looks like one is text."""
    marks = [piece.feature is None and piece.text in special for piece in pieces]
    return [before or here for before, here in pairwise((False, *marks))]


def _framed(slot: Slot, pieces: Sequence[Piece], special: Collection[str]) -> tuple[Part, ...]:
    """Parts of a slot's whole text: its pieces, and the whitespace around them that the template does not show."""
    shown = "".join(piece.text for piece in pieces)
    before, _, after = slot.text.partition(shown) if shown else (slot.text, "", "")
    inner = parts(pieces, special)
    return tuple(
        part for part in (Part(before, before, None, True), *inner, Part(after, after, None, True)) if part.text
    )
