"""Any text prompt with its tokens in fixed places: what gradient methods need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked
from llm_attr_widget.inputs.changed.whole import OfWhole
from llm_attr_widget.inputs.text.tokens import neutral_token
from llm_attr_widget.tokens import aligned_texts, special_ids, token_names, token_texts
from llm_attr_widget.types import Coalitions, Input, Piece, Prompt, Tokenizer


@dataclass(frozen=True, slots=True)
class ReplacedInput(OfWhole):
    """The features of another input, with one neutral token in place of each token of an absent feature.

    Prompts then all have the same length, and every token belongs to one feature or to none, as `owners` says: a token
    that reaches over two features belongs to the one of its first letter.
    Raises InputError where the prompt's tokens cannot be found again in its text.
    """

    tokenizer: Tokenizer = field(repr=False)
    owners: tuple[int | None, ...] = field(init=False, repr=False)
    baseline: str = field(init=False, repr=False)
    _ids: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _stand_in: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        everyone = np.ones((1, len(self.whole.features)), dtype=bool)
        prompt = self.whole.render(everyone, np.random.default_rng(0))[0]
        if prompt.extras:
            raise InputError(
                "Gradient methods explain token by token, but this prompt has more than tokens: "
                f"{', '.join(prompt.extras)}. Make it an ImageInput, or use a coalition method, such as 'shapley'."
            )
        stand_in, name = neutral_token(self.tokenizer)
        object.__setattr__(self, "owners", owners_of(self.whole.pieces, self.tokenizer, prompt.ids))
        object.__setattr__(self, "baseline", stand_in_words(self.tokenizer, stand_in, name))
        object.__setattr__(self, "_ids", np.array(prompt.ids, dtype=np.int64))
        object.__setattr__(self, "_stand_in", stand_in)

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """The whole prompt's ids, absent features' tokens replaced. Draws nothing."""
        del rng
        rows = checked(coalitions, len(self.features))
        return [Prompt(tuple(row)) for row in with_stand_in(self._ids, self.owners, rows, self._stand_in)]


def kept_in_place(whole: Input, tokenizer: Tokenizer) -> tuple[Input, tuple[int | None, ...]]:
    """An input whose prompts are all of one length, and the feature that each of the prompt's tokens belongs to.

    The input itself where it keeps tokens in their places already, else a ReplacedInput of it.
    """
    features = len(whole.features)
    one_absent = np.vstack([np.ones(features, dtype=bool), ~np.eye(features, dtype=bool)])
    if not whole.random:
        prompts = whole.render(one_absent, np.random.default_rng(0))
        if len({len(prompt.ids) for prompt in prompts}) == 1 and not prompts[0].extras:
            ids = np.array([prompt.ids for prompt in prompts])
            changed = ids[1:] != ids[0]
            if changed.any(axis=1).all() and changed.sum(axis=0).max() == 1:
                owned = changed.any(axis=0)
                feature = changed.argmax(axis=0)
                return whole, tuple(int(f) if o else None for f, o in zip(feature, owned, strict=True))
    replaced = ReplacedInput(whole, tokenizer)
    return replaced, replaced.owners


def stand_in_words(tokenizer: Tokenizer, stand_in: int, name: str) -> str:
    """In words, what a neutral token does. name: as of `neutral_token`."""
    return f"each token replaced by the {name} token {token_names(tokenizer, [stand_in])[0]!r}"


def with_stand_in(
    ids: NDArray[np.int64], owners: Sequence[int | None], rows: Coalitions, stand_in: int
) -> list[list[int]]:
    """The ids for each coalition, with another token in place of those whose feature is absent."""
    # One column more, always present, for tokens of no feature (their owner is -1, the last column).
    present = np.column_stack([rows, np.ones(len(rows), dtype=bool)])
    return np.where(present[:, [-1 if owner is None else owner for owner in owners]], ids, stand_in).tolist()


def owners_of(pieces: tuple[Piece, ...], tokenizer: Tokenizer, ids: tuple[int, ...]) -> tuple[int | None, ...]:
    """The feature that each of the ids belongs to. Raises InputError where they do not spell the pieces' text."""
    text = "".join(piece.text for piece in pieces)
    found, texts = aligned_texts(tokenizer, text)
    if found != ids:
        texts = token_texts(tokenizer, ids)
        if "".join(texts) != text:
            raise InputError(
                "Gradient methods need to know which tokens a feature consists of, but the prompt's tokens do not "
                "spell the text of its features. Use a coalition method, or a prompt as text or token ids."
            )
    by_letter = [piece.feature for piece in pieces for _ in piece.text]
    special = special_ids(tokenizer)
    owners: list[int | None] = []
    position = 0
    for token, token_text in zip(ids, texts, strict=True):
        if token_text:
            first = position + len(token_text) - len(token_text.lstrip() or token_text[-1:])
            owners.append(by_letter[first])
        else:
            # A token inside a character belongs where the token before it does; one that was added, to nobody.
            owners.append(None if token in special or not owners else owners[-1])
        position += len(token_text)
    return tuple(owners)
