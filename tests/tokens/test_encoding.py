"""What a tokenizer adds around a text is there once, by hand, for tokenizers that add other things at other ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tokenizers import processors

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.inputs import TemplateInput, TextInput, TokenInput
from llm_attr_widget.tokens import aligned_texts, begins_itself, encode
from tests.inputs.kinds import WithoutOffsets, byte_bpe, sentencepiece, wordpiece

BOS, EOS, PAD = 0, 1, 2


def adding(template: str) -> Any:
    """A byte-level tokenizer whose <s>, </s>, <pad> are 0, 1, 2 and which puts them around $A as the template says."""
    made = byte_bpe()
    specials = [("<s>", BOS), ("</s>", EOS), ("<pad>", PAD)]
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=specials)
    return made


def plain(text: str) -> tuple[int, ...]:
    return tuple(byte_bpe()(text, add_special_tokens=False)["input_ids"])


CASES = [
    # added, text, what it begins with, the words, what it ends with
    ("<s> $A", "Dave", [BOS], "Dave", []),
    ("<s> $A", "<s>Dave", [BOS], "Dave", []),
    ("<s> $A", "<s> Dave", [BOS], " Dave", []),
    ("<s> $A", "\n<s>Dave", [*plain("\n"), BOS], "Dave", []),
    ("$A </s>", "Dave</s>\n", [], "Dave", [EOS, *plain("\n")]),
    ("<s> $A", "<s><pad>Dave", [BOS, PAD], "Dave", []),
    ("<s> $A", "<pad><pad><s>Dave", [PAD, PAD, BOS], "Dave", []),
    ("<s> $A", "<s><s>Dave", [BOS, BOS], "Dave", []),
    ("<s> $A", "Dave<s>", [BOS], "Dave", [BOS]),
    ("<s> $A </s>", "<s>Dave", [BOS], "Dave", [EOS]),
    ("<s> $A </s>", "<s>Dave</s>", [BOS], "Dave", [EOS]),
    ("<s> $A </s>", "Dave</s>", [BOS], "Dave", [EOS]),
    ("$A </s>", "Dave", [], "Dave", [EOS]),
    ("$A </s>", "Dave</s>", [], "Dave", [EOS]),
    ("$A </s>", "Dave</s></s>", [], "Dave", [EOS, EOS]),
    ("$A </s>", "</s>Dave", [EOS], "Dave", [EOS]),
    ("<pad> <s> $A", "<pad><s>Dave", [PAD, BOS], "Dave", []),
    ("<pad> <s> $A", "<s>Dave", [PAD, BOS], "Dave", []),
    ("<pad> <s> $A", "<pad>Dave", [PAD, BOS, PAD], "Dave", []),
    ("<s> $A <s>", "<s>Dave", [BOS], "Dave", [BOS]),
    ("$A", "<s>Dave</s>", [BOS], "Dave", [EOS]),
]


@pytest.mark.parametrize(("template", "text", "front", "words", "back"), CASES)
@pytest.mark.parametrize("fast", [True, False])
def test_what_is_added_stands_once(
    template: str, text: str, front: list[int], words: str, back: list[int], fast: bool
) -> None:
    tokenizer = adding(template) if fast else WithoutOffsets(adding(template))
    right = (*front, *plain(words), *back)
    assert encode(tokenizer, [text, "is", text])[::2] == [right, right]
    ids, texts = aligned_texts(tokenizer, text)
    assert ids == right
    assert "".join(texts) == text
    token = TokenInput(tokenizer, text, perturb_special=True)
    assert token.render(np.ones((1, len(token.features)), dtype=bool), np.random.default_rng(0))[0].ids == right
    span = TextInput(tokenizer, text)
    assert span.render(np.ones((1, len(span.features)), dtype=bool), np.random.default_rng(0))[0].ids == right
    slot = TemplateInput(tokenizer, text.replace("Dave", "{}"), ["Dave"])
    assert slot.render(np.ones((1, 1), dtype=bool), np.random.default_rng(0))[0].ids == right


def test_without_special_tokens_a_text_is_encoded_as_it_is() -> None:
    assert encode(adding("<s> $A"), ["<s>a"], add_special_tokens=False) == [(BOS, *plain("a"))]


def test_other_kinds_of_tokenizers_add_once_too() -> None:
    spaced = sentencepiece()
    assert encode(spaced, ["<s> Dave"])[0].count(spaced.bos_token_id) == 1
    assert encode(spaced, ["<s> Dave"]) == [tuple(spaced("<s> Dave", add_special_tokens=False)["input_ids"])]
    pieces = wordpiece()
    cls, sep = pieces.cls_token_id, pieces.sep_token_id
    inner = tuple(pieces("is", add_special_tokens=False)["input_ids"])
    for text in ("is", "[CLS] is", "is [SEP]", "[CLS] is [SEP]"):
        assert encode(pieces, [text]) == [(cls, *inner, sep)]


def test_whether_a_text_begins_itself() -> None:
    tokenizer = adding("<s> $A")
    assert begins_itself(tokenizer, "<s>a")
    assert not begins_itself(tokenizer, "a<s>")
    assert not begins_itself(tokenizer, "a")


def test_rendered_chat_text_scores_as_the_chat() -> None:
    """The number itself: rendered text, messages and ids are the same prompt, in the widget too."""
    model, tokenizer = load_text()
    messages = [{"role": "user", "content": "Ivo has a robot. Who has a robot?"}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert ids.count(tokenizer.bos_token_id) == 1
    options: Any = {"method": "leave_one_out", "progress": False}
    chat = attribute(model, tokenizer, messages, " Ivo", **options)
    for prompt in (
        text,
        TokenInput(tokenizer, text),
        ids,
        TemplateInput(tokenizer, text.replace("Ivo", "{}"), ["Ivo"]),
    ):
        made = attribute(model, tokenizer, prompt, " Ivo", **options)
        np.testing.assert_allclose(made.sequence_ends[0], chat.sequence_ends[0], atol=1e-4)
    widget = AttrWidget(model, tokenizer, text, " Ivo", method="leave_one_out")
    widget.run()
    np.testing.assert_allclose(widget.wait(60).sequence_ends[0], chat.sequence_ends[0], atol=1e-4)
