from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from llm_attr_widget.tokens import aligned_texts, encode, special_ids, special_texts, token_texts
from tests.inputs.kinds import CORPUS, KINDS, TEXTS, plain_bpe, tokenizer_of

SETTINGS = settings(max_examples=60, deadline=None)
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@SETTINGS
@given(text=TEXTS)
@example(text="")
@example(text="don't stop, Dave ! I am 'here' .")
def test_token_texts_join_to_what_the_tokenizer_decodes(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    ids = tokenizer(text)["input_ids"]
    texts = token_texts(tokenizer, ids)
    assert len(texts) == len(ids)
    assert "".join(texts) == (tokenizer.decode(ids) if ids else "")


@every_kind
@SETTINGS
@given(text=TEXTS)
@example(text="")
def test_aligned_texts_join_to_the_text_itself(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    ids, texts = aligned_texts(tokenizer, text)
    assert ids == encode(tokenizer, [text])[0]
    assert len(texts) == len(ids)
    if ids:
        assert "".join(texts) == text


@pytest.mark.parametrize(
    "kind", ["byte_bpe", "byte_bpe_without_offsets", "sentencepiece", "sentencepiece_without_offsets"]
)
def test_a_character_spread_over_tokens_belongs_to_the_first(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    _, texts = aligned_texts(tokenizer, "a 🙂!")
    own = [text for text in texts if text]
    assert own[-2:] == ["🙂", "!"]
    at = texts.index("🙂")
    assert texts[at:] == ("🙂", "", "", "", "!")


@pytest.mark.parametrize("kind", ["byte_bpe", "sentencepiece"])
def test_token_texts_agree_with_the_offsets_of_a_fast_tokenizer(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    ids, by_offsets = aligned_texts(tokenizer, CORPUS[0])
    assert token_texts(tokenizer, ids[1:]) == by_offsets[1:]


def test_the_words_of_an_uncased_tokenizer_are_found_in_the_text() -> None:
    for kind in ("wordpiece", "wordpiece_without_offsets"):
        ids, texts = aligned_texts(tokenizer_of(kind), "DAVE lives in Pälm")
        assert texts[0] == texts[-1] == ""
        assert "".join(texts[1:-1]) == "DAVE lives in Pälm"
        assert " in" in texts
        assert len(ids) == len(texts)


def test_unknown_words_keep_their_text() -> None:
    for kind in ("wordpiece", "wordpiece_without_offsets"):
        tokenizer = tokenizer_of(kind)
        ids, texts = aligned_texts(tokenizer, "a ☃☃ is")
        unknown = ids.index(tokenizer.unk_token_id)
        assert texts[unknown] == " ☃☃"


def test_a_decoder_that_rewrites_what_it_wrote_is_followed() -> None:
    """A tokenizer that tidies up spaces turns "do n ' t" into "don't" only when it sees the end."""

    class Tidy:
        all_special_ids: tuple[int, ...] = ()

        def decode(self, ids: list[int]) -> str:
            return " ".join(["do", "n", "'", "t", "go"][i] for i in ids).replace(" n ' t", "n't")

    texts = token_texts(Tidy(), [0, 1, 2, 3, 4])  # pyright: ignore[reportArgumentType]
    assert "".join(texts) == "don't go"
    assert texts[0] == "do"
    assert texts[-1] == " go"


def test_encode_gives_each_text_the_ids_it_has_alone() -> None:
    texts = ["a", "", CORPUS[0], "a", CORPUS[2]]
    for kind in KINDS:
        tokenizer = tokenizer_of(kind)
        assert encode(tokenizer, texts) == [tuple(tokenizer(text)["input_ids"]) for text in texts]
        assert encode(tokenizer, []) == []


def test_unk_is_special_only_where_it_is_also_something_else() -> None:
    assert special_ids(tokenizer_of("wordpiece")) == {0, 2, 3}
    gpt2 = plain_bpe()
    gpt2.unk_token = gpt2.eos_token
    assert special_ids(gpt2) == {gpt2.eos_token_id}


def test_special_texts_are_longest_first() -> None:
    assert special_texts(tokenizer_of("byte_bpe")) == ("<pad>", "</s>", "<s>")
