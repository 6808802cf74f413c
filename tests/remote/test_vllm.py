"""A real vLLM server: right numbers by each way of asking, the model's own tokens, and nothing lost by its faults."""

from __future__ import annotations

import os
import signal
from collections import Counter

import numpy as np
import pytest

from llm_attr_widget import Interrupted, attribute
from llm_attr_widget.demo import TEXT_FOLDER, load_text
from llm_attr_widget.errors import AttributionError, InputError, ScoreError
from llm_attr_widget.models.chat import ChatModel
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.openai import OpenAIModel
from llm_attr_widget.types import Prompt
from tests.models.huggingface.reference import by_hand
from tests.remote.vllm_server import proxy, vllm

NATS = 1e-4
TEXT = "Dave lives in Palm Coast, FL and is a lawyer. His interests include"
ANSWER = " golf, hiking"


@pytest.fixture(scope="module")
def local():
    return load_text()


@pytest.fixture(scope="module")
def asked(local):
    """A text with some of its tokens removed, as a game asks."""
    ids = local[1](TEXT)["input_ids"]
    rng = np.random.default_rng(0)
    kept = rng.random((40, len(ids))) < 0.7
    kept[:, 0] = True
    return [Prompt(tuple(int(token) for token in np.array(ids)[row])) for row in kept]


@pytest.fixture(scope="module")
def target(local):
    return tuple(local[1](ANSWER, add_special_tokens=False)["input_ids"])


@pytest.fixture(scope="module")
def truth(local, asked, target):
    return np.array([by_hand(local[0], prompt.ids, target) for prompt in asked])


def answered(model, prompts, target):
    """Log-probs by row, as far as they came, and the error that came then; a row that comes twice is a mistake."""
    found = np.full((len(prompts), len(target)), np.nan)
    try:
        for batch in model.score(prompts, target):
            assert np.isnan(found[list(batch.rows)]).all()
            found[list(batch.rows)] = batch.log_probs
    except AttributionError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("dialect", [None, "prompt_logprobs", "echo", "echo+1"])
def test_scores_are_teacher_forcing_by_hand_by_each_way_of_asking(server, local, asked, target, truth, dialect):
    model = OpenAIModel(server, tokenizer=local[1], dialect=dialect)
    found, error = answered(model, asked, target)
    assert error is None
    np.testing.assert_allclose(found, truth, atol=NATS)
    assert model.max_positions == 256
    assert f"by {dialect or 'prompt_logprobs'})" in repr(model)


@pytest.mark.parametrize("tokens", [1, 3])
def test_what_the_prefix_cache_gives_is_right_and_the_same_twice_and_in_two_orders(server, local, tokens):
    """vllm#42019: answers that depended on what had been asked before. Both ways of asking are compared."""
    words = local[1](TEXT * 6)["input_ids"][:120]
    target = tuple(local[1](ANSWER, add_special_tokens=False)["input_ids"][:tokens])
    prompts = [Prompt((*words, *words[5 : 5 + row])) for row in range(24)]
    truth = np.array([by_hand(local[0], prompt.ids, target) for prompt in prompts])
    with proxy(server) as between:
        model = OpenAIModel(between.address, tokenizer=local[1], batch=2, in_flight=2)
        between.asked.clear()
        for order in (1, 1, -1):
            found, error = answered(model, prompts[::order], target)
            assert error is None
            np.testing.assert_allclose(found, truth[::order], atol=NATS)
        ways = Counter("logprob_token_ids" in body for body in between.asked)
        assert ways[True] >= 3  # the way that reads the cache was tried
        assert ways[False] >= 2
    (race,) = model._faster.values()
    assert race.settled
    assert not race.refused  # and its numbers were right


def test_the_answer_is_the_models_own_tokens(server, local):
    model = OpenAIModel(server, tokenizer=local[1])
    beside = HuggingFaceModel(*local)
    for text in (TEXT, "Sentiment:", "Dave"):
        prompt = Prompt(tuple(local[1](text)["input_ids"]))
        expected = beside.generate(prompt, max_new_tokens=24, options={})
        assert model.generate(prompt, max_new_tokens=24, options={}) == expected
        assert OpenAIModel(server).generate(prompt, max_new_tokens=24, options={}) == expected  # without a tokenizer
    assert model.doubts == ()


