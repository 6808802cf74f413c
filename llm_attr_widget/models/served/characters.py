"""A tokenizer for models whose own nobody gives away: every character is a token, and so is every label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llm_attr_widget.errors import InputError

FIRST = 0x110000
"""Ids of labels begin behind those of characters, which are their code points."""


class Characters:
    """Texts as their characters, a text that is a label (with spaces around it or not) as the label.

    labels: different texts. Features of any level are cut from the text as for other tokenizers; a model that is asked
    by text reads exactly what these ids decode to.
    """

    all_special_ids: tuple[int, ...] = ()

    def __init__(self, labels: Sequence[str]) -> None:
        plain = [label.strip() for label in labels]
        if len(set(plain)) != len(plain) or not all(plain):
            raise InputError(f"Expected labels that are different and not empty, got {list(labels)!r}.")
        self.labels = tuple(plain)

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Mapping[str, list[int]]:
        return {"input_ids": self.encode(text, add_special_tokens=add_special_tokens)}

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Nothing is ever added."""
        del add_special_tokens
        if text.strip() in self.labels:
            return [FIRST + self.labels.index(text.strip())]
        return [ord(character) for character in text]

    def decode(self, token_ids: Sequence[int], /) -> str:
        """The text of these ids."""
        return "".join(self.convert_ids_to_tokens(token_ids))

    def convert_ids_to_tokens(self, ids: Sequence[int], /) -> list[str]:
        """A text for each id."""
        return [self.labels[i - FIRST] if i >= FIRST else chr(i) for i in ids]
