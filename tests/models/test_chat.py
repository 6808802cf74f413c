"""Labels out of a chat server's likeliest tokens: exact among them, a bound that says so where they are not."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, TargetError
from llm_attr_widget.models import ChatModel
from llm_attr_widget.models.chat import of_label
from llm_attr_widget.models.served.characters import Characters
from llm_attr_widget.types import Generator, Prompt, Scorer
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import Tok
from tests.models.served import Fault, serving

TEXTS = ["Who is it?", "Who is", "is it?", "?"]


@pytest.fixture(scope="module")
def model():
    return build("llama")


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr("llm_attr_widget.models.served.server.FIRST_WAIT", 1e-3)


@pytest.fixture(scope="module")
def truth(model):
    """Log-probs of all tokens after each text, `(texts, vocabulary)`."""
    asked = [[Tok.bos_token_id, *Tok().encode(text)] for text in TEXTS]
    return np.array([[by_hand(model, ids, (token,))[0] for token in range(97)] for ids in asked])


def letters(row):
    """Tokens from the likeliest to the least likely, as far as they are letters or digits."""
    return [token for token in np.argsort(row)[::-1] if chr(token + 32).isalnum()]


def scores(chat, label):
    found = np.full(len(TEXTS), np.nan)
    asked = [Prompt(tuple(chat.tokenizer.encode(text))) for text in TEXTS]
    for batch in chat.score(asked, chat.tokenizer.encode(label)):
        found[list(batch.rows)] = batch.log_probs[:, 0]
    return found


def test_a_label_is_exact_among_the_likeliest_and_bounded_outside(model, truth):
    likely, unlikely = letters(truth[0])[0], letters(truth[0])[-1]
    with serving(model, Tok()) as served:
        chat = ChatModel(served.url, labels=[chr(likely + 32), chr(unlikely + 32)])
        assert isinstance(chat, Scorer)
        assert isinstance(chat, Generator)
        assert chat.doubts == ()
        told = np.sort(truth, axis=1)[:, -20:]
        bounded = 0
        for token in (likely, unlikely):
            found = scores(chat, chr(token + 32))
            exact = truth[:, token] >= told[:, 0]
            np.testing.assert_allclose(found[exact], truth[exact, token], atol=1e-4)
            assert (truth[~exact, token] <= found[~exact] + 1e-4).all()
            rest = np.log(1 - np.exp(told[~exact]).sum(axis=1))
            np.testing.assert_allclose(found[~exact], np.minimum(told[~exact, 0], rest), atol=1e-4)
            bounded += int((~exact).sum())
        assert bounded
        assert f"{bounded} answers" in chat.doubts[0]
        assert "upper bound" in chat.doubts[0]


def test_all_spellings_of_a_label_are_it():
    told = [("Yes", np.log(0.5)), (" Yes", np.log(0.2)), ("yes", np.log(0.1)), ("No", np.log(0.05))]
    assert of_label(told, "Yes").log_prob == pytest.approx(np.log(0.7))
    assert not of_label(told, "Yes").bound
    assert of_label(told, "Maybe").log_prob == pytest.approx(np.log(0.05))  # less than the last that was told of
    assert of_label([("Yes", np.log(0.9)), ("No", np.log(0.09))], "Maybe").log_prob == pytest.approx(np.log(0.01))
    assert of_label([("Yes", 0.0)], "Maybe").bound


def test_it_is_a_model_for_attribute(model, truth):
    label = chr(letters(truth[0])[0] + 32)
    with serving(model, Tok()) as served:
        chat = ChatModel(served.url, labels=[label, "zz"])
        found = attribute(chat, None, TEXTS[0], label, method="leave_one_out", progress=False)
        assert "".join(found.features) == TEXTS[0]
        assert found.outputs == (label,)
        assert found.ends[0, 0] == pytest.approx(truth[0, ord(label) - 32], abs=1e-4)
        bounded = attribute(chat, None, TEXTS[0], "zz", method="leave_one_out", progress=False)
        assert any("upper bound" in doubt for doubt in bounded.doubts)


def test_the_system_message_is_sent_and_the_key_is_not_pickled(model, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(model, Tok()) as served:
        chat = ChatModel(served.url, labels=["a", "b"], system="Be brief.", api_key="very-secret")
        again = pickle.loads(pickle.dumps(chat))
        assert b"very-secret" not in pickle.dumps(chat)
        np.testing.assert_allclose(scores(again, "a"), scores(chat, "a"), atol=1e-5)
        assert (repr(again), again.fingerprint) == (repr(chat), chat.fingerprint)
        first = {"role": "system", "content": "Be brief."}
        assert {tuple(turn["messages"][0].items()) for turn in served.asked} == {tuple(first.items())}
        assert {turn["messages"][1]["content"] for turn in served.asked} == set(TEXTS)
        assert ChatModel(served.url, labels=["a", "b"]).fingerprint != chat.fingerprint


def test_answers_are_kept_when_a_request_fails(model):
    with serving(model, Tok()) as served:
        chat, whole = ChatModel(served.url, labels=["a"], in_flight=1, retries=0), served.answer
        served.answer = lambda path, body: (
            (503, {}) if body["messages"][0]["content"] == TEXTS[2] else whole(path, body)
        )
        found = []
        prompts = [Prompt(tuple(chat.tokenizer.encode(text))) for text in TEXTS]
        run = chat.score(prompts, chat.tokenizer.encode("a"))
        found += [*next(run).rows, *next(run).rows]
        with pytest.raises(ScoreError, match="did not answer"):
            next(run)
        assert found == [0, 1]


def test_mistakes_are_named(model):
    with serving(model, Tok()) as served:
        chat = ChatModel(served.url, labels=["yes", "no"])
        with pytest.raises(TargetError, match="expected one of yes, no, got 'maybe'"):
            chat.score([], chat.tokenizer.encode("maybe"))
        with pytest.raises(InputError, match="asked by text"):
            chat.score([Prompt((65,), {"pixels": 1}, "x")], chat.tokenizer.encode("yes"))
        with pytest.raises(ScoreError, match="None of the labels yes, no"):
            chat.generate(Prompt((65,)), max_new_tokens=1, options={})
        with pytest.raises(InputError, match="no options"):
            chat.generate(Prompt((65,)), max_new_tokens=1, options={"top_k": 3})
        for said, words in (({"choices": [{"logprobs": None}]}, "top_logprobs"), ({"detail": "x"}, "top_logprobs")):
            served.failures.append(Fault(200, said))
            with pytest.raises(CapabilityError, match=words):
                scores(chat, "yes")
        with pytest.raises(InputError, match="serves tiny, and no model 'other'"):
            ChatModel(served.url, labels=["a"], model="other")
    for labels in ([""], ["a", " a"]):
        with pytest.raises(InputError, match="different and not empty"):
            Characters(labels)
    for options in ({"in_flight": 0}, {"told": 21}):
        with pytest.raises(InputError, match="told from 1 to 20"):
            ChatModel("http://localhost:1/v1", labels=["a"], **options)
    with pytest.raises(InputError, match="base_url"):
        ChatModel(labels=["a"])
