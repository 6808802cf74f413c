"""A completions server as a model, against teacher forcing by hand: a real server with a real model behind it."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, TargetError
from llm_attr_widget.models.openai import OpenAIModel
from llm_attr_widget.types import Generator, Prompt, Scorer
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok
from tests.models.served import serving

PROMPTS = [Prompt(ids) for ids in (PROMPT, PROMPT[:3], PROMPT[1:], PROMPT[::-1], (9, 9), PROMPT[2:5], (40,))]


@pytest.fixture(scope="module")
def model():
    return build("llama")


def connected(served, **options):
    """A model of the server, which then forgets what it was asked to see what it can do."""
    found = OpenAIModel(served.url, **{"tokenizer": Tok(), **options})
    served.asked.clear()
    return found


def scores(remote, prompts=PROMPTS, target=TARGET):
    found = np.full((len(prompts), len(target)), np.nan)
    for batch in remote.score(prompts, target):
        assert np.isnan(found[list(batch.rows)]).all()
        found[list(batch.rows)] = batch.log_probs
    return found


@pytest.mark.parametrize(("batch", "in_flight"), [(1, 1), (2, 4), (16, 1)])
def test_scores_are_teacher_forcing_by_hand_whatever_the_batches(model, batch, in_flight):
    with serving(model, Tok()) as served:
        remote = connected(served, batch=batch, in_flight=in_flight)
        assert isinstance(remote, Scorer)
        assert isinstance(remote, Generator)
        found = scores(remote)
    truth = [by_hand(model, prompt.ids, TARGET) for prompt in PROMPTS]
    np.testing.assert_allclose(found, truth, atol=1e-4)
    assert len(served.asked) == -(-len(PROMPTS) // batch)
    sent = sorted(tuple(ids) for request in served.asked for ids in request["prompt"])
    assert sent == sorted((*prompt.ids, *TARGET) for prompt in PROMPTS)  # ids, joined as ids


def test_a_busy_server_is_asked_again(model):
    with serving(model, Tok()) as served:
        remote = connected(served, in_flight=1)
        served.failures += [503, 429, 500]
        found = scores(remote)
    np.testing.assert_allclose(found[0], by_hand(model, PROMPT, TARGET), atol=1e-4)


def test_a_server_that_stays_busy_is_an_error_that_says_so(model):
    with serving(model, Tok()) as served:
        remote = connected(served, retries=2, in_flight=1, batch=16)
        served.failures += [503] * 3
        with pytest.raises(ScoreError, match="did not answer"):
            scores(remote)


def test_closing_the_scores_sends_no_further_request(model):
    with serving(model, Tok()) as served:
        run = connected(served, batch=1, in_flight=1).score(PROMPTS, TARGET)
        next(run)
        run.close()
        for thread in threading.enumerate():
            if thread.name == "llm_attr_widget request":
                thread.join()
        assert len(served.asked) <= 3  # what was answered, and what was under way by then


def test_what_the_server_writes_is_greedy_and_comes_back_as_ids(model):
    with serving(model, Tok()) as served:
        written = connected(served).generate(Prompt(PROMPT), max_new_tokens=3, options={})
    ids = list(PROMPT)
    for token in written:
        best = max(range(97), key=lambda t: by_hand(model, ids, (t,))[0])
        assert token == best
        ids.append(token)
    assert len(written) == 3


def test_it_is_a_model_for_attribute(model):
    with serving(model, Tok()) as served:
        remote = connected(served)
        found = attribute(remote, Words(), list(PROMPT), target=TARGET, method="leave_one_out")
    assert found.provenance.model == "tiny"
    whole = np.array(by_hand(model, PROMPT, TARGET))
    for feature in range(len(PROMPT)):
        left = by_hand(model, PROMPT[:feature] + PROMPT[feature + 1 :], TARGET)
        np.testing.assert_allclose(found.values[:, feature], whole - left, atol=1e-4)


class Words(Tok):
    all_special_ids = ()


def test_an_empty_prompt_begins_with_the_tokenizers_bos(model):
    with serving(model, Tok()) as served:
        found = scores(connected(served), [Prompt(())])
        np.testing.assert_allclose(found[0], by_hand(model, (Tok.bos_token_id,), TARGET), atol=1e-4)
        with pytest.raises(InputError, match="without any token"):
            scores(connected(served, tokenizer=None), [Prompt(())])


def test_prompts_that_begin_alike_share_a_request_that_asks_for_next_to_nothing(model):
    with serving(model, Tok()) as served:
        scores(connected(served, batch=2, in_flight=1))
    sent = [ids for request in served.asked for ids in request["prompt"]]
    assert sent == [[*ids, *TARGET] for ids in sorted(prompt.ids for prompt in PROMPTS)]
    assert {(request["max_tokens"], request["temperature"]) for request in served.asked} == {(1, 0.0)}


def test_options_go_by_the_names_of_either_side(model):
    """Those of transformers are translated, those that no server knows stay here, and None is left out."""
    with serving(model, Tok()) as served:
        remote = connected(served)
        remote.generate(Prompt(PROMPT), max_new_tokens=2, options={"do_sample": True, "pad_token_id": 0, "seed": 3})
        remote.complete("AB", {"max_new_tokens": 4, "temperature": 0.5, "top_p": None})
        remote.complete("AB", {"max_tokens": 1})
    sampled, warm, greedy = served.asked
    assert sampled == {"model": "tiny", "prompt": list(PROMPT), "max_tokens": 2, "seed": 3, "return_token_ids": True}
    assert warm == {"model": "tiny", "prompt": "AB", "max_tokens": 4, "temperature": 0.5}
    assert greedy["temperature"] == 0.0


class Marked(Tok):
    """Puts a bos before what it encodes unless told otherwise, as Llama's does; has no bos of its own to begin with."""

    bos_token_id = None
    eos_token_id = 7

    def encode(self, text, return_tensors=None, add_special_tokens=True):
        return [1] * add_special_tokens + super().encode(text, return_tensors)


