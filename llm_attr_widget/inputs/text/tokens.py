"""A prompt whose tokens are the features. Nothing is encoded anew: tokens are dropped or replaced as ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import Locked, checked, feature_texts, freed, lock
from llm_attr_widget.inputs.changed.kept import relocked
from llm_attr_widget.inputs.changed.reworded import RewordedTokens
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.text.ids import ids_in
from llm_attr_widget.inputs.text.spelling import respelled
from llm_attr_widget.tokens import aligned_texts, encode, named_id, special_ids, token_names, token_texts
from llm_attr_widget.types import TEMPLATE, Coalitions, Piece, Prompt, Tokenizer

_SPECIAL = "Special tokens stay as they are."


@dataclass(frozen=True, slots=True)
class TokenInput:
    """Features are tokens.

    prompt: text, encoded as the tokenizer does by default (a bos that it begins with is not added a second time), or
        token ids, taken as they are.
    baseline_token: what stands in for an absent token. "remove" drops it from the ids; None replaces it by the
        tokenizer's pad, unk or eos token, the first it has; a token id or a token's text replaces it by that token.
    perturb_special: whether special tokens (bos, chat markers) are features, too; unk, which stands for a word,
        always is one. skip_tokens: ids or names of tokens that are always present. locked: others that are, as of
        TextInput; positions count the tokens that could be absent.

    Raises InputError for a prompt without features or a baseline that is not one token. `render` calls no tokenizer.
    """

    tokenizer: Tokenizer = field(repr=False)
    prompt: str | Sequence[int]
    _: KW_ONLY
    baseline_token: int | str | None = "remove"  # noqa: S105 (no password)
    perturb_special: bool = False
    skip_tokens: Collection[int | str] = ()
    locked: Locked = ()
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)
    baseline: str = field(init=False, repr=False)
    _ids: tuple[int, ...] = field(init=False, repr=False)
    _stand_in: int | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.prompt, str):
            ids, texts = aligned_texts(self.tokenizer, self.prompt)
        else:
            ids = token_ids(self.prompt, self.tokenizer)
            texts = token_texts(self.tokenizer, ids)
        stays = _always_present(self.tokenizer, ids, self.skip_tokens)
        special = special_ids(self.tokenizer)
        if not self.perturb_special:
            stays = [s or i in special for s, i in zip(stays, ids, strict=True)]
        if all(stays):
            raise InputError(
                f"Expected a prompt with at least one token that may be absent, got {self.prompt!r:.80}: "
                f"{len(ids)} tokens, all of them special or skipped. Give a prompt that is not empty."
            )
        pieces = tuple(
            replace(piece, role=TEMPLATE) if token in special else piece
            for token, piece in zip(ids, lock(texts, [not stay for stay in stays], self.locked), strict=True)
        )
        stand_in, words = _baseline(self.tokenizer, self.baseline_token)
        for name, value in {
            "pieces": pieces,
            "features": feature_texts(pieces),
            "baseline": words,
            "_ids": ids,
            "_stand_in": stand_in,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def units(self) -> str:
        """In words, what the features are."""
        return "token"

    @property
    def random(self) -> bool:
        return False

    @property
    def plain(self) -> bool:
        """Whether the text alone gives this back, cut in another way: nothing replaces or locks parts of it."""
        removed = self.baseline_token == "remove"  # noqa: S105 (no password)
        return isinstance(self.prompt, str) and removed and not (self.skip_tokens or self.locked)

    def holding(self, features: Collection[int]) -> TokenInput:
        """The same tokens with these features locked, too."""
        free, held = freed(self, features)
        return replace(free, locked=held)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The text; of token ids what they spell, the special ones among them fixed."""
        if isinstance(self.prompt, str):
            return (Field(self.prompt),)
        return tuple(
            Field("".join(piece.text for piece in pieces), fixed=_SPECIAL if special else "")
            for special, pieces in self._stretches()
        )

    def rewritten(self, texts: Sequence[str]) -> TokenInput:
        """The same kind of tokens of these texts. Of token ids, those of words that were not edited stay."""
        if isinstance(self.prompt, str):
            return relocked(self, replace(self, prompt="".join(texts), locked=()))
        ids: list[int] = []
        at = 0
        for (_, pieces), text in zip(self._stretches(), texts, strict=True):
            own = self._ids[at : at + len(pieces)]
            at += len(pieces)
            ids += respelled(self.tokenizer, ids, own, [piece.text for piece in pieces], text)
        return relocked(self, replace(self, prompt=tuple(ids), locked=()))

    def _stretches(self) -> list[tuple[bool, list[Piece]]]:
        """The pieces, special ones (True) apart from others."""
        return [(special, list(some)) for special, some in groupby(self.pieces, lambda piece: piece.role == TEMPLATE)]

    def reworded(self, words: Mapping[int, str]) -> RewordedTokens:
        """The same tokens with those of other words in the place of these features'."""
        return RewordedTokens(self, self.tokenizer, self._ids, self._stand_in, words)

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """The prompt's ids without the absent tokens, or with the baseline in their place. Draws nothing."""
        del rng
        rows = checked(coalitions, len(self.features))
        ids = np.asarray(self._ids)
        present: NDArray[np.bool_] = np.ones((len(rows), len(ids)), dtype=bool)
        present[:, [piece.feature is not None for piece in self.pieces]] = rows
        if self._stand_in is None:
            return [Prompt(tuple(ids[row].tolist())) for row in present]
        return [Prompt(tuple(row)) for row in np.where(present, ids, self._stand_in).tolist()]


def token_ids(prompt: Any, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Ids as plain ints (see `ids_in`). Raises InputError for anything else."""
    ids = ids_in(prompt, tokenizer, what="a prompt", error=InputError)
    if any(i < 0 for i in ids):
        raise InputError(f"Expected token ids of at least 0, got {min(ids)}.")
    return ids


def neutral_token(tokenizer: Tokenizer) -> tuple[int, str]:
    """Id and name ("pad", "unk" or "eos") of the token that says least. Raises InputError where there is none."""
    for name in ("pad", "unk", "eos"):
        token = named_id(tokenizer, name)
        if token is not None:
            return token, name
    raise InputError(
        "Expected a tokenizer with a pad, unk or eos token to stand in for absent tokens, but it has none. "
        'Name a token, or remove absent tokens with "remove".'
    )


def _baseline(tokenizer: Tokenizer, token: int | str | None) -> tuple[int | None, str]:
    if token == "remove":  # noqa: S105 (no password)
        return None, "removed"
    if token is None:
        stand_in, name = neutral_token(tokenizer)
        return stand_in, f"replaced by the {name} token {token_names(tokenizer, [stand_in])[0]!r}"
    ids = encode(tokenizer, [token], add_special_tokens=False)[0] if isinstance(token, str) else (int(token),)
    if len(ids) != 1 or ids[0] < 0:
        raise InputError(
            f"Expected one token as the baseline, but {token!r} is {len(ids)} tokens. "
            'Give a single token, its id, None for the pad token, or "remove".'
        )
    return int(ids[0]), f"replaced by the token {token_names(tokenizer, ids)[0]!r}"


def _always_present(tokenizer: Tokenizer, ids: Sequence[int], skip: Collection[int | str]) -> list[bool]:
    names = token_names(tokenizer, ids)
    return [i in skip or name in skip for i, name in zip(ids, names, strict=True)]
