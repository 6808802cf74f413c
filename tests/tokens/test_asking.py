"""Tokenizers that are less than Hugging Face's: each is asked in its own way, and gives what the whole one gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import TemplateInput, TextInput, TokenInput
from llm_attr_widget.tokens import (
    aligned_texts,
    decode,
    encode,
    named_id,
    special_ids,
    token_id,
    token_names,
    token_texts,
    tokenizer_of,
)
from tests.inputs.kinds import byte_bpe, sentencepiece, wordpiece

TEXT = "Dave lives in Palm 東!"
WHOLE = byte_bpe()
"""<s> is 0 and put before each text, </s> is 1, <pad> is 2."""


class EncodesOnly:
    """`encode` and `decode`, no call."""

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return WHOLE.encode(text, add_special_tokens=add_special_tokens)

    def decode(self, ids: list[int]) -> str:
        return WHOLE.decode(ids)


class GivesTensors(EncodesOnly):
    """Ids as a tensor of one row, whatever is asked for."""

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.tensor([self.encode(text, add_special_tokens)])}


class GivesTensorsOnly:
    def encode(self, text: str, **options: Any) -> torch.Tensor:
        return torch.tensor([WHOLE.encode(text, add_special_tokens=options.get("add_special_tokens", True))])

    def decode(self, ids: torch.Tensor) -> str:
        return WHOLE.decode(ids[ids >= 0].cpu().tolist())


class DecodesTensors(EncodesOnly):
    """Captum's interface."""

    def decode(self, ids: torch.Tensor) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return WHOLE.decode(ids.tolist())


class InsistsOnTensors(EncodesOnly):
    def decode(self, ids: torch.Tensor) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert isinstance(ids, torch.Tensor), "expected a tensor"
        return WHOLE.decode(ids)


class KnowsNoKeyword:
    """Adds its bos to every text, and cannot be told not to."""

    def __call__(self, text: str) -> list[int]:
        return WHOLE(text)["input_ids"]

    def decode(self, ids: Iterable[int]) -> str:
        return WHOLE.decode(list(ids))


class IgnoresKeywords(KnowsNoKeyword):
    def __call__(self, text: str, **options: Any) -> list[int]:  # pyright: ignore[reportIncompatibleMethodOverride]
        del options
        return WHOLE(text)["input_ids"]


class HoldsItsEngine(EncodesOnly):
    """As MistralCommonBackend and ChatGLM's: an engine of another kind in `.tokenizer`."""

    def __init__(self, engine: Any) -> None:
        self.tokenizer = engine


LESS: dict[str, Callable[[], Any]] = {
    "encodes only": EncodesOnly,
    "ids as tensors": GivesTensors,
    "tensors only": GivesTensorsOnly,
    "decodes tensors": DecodesTensors,
    "insists on tensors": InsistsOnTensors,
    "knows no keyword": KnowsNoKeyword,
    "ignores keywords": IgnoresKeywords,
    "holds an engine": lambda: HoldsItsEngine(object()),
    "holds a tokenizer": lambda: HoldsItsEngine(wordpiece()),
    "tokenizers' own": lambda: WHOLE.backend_tokenizer,
}
every_kind = pytest.mark.parametrize("kind", LESS)


@every_kind
def test_lesser_tokenizers_encode_and_decode_as_the_whole_one(kind: str) -> None:
    less = LESS[kind]()
    ids = WHOLE(TEXT)["input_ids"]
    assert encode(less, [TEXT, "", TEXT]) == [tuple(ids), (0,), tuple(ids)]
    assert encode(less, [TEXT], add_special_tokens=False) == [tuple(ids[1:])]
    assert decode(less, ids) == "<s>" + TEXT
    assert decode(less, []) == ""
    assert token_texts(less, ids) == token_texts(WHOLE, ids)
    assert aligned_texts(less, TEXT) == aligned_texts(WHOLE, TEXT)


@every_kind
def test_lesser_tokenizers_make_the_same_inputs(kind: str) -> None:
    less = tokenizer_of(LESS[kind]())
    for make in (
        lambda tokenizer: TextInput(tokenizer, TEXT),
        lambda tokenizer: TextInput(tokenizer, TEXT, granularity="token"),
        lambda tokenizer: TokenInput(tokenizer, TEXT),
        lambda tokenizer: TemplateInput(tokenizer, "{} lives in {}", ["Dave", "Palm"]),
    ):
        mine, whole = make(less), make(WHOLE)
        assert mine.features == whole.features
        rows = np.random.default_rng(0).random((4, len(whole.features))) < 0.5
        mine_ids, whole_ids = ([p.ids for p in each.render(rows, np.random.default_rng(0))] for each in (mine, whole))
        assert mine_ids == whole_ids


