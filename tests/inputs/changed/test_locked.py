"""Stretches of a prompt's text locked in every kind of prompt: whatever is absent, they are still there."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput, ImageInput, TemplateInput, TextInput, TokenInput
from llm_attr_widget.inputs.changed.locked import locked_in
from llm_attr_widget.types import Input
from tests.inputs.image.processors import KINDS, build, picture
from tests.inputs.kinds import tokenizer_of
from tests.support import BitsInput

PROMPT = "Dave lives in Palm Coast, FL and golfs."
WORDS = tokenizer_of("byte_bpe")
EXACT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"


def stretches(prompt: Input, *locked: str) -> list[str]:
    """The prompt's text cut around these parts of it, which come in this order."""
    text = "".join(piece.text for piece in prompt.pieces)
    cut: list[str] = []
    for part in locked:
        before, _, text = text.partition(part)
        cut += [before, part]
    return [*cut, text]


def barest(prompt: Any, tokenizer: Any = WORDS) -> str:
    """What is left where every feature is absent."""
    nothing = np.zeros((1, len(prompt.features)), dtype=bool)
    return tokenizer.decode(prompt.render(nothing, np.random.default_rng(0))[0].ids)


def conversation() -> ChatInput:
    tokenizer = tokenizer_of("byte_bpe")
    tokenizer.chat_template = EXACT
    return ChatInput(tokenizer, [{"role": "user", "content": PROMPT}, {"role": "user", "content": "Why?"}])


def filled() -> TemplateInput:
    return TemplateInput(WORDS, "{} lives in {}, {} and {}.", ["Dave", "Palm Coast", "FL", "golfs"])


@pytest.mark.parametrize(
    ("prompt", "locked", "left"),
    [
        (TextInput(WORDS, PROMPT), ("Palm Coast",), "Palm Coast"),
        (TextInput(WORDS, PROMPT), ("Dave", "FL and"), "Dave FL and"),
        (TextInput(WORDS, PROMPT, granularity="token"), ("Palm",), "Palm"),
        (TextInput(WORDS, "One. Two two. Three.", granularity="sentence"), (" two",), "Two two."),
        (TextInput(WORDS, PROMPT, locked=re.compile("golf")), ("Dave",), "Dave golfs"),
        (TextInput(WORDS, "👩‍👩‍👧 é Dave lives here"), ("Dave",), "Dave"),
        (TokenInput(WORDS, PROMPT), ("Dave",), "Dave"),
        (conversation(), ("Palm Coast",), "<user> Palm Coast\n<user>\n"),
        (filled(), ("Palm Coast",), " lives in Palm Coast,  and ."),
    ],
    ids=["text", "twice", "subwords", "part of it", "by pattern, too", "beyond ASCII", "tokens", "chat", "template"],
)
def test_what_is_locked_is_there_whatever_is_absent(prompt: Input, locked: tuple[str, ...], left: str) -> None:
    held = locked_in(prompt, stretches(prompt, *locked))
    assert type(held) is type(prompt)
    assert 0 < len(held.features) < len(prompt.features) + 1
    assert "".join(piece.text for piece in held.pieces) == "".join(piece.text for piece in prompt.pieces)
    said = barest(held).removeprefix("<s>")
    assert all(part.strip() in said for part in locked)
    assert said.strip() == left.strip()
    assert not any(part in text for part in locked for text in held.features)
    whole = np.ones((1, len(held.features)), dtype=bool)
    everyone = np.ones((1, len(prompt.features)), dtype=bool)
    rng = np.random.default_rng(0)
    assert held.render(whole, rng)[0].ids == prompt.render(everyone, rng)[0].ids


def test_the_words_about_an_image_can_be_locked() -> None:
    _, processor = build(next(iter(KINDS)))
    prompt = ImageInput(processor, picture(), "What colour is the circle?", segments=2, granularity="word")
    held = locked_in(prompt, stretches(prompt, "colour"))
    assert len(held.features) == len(prompt.features) - 1
    assert held.features[:4] == prompt.features[:4]
    said = barest(held, processor.tokenizer)
    assert "colour" in said
    assert "circle" not in said


def test_nothing_locked_leaves_the_prompt_as_it_is() -> None:
    prompt = TextInput(WORDS, PROMPT)
    for nothing in ([], [PROMPT], ["", "", PROMPT]):
        assert locked_in(prompt, nothing) is prompt
    blank = locked_in(prompt, ["Dave", " ", PROMPT[5:]])
    assert blank.features == prompt.features  # white space is no part of a word to hold


@pytest.mark.parametrize(
    ("prompt", "cut", "said"),
    [
        (TextInput(WORDS, PROMPT), ["Nina", " lives"], "got those of 'Nina lives'"),
        (TextInput(WORDS, PROMPT), ["", PROMPT], "lock fewer"),
        (BitsInput(3), ["", " f0 f1 f2"], "all of them locked"),
    ],
)
def test_what_cannot_be_locked_is_told(prompt: Input, cut: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        locked_in(prompt, cut)
