from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import TokenInput
from llm_attr_widget.tokens import encode
from tests.inputs.kinds import KINDS, TEXTS, WithoutOffsets, plain_bpe, tokenizer_of

PROMPT = "Dave lives in 東"
RNG = np.random.default_rng(0)


def without(given: TokenInput, *absent: int) -> tuple[int, ...]:
    present = [[i not in absent for i in range(len(given.features))]]
    return given.render(np.array(present), RNG)[0].ids


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_pieces_join_to_the_prompt_and_all_features_render_to_its_own_ids(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    try:
        made = TokenInput(tokenizer, text)
    except InputError as error:
        if "at least one token" in str(error):
            reject()
        raise
    assert "".join(piece.text for piece in made.pieces) == text
    assert without(made) == encode(tokenizer, [text])[0]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    assert set(without(made, *range(len(made.features)))) <= special


def test_absent_tokens_are_dropped_and_nothing_is_encoded_anew() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    ids = tuple(tokenizer(PROMPT)["input_ids"])
    made = TokenInput(tokenizer, PROMPT)
    assert made.pieces[0].text == ""
    assert made.pieces[0].feature is None
    assert len(made.features) == len(ids) - 1
    assert without(made, 0, 3) == (ids[0], ids[2], ids[3], *ids[5:])
    assert made.baseline == "removed"


def test_a_neutral_token_keeps_the_length() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    ids = tuple(tokenizer(PROMPT)["input_ids"])
    made = TokenInput(tokenizer, PROMPT, baseline_token=None)
    assert made.baseline == "replaced by the pad token '<pad>'"
    assert without(made, 1) == (*ids[:2], tokenizer.pad_token_id, *ids[3:])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("byte_bpe", "the pad token '<pad>'"),
        ("sentencepiece", "the unk token '<unk>'"),
        ("plain_bpe", "the eos token '<|endoftext|>'"),
    ],
)
def test_the_neutral_token_is_pad_then_unk_then_eos(kind: str, words: str) -> None:
    assert TokenInput(tokenizer_of(kind), "a", baseline_token=None).baseline == f"replaced by {words}"


def test_a_tokenizer_without_a_neutral_token_says_so() -> None:
    tokenizer = plain_bpe()
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="pad, unk or eos"):
        TokenInput(WithoutOffsets(tokenizer), "a", baseline_token=None)


def test_any_token_can_be_the_baseline() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    exclamation = tokenizer("!", add_special_tokens=False)["input_ids"][0]
    for token in ("!", exclamation):
        made = TokenInput(tokenizer, "a b", baseline_token=token)
        assert made.baseline == "replaced by the token '!'"
        assert without(made, 0)[1] == exclamation
    with pytest.raises(InputError, match="'xyzzy' is 5 tokens"):
        TokenInput(tokenizer, "a b", baseline_token="xyzzy")


def test_ids_are_taken_as_they_are() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    ids = tokenizer("a b", add_special_tokens=False)["input_ids"]
    made = TokenInput(tokenizer, np.array([0, *ids, 1]))  # pyright: ignore[reportArgumentType]
    assert [(p.text, p.feature) for p in made.pieces] == [("<s>", None), ("a", 0), (" ", 1), ("b", 2), ("</s>", None)]
    assert without(made) == (0, *ids, 1)
    assert all(type(i) is int for i in without(made, 1))


def test_special_tokens_are_features_only_when_asked_for() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    made = TokenInput(tokenizer, "a</s>b", perturb_special=True)
    assert made.features == ("", "a", "</s>", "b")
    assert TokenInput(tokenizer, "a</s>b").features == ("a", "b")


def test_an_unknown_word_is_a_feature() -> None:
    assert TokenInput(tokenizer_of("wordpiece"), "a ☃☃ is").features == ("a", " ☃☃", " is")


def test_skipped_tokens_are_always_present() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    ids = tokenizer("a,b", add_special_tokens=False)["input_ids"]
    for skip in ({","}, {ids[1]}):
        made = TokenInput(tokenizer, "a,b", skip_tokens=skip)
        assert made.features == ("a", "b")
        assert without(made, 0, 1) == (0, ids[1])


@pytest.mark.parametrize("prompt", ["", [], [0], "<s>"])
def test_a_prompt_without_features_is_refused(prompt: Any) -> None:
    with pytest.raises(InputError, match="at least one token"):
        TokenInput(tokenizer_of("byte_bpe"), prompt)


@pytest.mark.parametrize("prompt", [[[1, 2], [3, 4]], ["no token"], 3, [1.5], b"a", [-1, 2]])
def test_a_prompt_that_is_no_list_of_ids_is_refused(prompt: Any) -> None:
    with pytest.raises(InputError, match="token ids"):
        TokenInput(tokenizer_of("byte_bpe"), prompt)
