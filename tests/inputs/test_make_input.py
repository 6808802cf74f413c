from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput, TemplateInput, TextInput, TokenInput, make_input
from tests.inputs.kinds import byte_bpe, tokenizer_of
from tests.support import FunctionModel


@pytest.mark.parametrize("granularity", ["word", "sentence", "paragraph"])
def test_a_text_becomes_spans(granularity: Any) -> None:
    made = make_input(tokenizer_of("byte_bpe"), "Hi there.", granularity=granularity)
    assert isinstance(made, TextInput)
    assert made.granularity == granularity


@pytest.mark.parametrize("prompt", ["Hi there.", [300, 301], np.array([300, 301])])
def test_tokens_become_tokens(prompt: Any) -> None:
    assert isinstance(make_input(tokenizer_of("byte_bpe"), prompt, granularity="token"), TokenInput)


def test_messages_become_a_chat() -> None:
    tokenizer = byte_bpe()
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    made = make_input(tokenizer, [{"role": "user", "content": "Hi. You."}], granularity="sentence")
    assert isinstance(made, ChatInput)
    assert made.features == ("Hi.", " You.")


def test_an_input_passes_through_without_a_tokenizer() -> None:
    made = TextInput(tokenizer_of("byte_bpe"), "Hi")
    assert make_input(None, made) is made


def test_what_is_no_prompt_is_refused() -> None:
    with pytest.raises(InputError, match="got float"):
        make_input(tokenizer_of("byte_bpe"), 3.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="tokenizer"):
        make_input(None, "Hi")


@pytest.mark.parametrize(
    ("made", "units"),
    [
        (TextInput(tokenizer_of("byte_bpe"), "a b", granularity="sentence"), "sentence"),
        (TextInput(tokenizer_of("byte_bpe"), "a b", granularity=re.compile("b")), "match of 'b'"),
        (TextInput(tokenizer_of("byte_bpe"), "a b", granularity=[(0, 1)]), "span"),
        (TokenInput(tokenizer_of("byte_bpe"), "a b"), "token"),
        (TemplateInput(tokenizer_of("byte_bpe"), "{}", ["a"]), "slot"),
    ],
)
def test_a_result_says_what_its_features_are(made, units) -> None:
    model = FunctionModel(lambda ids, target: [-1.0] * len(target))
    result = attribute(model, tokenizer_of("byte_bpe"), made, [5], method="leave_one_out", progress=False)
    assert result.provenance.granularity == units