def test_options_of_generation_are_taken_or_refused_in_words(server, local):
    model, prompt = OpenAIModel(server, tokenizer=local[1]), Prompt(tuple(local[1](TEXT)["input_ids"]))
    greedy = model.generate(prompt, max_new_tokens=8, options={})
    one = model.generate(prompt, max_new_tokens=8, options={"do_sample": True, "top_k": 1, "seed": 4})
    assert one == greedy
    options = {"do_sample": True, "temperature": 2.0, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.1, "seed": 4}
    drawn = model.generate(prompt, max_new_tokens=8, options=options)
    assert drawn == model.generate(prompt, max_new_tokens=8, options=options)
    assert len(model.generate(prompt, max_new_tokens=9, options={"min_new_tokens": 9})) == 9
    first = greedy[0]
    assert model.generate(prompt, max_new_tokens=8, options={"eos_token_id": greedy[2]}) == greedy[:2]
    assert model.generate(prompt, max_new_tokens=1, options={}) == (first,)
    with pytest.raises(InputError, match="does not take num_beams"):
        model.generate(prompt, max_new_tokens=8, options={"num_beams": 4})
    with pytest.raises(InputError, match=r"refuses: HTTP 400: .*temperature"):
        model.generate(prompt, max_new_tokens=8, options={"temperature": -1.0})


def test_the_callers_mistakes_are_in_the_servers_words(server, local, asked, target):
    with pytest.raises(InputError, match="serves tiny, and no model 'tinny'"):
        OpenAIModel(server, tokenizer=local[1], model="tinny")
    with pytest.raises(InputError, match="HTTP 404"):
        OpenAIModel(server + "/none", tokenizer=local[1])
    model = OpenAIModel(server, tokenizer=local[1], in_flight=1)
    prompts = [*asked[:9], Prompt((1, 5000)), *asked[9:20]]
    found, error = answered(model, prompts, target)
    assert isinstance(error, InputError)
    assert "One prompt, of 2 tokens" in str(error)
    assert "5000" in str(error)  # in the server's words
    assert np.isnan(found[9]).all()
    whole = [row for row in range(16) if not np.isnan(found[row]).any()]
    assert len(whole) >= 15  # of the batch that it was in


def test_eleven_hundred_prompts_in_a_request_and_numpys_ids(server, local, target):
    model = OpenAIModel(server, tokenizer=local[1], batch=1100, in_flight=1)
    rng = np.random.default_rng(1)
    prompts = [Prompt(tuple(rng.integers(6, 800, 3))) for _ in range(1100)]
    found, error = answered(model, prompts, target)
    assert error is None
    some = [0, 500, 1099]
    truth = [by_hand(local[0], tuple(map(int, prompts[row].ids)), target) for row in some]
    np.testing.assert_allclose(found[some], truth, atol=NATS)


def test_prompts_as_long_as_the_server_takes(server, local, target):
    ids = (local[1](TEXT)["input_ids"] * 20)[: 256 - len(target)]
    model = OpenAIModel(server, tokenizer=local[1])
    found, error = answered(model, [Prompt(tuple(ids)), Prompt(tuple(ids[:-1]))], target)
    assert error is None
    np.testing.assert_allclose(found[0], by_hand(local[0], ids, target), atol=NATS)


FAULTS = {
    "busy": [503, 429, 500, None, 502],
    "cut short": ["cut", None, "cut"],
    "hung up": ["hang up", "hang up"],
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_that_pass_cost_no_answer(server, local, asked, target, truth, name):
    with proxy(server) as between:
        model = OpenAIModel(between.address, tokenizer=local[1], batch=8, in_flight=2)
        between.headers["retry-after-ms"] = "1"
        between.faults += FAULTS[name]
        found, error = answered(model, asked, target)
    assert error is None
    np.testing.assert_allclose(found, truth, atol=NATS)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(401, "api_key"), (429, "asks to wait 60 minutes"), (503, "did not answer"), ("cut", "in full")],
)
def test_faults_that_last_leave_a_run_that_goes_on_from_there(server, local, fault, words):
    options = {"target": ANSWER, "method": "shapley", "budget": 120, "progress": False}
    with proxy(server) as between:
        model = OpenAIModel(between.address, tokenizer=local[1], batch=8, in_flight=2, retries=1)
        straight = attribute(model, local[1], TEXT, **options)
        between.headers["Retry-After"] = "3600" if fault == 429 else "0"
        between.faults += [None] * 6 + [fault] * 60
        with pytest.raises(Interrupted, match=words) as caught:
            attribute(model, local[1], TEXT, **options)
        kept = caught.value.attribution.ledger
        assert len(kept) >= 6 * 8 - 16  # what was answered, less what a block of the design still lacked
        between.faults.clear()
        found = attribute(model, local[1], TEXT, **options, resume=kept)
    np.testing.assert_allclose(found.values, straight.values, atol=NATS)
    assert found.provenance.scored + len(kept) == straight.provenance.scored  # nothing was paid for twice