def test_what_comes_back_is_encoded_as_a_continuation_and_eos_begins_where_there_is_no_bos(model):
    with serving(model, Tok(), speaks={"prompt_logprobs"}) as served:
        remote = connected(served, tokenizer=Marked())
        assert len(remote.generate(Prompt(PROMPT), max_new_tokens=3, options={})) == 3
        np.testing.assert_allclose(scores(remote, [Prompt(())])[0], by_hand(model, (7,), TARGET), atol=1e-4)


@pytest.mark.parametrize(
    ("spoilt", "error", "words"),
    [
        (lambda choice: {**choice, "index": 99}, ScoreError, "answer for each of 2 prompts, got 2 choices"),
        (lambda choice: {**choice, "prompt_logprobs": choice["prompt_logprobs"][1:]}, ScoreError, "changed the prompt"),
        (lambda choice: {**choice, "prompt_logprobs": []}, CapabilityError, "prompt_logprobs"),
        (
            lambda choice: {**choice, "prompt_logprobs": [None] * len(choice["prompt_logprobs"])},
            ScoreError,
            "tokenizer that belongs to the served",
        ),
        (lambda _: None, ScoreError, "Expected a completion with choices"),
    ],
)
def test_an_answer_that_is_none_is_said(model, spoilt, error, words):
    with serving(model, Tok()) as served:
        remote, whole = connected(served), served.completion

        def completion(request):
            answer = whole(request)
            return {**answer, "choices": [each for each in map(spoilt, answer["choices"]) if each]}

        served.completion = completion
        with pytest.raises(error, match=words):
            scores(remote, PROMPTS[:2])


def test_a_choice_too_many_is_left_alone(model):
    with serving(model, Tok()) as served:
        whole = served.completion

        def completion(request):
            answer = whole(request)
            return {**answer, "choices": [*answer["choices"], {**answer["choices"][0], "index": 99}]}

        served.completion = completion
        np.testing.assert_allclose(scores(connected(served))[0], by_hand(model, PROMPT, TARGET), atol=1e-4)


def test_the_first_model_of_the_list_is_asked_and_a_list_without_one_is_said(model):
    with serving(model, Tok()) as served:
        assert connected(served).name == "tiny"
        assert connected(served).max_positions == 64
        assert connected(served, model="tiny").max_positions == 64
        with pytest.raises(InputError, match="serves tiny, and no model 'other'"):
            connected(served, model="other")
        listed = served.models()
        served.models = lambda: {**listed, "data": []}
        with pytest.raises(ScoreError, match="lists no model"):
            connected(served)


def test_a_server_that_takes_too_long_is_not_waited_for(model):
    with serving(model, Tok()) as served:
        remote, whole = connected(served, retries=0, in_flight=1), served.completion
        given_up = threading.Event()
        served.completion = lambda request: given_up.wait(60) and whole(request)
        impatient = OpenAIModel.__new__(OpenAIModel)
        impatient.__setstate__({**remote.__getstate__(), "_timeout": 0.1})
        with pytest.raises(ScoreError, match="APITimeoutError"):
            scores(impatient, PROMPTS[:1])
        given_up.set()


def test_the_key_is_the_one_given_or_the_environments_and_is_not_pickled(model, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    with serving(model, Tok()) as served:
        given = connected(served, api_key="given-secret", batch=3)
        assert given._servers[0]._client.api_key == "given-secret"
        assert connected(served)._servers[0]._client.api_key == "of the environment"
        pickled = pickle.dumps(given)
        assert b"given-secret" not in pickled
        assert b"of the environment" not in pickled
        again = pickle.loads(pickled)
        assert again._servers[0]._client.api_key == "of the environment"
        assert (repr(again), again.fingerprint) == (repr(given), given.fingerprint)
        served.asked.clear()
        np.testing.assert_allclose(scores(again), scores(given), atol=1e-4)
        assert len(served.asked) == 2 * 3  # batches of 3, and nothing asked about itself again


def test_mistakes_are_named(model):
    with serving(model, Tok(), max_model_len=10) as served:
        remote = connected(served)
        with pytest.raises(InputError, match="an image"):
            remote.score([Prompt(PROMPT, {"pixel_values": np.zeros(1)}, "image")], TARGET)
        with pytest.raises(TargetError, match="13 positions, but the server takes 10"):
            scores(remote, [Prompt((*PROMPT, 1, 2, 3, 4))], TARGET)
        with pytest.raises(TargetError, match="empty"):
            remote.score(PROMPTS, ())
    with serving(model, Tok(), speaks={"prompt_logprobs"}) as served, pytest.raises(CapabilityError, match="tokenizer"):
        connected(served, tokenizer=None).generate(Prompt(PROMPT), max_new_tokens=1, options={})
    with pytest.raises(ScoreError, match="No list of models"):
        OpenAIModel(served.url, retries=0, timeout=2)
    with pytest.raises(InputError, match="base_url"):
        OpenAIModel()
    for options in ({"batch": 0}, {"in_flight": 0}):
        with pytest.raises(InputError, match="of 1 or more"):
            OpenAIModel("http://localhost:1/v1", **options)
