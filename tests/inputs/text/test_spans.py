from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import TextInput
from llm_attr_widget.inputs.text.spans import Cut
from llm_attr_widget.tokens import encode
from tests.inputs.kinds import KINDS, TEXTS, tokenizer_of

PROMPT = "Dave lives in Palm Coast, FL."
GRANULARITIES = ("token", "word", "phrase", "sentence", "paragraph", re.compile(r"\w+"))
RNG = np.random.default_rng(0)


def without(given: TextInput, *absent: int) -> str:
    present = [[i not in absent for i in range(len(given.features))]]
    return given.texts(np.array(present))[0]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS, granularity=st.sampled_from(GRANULARITIES))
@example(text="<s>", granularity="word")
def test_pieces_join_to_the_prompt_and_all_features_render_to_its_own_ids(
    kind: str, text: str, granularity: Cut
) -> None:
    tokenizer = tokenizer_of(kind)
    try:
        made = TextInput(tokenizer, text, granularity=granularity)
    except InputError as error:
        if "at least one feature" in str(error):
            reject()
        raise
    assert "".join(piece.text for piece in made.pieces) == text
    everyone = np.ones((1, len(made.features)), dtype=bool)
    assert made.texts(everyone) == [text]
    assert made.render(everyone, RNG)[0].ids == encode(tokenizer, [text])[0]
    assert [p.feature for p in made.pieces if p.feature is not None] == list(range(len(made.features)))


@given(text=TEXTS, seed=st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_no_coalition_begins_with_a_space_that_the_prompt_has_not(text: str, seed: int) -> None:
    assume(text.strip() and not text[0].isspace() and not re.search(r"<s>|</s>", text))
    made = TextInput(tokenizer_of("byte_bpe"), text)
    rows = np.random.default_rng(seed).random((5, len(made.features))) < 0.5
    for row, rendered in zip(rows, made.texts(rows), strict=True):
        kept = "".join(feature for feature, here in zip(made.features, row, strict=True) if here)
        assert rendered == kept.lstrip()


def test_features_are_words_with_the_space_before_them() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), PROMPT)
    assert made.features == ("Dave", " lives", " in", " Palm", " Coast", ",", " FL", ".")
    assert made.baseline == "removed"
    assert not made.random


def test_without_its_first_word_the_text_begins_with_the_next() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), PROMPT)
    assert without(made, 0) == "lives in Palm Coast, FL."
    assert without(made, 0, 1, 2) == "Palm Coast, FL."
    assert without(made, 2) == "Dave lives Palm Coast, FL."
    assert without(made, *range(8)) == ""
    indented = TextInput(tokenizer_of("byte_bpe"), "  one two")
    assert without(indented, 0) == " two"


def test_special_tokens_in_the_text_stay_and_a_stretch_begins_after_each() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), "<s>I live here</s>\n<s>You too")
    assert [p.text for p in made.pieces if p.feature is None] == ["<s>", "</s>", "\n", "<s>"]
    assert made.features == ("I", " live", " here", "You", " too")
    assert without(made, 0, 3) == "<s>live here</s>\n<s>too"
    assert without(made, 0, 1, 2, 3, 4) == "<s></s>\n<s>"


def test_tokens_are_never_cut_across_a_special_token() -> None:
    made = TextInput(tokenizer_of("plain_bpe"), "a<|endoftext|>b", granularity="token")
    assert made.features == ("a", "b")


def test_a_baseline_text_stands_where_the_feature_stood() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), PROMPT, baseline_text="_")
    assert without(made, 0, 1, 5) == "_ _ in Palm Coast_ FL."
    assert made.baseline == "replaced by '_'"


def test_only_what_a_pattern_matches_is_a_feature() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), PROMPT, granularity=re.compile(r"[A-Z]\w+|x*"))
    assert made.features == ("Dave", "Palm", "Coast", "FL")
    assert without(made, 0, 2) == " lives in Palm , FL."


def test_spans_are_features() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), PROMPT, granularity=[(0, 4), (13, 24), (24, 28)])
    assert made.features == ("Dave", " Palm Coast", ", FL")
    assert without(made, 1) == "Dave lives in, FL."


@pytest.mark.parametrize("spans", [[(3, 3)], [(0, 4), (2, 6)], [(4, 6), (0, 2)], [(0, 99)], [(-2, 3)]])
def test_bad_spans_are_refused(spans: Any) -> None:
    with pytest.raises(InputError, match="ascend, do not overlap"):
        TextInput(tokenizer_of("byte_bpe"), PROMPT, granularity=spans)


def test_locked_words_are_always_present() -> None:
    by_pattern = TextInput(tokenizer_of("byte_bpe"), PROMPT, locked=re.compile(r"^\W+$"))
    assert by_pattern.features == ("Dave", " lives", " in", " Palm", " Coast", " FL")
    assert without(by_pattern, *range(6)) == ",."
    by_position = TextInput(tokenizer_of("byte_bpe"), PROMPT, locked=(0, 7))
    assert by_position.features == (" lives", " in", " Palm", " Coast", ",", " FL")
    assert without(by_position, 0) == "Dave in Palm Coast, FL."
    with pytest.raises(InputError, match=r"range\(8\), got 8"):
        TextInput(tokenizer_of("byte_bpe"), PROMPT, locked=(8,))


@pytest.mark.parametrize("prompt", ["", "   ", "\n", "<s>", "<s> </s>"])
def test_a_prompt_without_features_is_refused(prompt: str) -> None:
    with pytest.raises(InputError, match="at least one feature"):
        TextInput(tokenizer_of("byte_bpe"), prompt)


def test_a_prompt_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="got int"):
        TextInput(tokenizer_of("byte_bpe"), 3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="surrogate"):
        TextInput(tokenizer_of("byte_bpe"), "a\udc00")


@pytest.mark.parametrize("rows", [np.ones(8, dtype=bool), np.ones((1, 7), dtype=bool), np.ones((1, 8))])
def test_coalitions_of_another_shape_are_refused(rows: Any) -> None:
    with pytest.raises(InputError, match=r"\(coalitions, 8\)"):
        TextInput(tokenizer_of("byte_bpe"), PROMPT).render(rows, RNG)


def test_no_coalitions_render_to_no_prompts() -> None:
    assert TextInput(tokenizer_of("byte_bpe"), PROMPT).render(np.ones((0, 8), dtype=bool), RNG) == []