def test_a_server_that_is_killed_loses_nothing_where_another_serves_the_model(
    server, local, asked, target, truth, tmp_path
):
    with vllm(TEXT_FOLDER, tmp_path / "log.txt", "--max-model-len", "256") as (doomed, process):
        both = OpenAIModel([doomed, server], tokenizer=local[1], batch=2, in_flight=1, retries=0, timeout=20)
        alone = OpenAIModel(doomed, tokenizer=local[1], batch=2, in_flight=1, retries=0)
        found = np.full_like(truth, np.nan)
        for number, batch in enumerate(both.score(asked, target)):
            assert np.isnan(found[list(batch.rows)]).all()
            found[list(batch.rows)] = batch.log_probs
            if number == 3:
                os.killpg(process.pid, signal.SIGKILL)
        np.testing.assert_allclose(found, truth, atol=NATS)
        with pytest.raises(ScoreError, match="did not answer"):
            list(alone.score(asked, target))


def test_attributions_are_the_same_here_and_there(server, local):
    options = {"target": ANSWER, "method": "shapley", "budget": 100, "progress": False}
    here = attribute(*local, TEXT, **options)
    for dialect in ("prompt_logprobs", "echo"):
        model = OpenAIModel(server, tokenizer=local[1], dialect=dialect)
        there = attribute(model, None, TEXT, **options)
        np.testing.assert_allclose(there.values, here.values, atol=NATS)
        assert there.features == here.features
    written = attribute(OpenAIModel(server, tokenizer=local[1]), None, TEXT, method="leave_one_out", progress=False)
    assert written.target.ids == attribute(*local, TEXT, method="leave_one_out", progress=False).target.ids


def test_labels_out_of_the_likeliest_answers_of_a_chat(server, local):
    """Exact where the server tells of the label, a bound on the truth where it does not."""
    network, words = local
    texts = ["Dave is a lawyer. His interests include", "Dave is a nurse.", "The acting was wonderful. Sentiment:"]
    turns = [[{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}] for text in texts]
    ids = [
        words(words.apply_chat_template(turn, add_generation_prompt=True, tokenize=False), add_special_tokens=False)
        for turn in turns
    ]
    ids = [row["input_ids"] for row in ids]
    likely = [int(token) for token in np.argsort([by_hand(network, ids[0], (token,))[0] for token in range(898)])[::-1]]
    tokens = [token for token in likely if words.decode([token]).strip().isalpha()]
    spelt = [words.decode([token]).strip() for token in tokens]
    chosen = [tokens[place] for place in (0, 1, len(tokens) - 1) if spelt.count(spelt[place]) == 1]
    labels = [words.decode([token]).strip() for token in chosen]
    model = ChatModel(server, labels=labels, system="Be kind.")
    bounds = 0
    for token, label in zip(chosen, labels, strict=True):
        asked = [Prompt(tuple(model.tokenizer.encode(text))) for text in texts]
        found, error = answered(model, asked, model.tokenizer.encode(label))
        assert error is None
        for row, value in zip(ids, found[:, 0], strict=True):
            truth = [by_hand(network, row, (each,))[0] for each in range(898)]
            told = sorted(truth)[-20:]
            if truth[token] > told[0] + 1e-3:
                same = [
                    truth[each]
                    for each in range(898)
                    if truth[each] >= told[0] and words.decode([each]).strip() == label
                ]
                assert abs(value - np.log(np.exp(same).sum())) < 1e-3
            elif truth[token] < told[0] - 1e-3:
                assert truth[token] <= value + 1e-3
                bounds += 1
    assert bounds >= 1
    assert any("upper bound" in doubt for doubt in model.doubts)
    found = attribute(model, None, texts[0], labels[0], method="leave_one_out", progress=False)
    assert found.outputs == (labels[0],)
    assert np.isfinite(found.values).all()