@every_kind
def test_the_bos_is_special_also_where_a_tokenizer_does_not_say_so(kind: str) -> None:
    assert 0 in special_ids(LESS[kind]())
    assert not {WHOLE.convert_tokens_to_ids("Ġ"), WHOLE.convert_tokens_to_ids("D")} & special_ids(LESS[kind]())


def test_names_and_ids_of_tokens() -> None:
    space = WHOLE.convert_tokens_to_ids("Ġ")
    raw = WHOLE.backend_tokenizer
    assert token_names(WHOLE, [0, space]) == token_names(raw, [0, space]) == ["<s>", "Ġ"]
    assert token_names(EncodesOnly(), [0, space]) == ["<s>", " "]
    assert token_names(object(), [7]) == ["<7>"]
    assert token_id(raw, "Ġ") == token_id(WHOLE, "Ġ") == space
    assert token_id(EncodesOnly(), " ") == space
    assert token_id(EncodesOnly(), "Dave lives in") is None

    class SentencePieceLike:
        def bos_id(self) -> int:
            return 3

        def pad_id(self) -> int:
            return -1

    assert named_id(WHOLE, "pad") == 2
    assert named_id(SentencePieceLike(), "bos") == 3
    assert named_id(SentencePieceLike(), "pad") is None
    assert named_id(SentencePieceLike(), "eos") is None


def test_a_tokenizer_whose_text_has_the_bos_already_and_no_keyword_keeps_one() -> None:
    assert encode(KnowsNoKeyword(), ["<s>Dave"]) == [(0, *WHOLE("Dave", add_special_tokens=False)["input_ids"])]


class Captums:
    """As captum's own tests have it: words, those that it does not know and the empty one are 1."""

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        ids = [ord(word) if len(word) == 1 else 1 for word in text.split(" ")]
        return [0, *ids] if add_special_tokens else ids

    def decode(self, ids: torch.Tensor) -> str:
        return " ".join("<sos>" if i == 0 else "<unk>" if i == 1 else chr(i) for i in ids.tolist())


def test_what_an_empty_text_is_says_nothing_where_the_keyword_is_followed() -> None:
    assert encode(Captums(), ["?? a", "a ??"], add_special_tokens=False) == [(1, 97), (97, 1)]
    assert encode(Captums(), ["?? a"]) == [(0, 1, 97)]
    assert special_ids(Captums()) == {0}


def test_raw_tokenizers_that_hide_special_tokens_show_them() -> None:
    raw: Tokenizer = sentencepiece().backend_tokenizer
    assert raw.decode([1, 2]) == ""
    assert decode(raw, [1, 2]) == "<s></s>"


def test_a_processor_is_told_by_what_it_reads() -> None:
    class Processor:
        def __init__(self, **parts: Any) -> None:
            self.__dict__.update(parts)

        def decode(self, ids: Sequence[int]) -> str:
            return WHOLE.decode(ids)

    class Forwards(Processor):
        def __getattr__(self, name: str) -> Any:
            return getattr(WHOLE, name)

    engine = object()
    assert tokenizer_of(Processor(tokenizer=WHOLE, image_processor=engine)) is WHOLE
    assert tokenizer_of(Processor(tokenizer=WHOLE, feature_extractor=engine)) is WHOLE
    assert tokenizer_of(Processor(tokenizer=WHOLE)) is WHOLE
    assert tokenizer_of(Forwards(tokenizer=WHOLE, image_processor=engine)) is WHOLE
    for itself in (WHOLE, HoldsItsEngine(engine), HoldsItsEngine(WHOLE), Forwards(tokenizer=WHOLE), engine):
        assert tokenizer_of(itself) is itself


def test_what_cannot_encode_or_decode_is_named() -> None:
    class Decodes:
        def decode(self, ids: object) -> str:
            raise TypeError("neither")

    with pytest.raises(InputError, match=r"neither a call nor encode"):
        encode(Decodes(), ["a"])
    with pytest.raises(InputError, match="neither a list nor a tensor"):
        decode(Decodes(), [1])


@pytest.mark.parametrize("text", ["\ud83d", "a\udc00b"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    for make in (lambda: encode(WHOLE, [text]), lambda: TokenInput(WHOLE, text), lambda: TextInput(WHOLE, text)):
        with pytest.raises(InputError, match="half a surrogate pair"):
            make()
