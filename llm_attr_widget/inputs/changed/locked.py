"""Parts of a prompt made always present by where they stand in its text, whatever kind of prompt it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.image.prompt import ImageInput
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.spans import TextInput
from llm_attr_widget.inputs.text.template import TemplateInput
from llm_attr_widget.inputs.text.tokens import TokenInput
from llm_attr_widget.types import Input, Piece


def locked_in(prompt: Input, stretches: Sequence[str]) -> Input:
    """The same prompt with parts of its text locked, beside those that were.

    stretches: the text of its pieces, cut where locked parts begin and end; every second one (the first is not) is
    locked. So it does not matter how characters are counted. A feature with a locked letter is locked whole, together
    with all features of its slot in a template.
    Raises InputError for stretches of another text, for a kind of prompt that cannot be locked this way, and where no
    feature would be left.
    """
    if not any(stretches[1::2]):
        return prompt
    text = "".join(piece.text for piece in prompt.pieces)
    if "".join(stretches) != text:
        raise InputError(
            f"Expected locked stretches of the prompt {text[:60]!r}, got those of {''.join(stretches)[:60]!r}. "
            "Lock parts of this prompt, or none: locked = []."
        )
    if isinstance(prompt, ImageInput):
        words = prompt._words  # pyright: ignore[reportPrivateUsage]
        if not isinstance(words, TextInput | ChatInput):
            return prompt  # all of its text is always present
        held: Any = _held(words, stretches)
        return replace(prompt, prompt=held, granularity=None, baseline_text="")
    if isinstance(prompt, TextInput | TokenInput | ChatInput | TemplateInput):
        return _held(prompt, stretches)
    raise InputError(
        f"Parts of a {type(prompt).__name__} cannot be locked in its text. Leave them out of its features instead."
    )


def _held(prompt: TextInput | TokenInput | ChatInput | TemplateInput, stretches: Sequence[str]) -> Input:
    free = replace(prompt, locked=())
    before = {
        piece.feature
        for piece, now in zip(free.pieces, prompt.pieces, strict=True)
        if piece.feature is not None and now.feature is None
    }
    wanted = before | _touched(free.pieces, stretches)
    return replace(free, locked=free.slots_of(wanted) if isinstance(free, TemplateInput) else sorted(wanted))


def _touched(pieces: Sequence[Piece], stretches: Sequence[str]) -> set[int]:
    """Features with a locked character that is no whitespace."""
    locked = [at % 2 == 1 for at, stretch in enumerate(stretches) for _ in stretch]
    ends = list(accumulate(len(piece.text) for piece in pieces))
    found: set[int] = set()
    for piece, end in zip(pieces, ends, strict=True):
        letters = zip(piece.text, locked[end - len(piece.text) : end], strict=True)
        if piece.feature is not None and any(held and not letter.isspace() for letter, held in letters):
            found.add(piece.feature)
    return found
