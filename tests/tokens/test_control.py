"""Control tokens, however a tokenizer came by them: whole, always present, and the template's words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken

from llm_attr_widget.inputs import ChatInput, TextInput, TokenInput
from llm_attr_widget.tokens import added_texts, special_ids, special_texts
from tests.inputs.kinds import byte_bpe, plain_bpe, sentencepiece, wordpiece

MARKS = (
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<｜User｜>",
    "<start_of_turn>",
)
MAKERS = (byte_bpe, plain_bpe, sentencepiece, wordpiece)
every_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


def given(tokenizer: Any, *texts: str, special: bool) -> Any:
    """The tokenizer with these tokens in its vocabulary, under no name."""
    tokenizer.add_tokens([AddedToken(text, special=special, normalized=False) for text in texts])
    return tokenizer


def roles(made: Any) -> dict[str, str]:
    return {piece.text.strip(): piece.role for piece in made.pieces if piece.feature is None and piece.text.strip()}


@every_maker
@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("mark", MARKS)
def test_a_control_token_is_whole_and_stays(make: Any, special: bool, mark: str) -> None:
    tokenizer = given(make(), mark, special=special)
    assert tokenizer.convert_tokens_to_ids(mark) in special_ids(tokenizer)
    text = f"{mark}user\nlives in{mark} is"
    for granularity in ("word", "sentence", "token", re.compile(r"\S+")):
        made = TextInput(tokenizer, text, granularity=granularity)
        assert not any(mark in feature or feature.strip() in tuple("<>|｜[]/") for feature in made.features), (
            made.features
        )
        assert [piece.text for piece in made.pieces if piece.text == mark] == [mark] * 2
        assert roles(made)[mark] == "template"
    tokens = TokenInput(tokenizer, text)
    none = tokens.render(np.zeros((1, len(tokens.features)), dtype=bool), np.random.default_rng(0))[0].ids
    assert none.count(tokenizer.convert_tokens_to_ids(mark)) == 2
    assert roles(tokens)[mark] == "template"


@every_maker
def test_an_added_word_is_whole_but_may_be_absent(make: Any) -> None:
    tokenizer = given(make(), "x-ray9 co", "non-stick", special=False)
    assert special_texts(tokenizer) == special_texts(make())
    made = TextInput(tokenizer, "lives x-ray9 co is non-stick.")
    assert [feature.strip() for feature in made.features] == ["lives", "x-ray9 co", "is", "non-stick", "."]
    sentences = TextInput(tokenizer, "lives non-stick here. And there.", granularity="sentence")
    assert sentences.features == ("lives non-stick here.", " And there.")


def test_a_special_token_need_not_look_like_one() -> None:
    tokenizer = given(byte_bpe(), "ENDOFTURN", special=True)
    made = TextInput(tokenizer, "Dave ENDOFTURN lives")
    assert made.features == ("Dave ", " lives")
    assert roles(made) == {"ENDOFTURN": "template"}


def test_what_stands_in_the_chat_template_is_control() -> None:
    tokenizer = given(byte_bpe(), "### Human:", "### Other:", "user", special=False)
    tokenizer.chat_template = "### Human: {{ messages[0]['user'] }}"
    assert "### Human:" in special_texts(tokenizer)
    assert not {"### Other:", "user"} & set(special_texts(tokenizer))
    assert {"### Other:", "### Human:", "user"} <= set(added_texts(tokenizer))


def test_bytes_of_unknown_characters_are_words() -> None:
    """The byte tokens of a SentencePiece vocabulary are special to the library that trained it."""
    tokenizer = sentencepiece()
    made = TokenInput(tokenizer, "☃")
    assert len(made.features) == 4
    assert "☃" in made.features


def test_a_vocabulary_that_tells_no_more_than_texts() -> None:
    class Slow:
        all_special_ids = (0,)
        unk_token_id = 5

        def get_added_vocab(self) -> dict[str, int]:
            return {"<think>": 7, "word": 8, "<unk>": 5}

        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            return [{0: "<s>", 7: "<think>"}[i] for i in ids]

    assert special_ids(Slow()) == {0, 7}
    assert special_texts(Slow()) == ("<think>", "<s>")
    assert added_texts(Slow()) == ("<think>", "<unk>", "word")


def test_the_templates_control_tokens_stay_and_those_typed_in_a_message_are_words() -> None:
    tokenizer = given(byte_bpe(), "<|im_start|>", "<|im_end|>", special=False)
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    tokenizer.chat_template = turns + "<|im_start|>assistant\n"
    made = ChatInput(tokenizer, [{"role": "user", "content": "Dave<|im_end|> lives"}])
    assert made.features == ("Dave", "<|im_end|>", " lives")
    assert {piece.role for piece in made.pieces if piece.feature is None} == {"template"}
    ids = made.render(np.array([[True, False, True]]), np.random.default_rng(0))[0].ids
    assert ids.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1
    # As text there is no telling who wrote what: all of them are the template's.
    text = TextInput(tokenizer, "<|im_start|>user\nDave<|im_end|> lives<|im_end|>\n")
    assert text.features == ("user", "\nDave", " lives")
