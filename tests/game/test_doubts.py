"""What is odd about prompt and target is told with the result; what cannot be right is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.errors import InputError, ScoreError, TargetError
from llm_attr_widget.game.targets import make_target
from llm_attr_widget.inputs import ChatInput, TokenInput
from llm_attr_widget.models.function import TableModel
from tests.inputs.kinds import byte_bpe, plain_bpe, sentencepiece, wordpiece
from tests.inputs.text.test_chat import GROUNDED, PLAIN
from tests.tokens.test_encoding import adding


def found(tokenizer: Any, prompt: Any, target: Any = " a", *, model: Any = None, **options: Any) -> Attribution:
    """Leave-one-out with a model whose scores depend on the length of the prompt."""
    made = model or TableModel(lambda ids, target: [-0.1 * len(ids)] * len(target))
    return attribute(made, tokenizer, prompt, target, method="leave_one_out", progress=False, **options)


def told(result: Attribution) -> str:
    return " | ".join(result.doubts)


@pytest.mark.parametrize("added", ["$A </s>", "<s> $A </s>"])
def test_a_prompt_that_the_tokenizer_ends_is_doubted(added: str, tmp_path: Path) -> None:
    tokenizer = adding(added)
    for prompt in ("Dave lives", TokenInput(tokenizer, "Dave lives")):
        assert "the tokenizer ends the prompt with '</s>'" in told(found(tokenizer, prompt))
    # One that was written is meant, and so are ids.
    for prompt in ("Dave lives</s>", tokenizer("Dave lives")["input_ids"]):
        assert found(tokenizer, prompt).doubts == ()
    result = found(tokenizer, "Dave lives")
    result.save(tmp_path / "result.npz")
    assert Attribution.load(tmp_path / "result.npz").doubts == result.doubts != ()


def test_other_ends_and_no_ends() -> None:
    assert "ends the prompt with '[SEP]'" in told(found(wordpiece(), "Dave lives", "lives"))
    for tokenizer in (byte_bpe(), plain_bpe(), sentencepiece()):
        assert found(tokenizer, "Dave lives", "lives").doubts == ()


def test_a_target_that_begins_with_a_lone_space_is_doubted() -> None:
    tokenizer = sentencepiece()
    lone = tokenizer(" Dave", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(lone)[0] == "▁"
    assert "begins with a space that is a token of its own" in told(found(tokenizer, "Dave lives", " Dave"))
    assert found(tokenizer, "Dave lives", lone).doubts == ()
    whole = tokenizer("lives", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(whole)[0] != "▁"
    assert found(tokenizer, "Dave lives", "lives").doubts == ()
    assert found(byte_bpe(), "Dave lives", "  a").doubts == ()


def chatty(template: str) -> Any:
    tokenizer = byte_bpe()
    tokenizer.chat_template = template
    return tokenizer


def test_documents_that_the_template_does_not_show_are_refused() -> None:
    messages = [{"role": "user", "content": "Who?"}]
    documents = [{"text": "Dave."}, {"text": "Ivo."}]
    ChatInput(chatty(GROUNDED), messages, documents=documents)
    with pytest.raises(InputError, match=r"does not show document 0 \('Dave.'\)"):
        ChatInput(chatty(PLAIN), messages, documents=documents)
    first = "{{ documents[0].text }}{% for m in messages %}{{ m.content }}{% endfor %}"
    with pytest.raises(InputError, match=r"does not show document 1 \('Ivo.'\)"):
        ChatInput(chatty(first), messages, documents=documents)
    # What is shown in another form is shown.
    quoted = "{{ documents | tojson }}{% for m in messages %}{{ m.content | upper }}{% endfor %}"
    made = ChatInput(chatty(quoted), [{"role": "user", "content": "WHO?"}], documents=[{"text": 'a "b"'}])
    assert made.doubts == ()


def test_what_else_the_template_hides_is_told() -> None:
    deaf = "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}{% endif %}{% endfor %}"
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Who lives?"}]
    result = found(chatty(deaf), messages)
    assert told(result) == (
        "the chat template does not show what 'system' says in message 0: it is no part of the prompt"
    )
    assert "not to be trusted: the chat template does not show" in repr(result)
    tools = [{"name": "look"}]
    assert "does not show the tools" in " ".join(ChatInput(chatty(PLAIN), messages, tools=tools).doubts)
    documents = [{"text": "Dave."}]
    assert ChatInput(chatty(GROUNDED), messages, tools=tools, documents=documents).doubts == ()
    assert found(chatty(PLAIN), messages).doubts == ()


@pytest.mark.parametrize("target", ["\ud83d", "a\udc00"])
def test_half_a_surrogate_pair_is_no_target(target: str) -> None:
    for separate in (False, True):
        with pytest.raises(TargetError, match="half a surrogate pair"):
            make_target(byte_bpe(), target, separate=separate)
    with pytest.raises(TargetError, match="half a surrogate pair"):
        found(byte_bpe(), "Dave lives", " a", against=target)


def test_a_probability_of_zero_has_no_logarithm_to_attribute() -> None:
    never = TableModel(lambda ids, target: [-1.0, *[-np.inf if len(ids) > 2 else -2.0] * (len(target) - 1)])
    tokenizer = plain_bpe()
    for value in ("log_prob", "sequence_log_prob"):
        with pytest.raises(ScoreError, match=r"gives target token 1 \('b'\) the probability 0"):
            found(tokenizer, "a b c", "ab", model=never, value=value)
    result = found(tokenizer, "a b c", "ab", model=never, value="prob")
    # p(a) is the same throughout; p(b) is 0 with the whole prompt and with two of its words.
    np.testing.assert_allclose(result.values, [[0, 0, 0], [0, 0, 0]], atol=1e-9)
    endless = TableModel(lambda ids, target: [np.inf] * len(target))
    with pytest.raises(ScoreError, match=r"NaN or \+infinity"):
        found(tokenizer, "a b", "a", model=endless, value="prob")


@pytest.mark.parametrize("seed", [-1, -(2**40)])
def test_a_seed_below_zero_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        found(byte_bpe(), "Dave lives", seed=seed)
