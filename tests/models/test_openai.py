"""A completions server as a model, against teacher forcing by hand: a real server with a real model behind it."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, TargetError
from llm_attr_widget.models.openai import OpenAIModel
from llm_attr_widget.types import Generator, Prompt, Scorer
from tests.models.families import build
from tests.models.reference import by_hand
from tests.models.served import serving
from tests.models.test_slopes import PROMPT, TARGET, Tok

PROMPTS = [Prompt(ids) for ids in (PROMPT, PROMPT[:3], PROMPT[1:], PROMPT[::-1], (9, 9), PROMPT[2:5], (40,))]


@pytest.fixture(scope="module")
def model():
    return build("llama")


def connected(served, **options):
    return OpenAIModel(served.url, tokenizer=Tok(), **options)


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
    with serving(model, Tok(), failures=[503, 429, 500]) as served:
        found = scores(connected(served, in_flight=1))
    np.testing.assert_allclose(found[0], by_hand(model, PROMPT, TARGET), atol=1e-4)


def test_a_server_that_stays_busy_is_an_error_that_says_so(model):
    with serving(model, Tok(), failures=[503] * 3) as served:
        remote = connected(served, retries=2, in_flight=1, batch=16)
        with pytest.raises(ScoreError, match="did not answer"):
            scores(remote)


def test_closing_the_scores_sends_no_further_request(model):
    with serving(model, Tok()) as served:
        run = connected(served, batch=1, in_flight=1).score(PROMPTS, TARGET)
        next(run)
        run.close()
        assert len(served.asked) < len(PROMPTS)


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
            scores(OpenAIModel(served.url), [Prompt(())])


def test_mistakes_are_named(model):
    with serving(model, Tok(), prompt_logprobs=False, max_model_len=10) as served:
        remote = connected(served)
        with pytest.raises(CapabilityError, match="prompt_logprobs"):
            scores(remote)
        with pytest.raises(TargetError, match="positions"):
            scores(remote, [Prompt(PROMPT)], (*TARGET, 5))
        with pytest.raises(TargetError, match="empty"):
            remote.score(PROMPTS, ())
        with pytest.raises(CapabilityError, match="tokenizer"):
            OpenAIModel(served.url).generate(Prompt(PROMPT), max_new_tokens=1, options={})
    with pytest.raises(ScoreError, match="No list of models"):
        OpenAIModel(served.url, retries=0, timeout=2)
    with pytest.raises(InputError, match="base_url"):
        OpenAIModel()
