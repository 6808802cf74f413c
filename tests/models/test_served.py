"""Servers of several kinds, several at once, and all that can go wrong with them: nothing that was answered is lost."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from email.utils import formatdate

import numpy as np
import pytest

from llm_attr_widget import Interrupted, attribute
from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, ScoreError
from llm_attr_widget.models.openai import OpenAIModel
from llm_attr_widget.models.served.faster import Faster
from llm_attr_widget.models.served.sampling import on_the_wire
from llm_attr_widget.types import Prompt
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok
from tests.models.served import Fault, serving
from tests.models.test_openai import PROMPTS, connected, scores

MANY = [Prompt((*PROMPT, 3 + row)) for row in range(16)]
BAD = 91


@pytest.fixture(scope="module")
def model():
    return build("llama")


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """Servers that do not say how long to wait are asked again at once."""
    monkeypatch.setattr("llm_attr_widget.models.served.server.FIRST_WAIT", 1e-3)


@pytest.fixture(scope="module")
def truth(model):
    return np.array([by_hand(model, prompt.ids, TARGET) for prompt in PROMPTS])


@pytest.mark.parametrize(
    ("speaks", "name"),
    [
        ({"prompt_logprobs", "echo", "sglang"}, "prompt_logprobs"),
        ({"sglang", "echo"}, "sglang"),
        ({"echo"}, "echo"),
        ({"tgi"}, "tgi"),
    ],
)
def test_a_server_is_asked_in_the_way_that_it_understands(model, truth, speaks, name):
    with serving(model, Tok(), speaks=speaks) as served:
        remote = connected(served, batch=3)
        assert f"by {name})" in repr(remote)
        prompts = PROMPTS if name != "tgi" else [Prompt((1, *prompt.ids)) for prompt in PROMPTS]
        expected = truth if name != "tgi" else [by_hand(model, prompt.ids, TARGET) for prompt in prompts]
        np.testing.assert_allclose(scores(remote, prompts), expected, atol=1e-4)
        assert repr(connected(served, dialect=name)) == repr(remote)
        with pytest.raises(InputError, match=r"Expected a dialect out of prompt_logprobs.*got 'smoke'"):
            connected(served, dialect="smoke")


def test_a_server_that_always_writes_is_asked_to_write_one_token(model, truth):
    with serving(model, Tok(), speaks={"echo"}) as served:
        whole = served.completion
        served.completion = lambda request: whole({**request, "max_tokens": max(1, request["max_tokens"])})
        remote = connected(served)
        assert "by echo+1)" in repr(remote)
        np.testing.assert_allclose(scores(remote), truth, atol=1e-4)


def test_a_server_that_cannot_score_says_so_when_the_model_is_made_and_who_can(model):
    with serving(model, Tok(), speaks={"token_ids"}) as served:
        with pytest.raises(CapabilityError, match=r"no log-probs of a text.*vLLM, SGLang, Together, Fireworks, Text"):
            connected(served)
        with pytest.raises(CapabilityError, match="gives no prompt_logprobs"):
            scores(connected(served, dialect="prompt_logprobs"))


def test_text_that_the_server_reads_as_other_tokens_is_not_scored(model):
    with serving(model, Tok(), speaks={"tgi"}) as served:
        remote = connected(served)
        with pytest.raises(ScoreError, match=r"reads .* as other tokens than were meant"):
            scores(remote, [Prompt(PROMPT)])  # it begins with a bos that this prompt does not have


def answered(remote, prompts, target=TARGET):
    """Log-probs by row, as far as they came, and the error that came then."""
    found = {}
    try:
        for batch in remote.score(prompts, target):
            found |= dict(zip(batch.rows, batch.log_probs, strict=True))
    except AttributionError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("refusal", [400, 413, 422, 500])
@pytest.mark.parametrize("at", [0, 6, 15])
def test_a_bad_prompt_is_found_and_named_and_the_others_have_their_answers(model, refusal, at):
    prompts = [*MANY[:at], Prompt((*PROMPT, BAD)), *MANY[at + 1 :]]
    with serving(model, Tok(), bad=BAD, refusal=refusal) as served:
        found, error = answered(connected(served, retries=0, in_flight=1), prompts)
        assert re.match(f"One prompt, of 7 tokens.*token {BAD} is forbidden", str(error))
        assert isinstance(error, ScoreError if refusal == 500 else InputError)
        assert ("did not answer" in str(error)) == (refusal == 500)
        assert sorted(found) == [row for row in range(16) if row != at]
        for row, log_probs in found.items():
            np.testing.assert_allclose(log_probs, by_hand(model, prompts[row].ids, TARGET), atol=1e-4)


def test_where_every_prompt_is_refused_the_mistake_is_the_requests(model):
    with serving(model, Tok(), bad=PROMPT[0]) as served:
        remote = connected(served, in_flight=1)
        with pytest.raises(InputError, match=r"refuses: HTTP 400: token 5 is forbidden here\.") as error:
            scores(remote, MANY)
    assert "One prompt" not in str(error.value)
    assert "did not answer" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, r"HTTP 401: Incorrect API key\. Give the right key: api_key"),
        (403, r"HTTP 403: Incorrect API key\. Give the right key"),
        (404, r"HTTP 404: Incorrect API key\. Check model=… and the address"),
    ],
)
def test_the_callers_mistakes_are_in_the_servers_words(model, status, words):
    said = {"error": {"message": "Incorrect API key", "code": "invalid"}}
    with serving(model, Tok()) as served:
        remote = connected(served, in_flight=1)
        served.failures.append(Fault(status, said))
        with pytest.raises(InputError, match=words) as error:
            scores(remote)
        assert "did not answer" not in str(error.value)
        assert served.asked == []  # nothing was asked again, and no prompt suspected
        if status != 404:
            served.failures.append(Fault(status, said))
            with pytest.raises(InputError, match=words):
                connected(served)


@pytest.mark.parametrize(
    "said", [{"detail": "no such thing"}, {"error": "no such thing", "error_type": "x"}, {"message": "no such thing"}]
)
def test_words_are_found_wherever_a_server_puts_them(model, said):
    with serving(model, Tok()) as served:
        remote = connected(served)
        served.failures.append(Fault(404, said))
        with pytest.raises(InputError, match=r"HTTP 404: no such thing\."):
            scores(remote)


def test_answers_under_way_are_kept_when_one_request_fails(model):
    with serving(model, Tok()) as served:
        remote = connected(served, batch=1, in_flight=4)
        arrived, whole = threading.Barrier(4), served.answer

        def answer(path, request):
            if request["prompt"][0][6] == 3:
                return 404, {"detail": "gone"}
            return whole(path, request)

        served.answer = answer
        served.before = lambda: arrived.wait(60)  # all four are under way before any is answered
        found, error = answered(remote, MANY[:4])
    assert isinstance(error, InputError)
    assert "gone" in str(error)
    assert sorted(found) == [1, 2, 3]


@pytest.mark.parametrize("cut", [1, 200])
def test_an_answer_that_is_cut_short_is_asked_for_again(model, truth, cut):
    with serving(model, Tok()) as served:
        remote, whole = connected(served, batch=16), {"choices": [{"index": 0, "text": "." * 500}]}
        served.failures += [Fault(200, whole, cut=cut)] * 2
        np.testing.assert_allclose(scores(remote), truth, atol=1e-4)
        served.failures += [Fault(200, whole, cut=cut)] * 5
        with pytest.raises(ScoreError, match="did not answer in full"):
            scores(remote)


@pytest.mark.parametrize("value", [None, -9999.0, -1e30, float("nan"), float("-inf"), 3.0, "much"])
def test_what_is_no_log_prob_is_none(model, value):
    with serving(model, Tok()) as served:
        remote, whole = connected(served, in_flight=1), served.completion

        def completion(request):
            answer = whole(request)
            for choice in answer["choices"]:
                if choice["index"] == 2:
                    choice["prompt_logprobs"][-1] = {str(TARGET[-1]): {"logprob": value}}
            return answer

        served.completion = completion
        found, error = answered(remote, MANY[:5])
        assert isinstance(error, ScoreError)
        assert "no number there" in str(error)
        assert sorted(found) == [0, 1, 3, 4]


@pytest.mark.parametrize(("asked", "said"), [("3600", "60 minutes"), ("90", "90 s"), (formatdate(4e9), "hours")])
def test_a_server_that_asks_for_more_patience_than_there_is_ends_the_run_and_says_how_long(model, asked, said):
    with serving(model, Tok()) as served:
        remote = connected(served, in_flight=1)
        served.failures += [Fault(429, headers={"Retry-After": asked})]
        with pytest.raises(ScoreError, match=f"asks to wait .*{said}, which is longer than the patience of 60 s"):
            scores(remote)
        assert served.asked == []


def test_a_short_wait_is_waited_for_and_a_spent_quota_is_not(model, truth):
    with serving(model, Tok()) as served:
        remote = connected(served, in_flight=1)
        served.failures += [Fault(429, headers={"Retry-After": "0"})] * 3
        np.testing.assert_allclose(scores(remote), truth, atol=1e-4)
        served.failures += [Fault(429, {"error": {"message": "You are out.", "code": "insufficient_quota"}})]
        with pytest.raises(ScoreError, match=r"no more for this key: HTTP 429: You are out\."):
            scores(remote)
        assert served.failures == []


def test_closing_a_run_ends_its_waiting(model):
    with serving(model, Tok()) as served:
        remote = connected(served, batch=1, in_flight=1)
        run = remote.score(PROMPTS, TARGET)
        next(run)
        served.failures += [Fault(429, headers={"Retry-After": "50"})] * 99
        run.close()
        for thread in threading.enumerate():
            if thread.name == "llm_attr_widget request":
                thread.join(20)
                assert not thread.is_alive()


def test_a_run_that_a_server_breaks_off_goes_on_from_there(model):
    options = {"target": TARGET, "method": "shapley", "budget": 64, "progress": False}
    with serving(model, Tok()) as served:
        remote = connected(served, batch=4, in_flight=2, retries=0)
        whole, calls = served.answer, []

        def answer(path, request):
            calls.append(path)
            return (401, {"detail": "key expired"}) if len(calls) > 3 else whole(path, request)

        served.answer = answer
        with pytest.raises(Interrupted, match="key expired") as caught:
            attribute(remote, Words(), list(PROMPT), **options)
        kept = caught.value.attribution.ledger
        assert len(kept)
        served.answer = whole
        found = attribute(remote, Words(), list(PROMPT), **options, resume=kept)
        again = attribute(remote, Words(), list(PROMPT), **options)
    np.testing.assert_allclose(found.values, again.values, atol=1e-4)
    assert found.provenance.scored + len(kept) == again.provenance.scored  # nothing was paid for twice


class Words(Tok):
    all_special_ids = ()


def test_several_servers_share_the_work_and_one_that_dies_loses_nothing(model):
    with ExitStack() as stack:
        first, second, third = (stack.enter_context(serving(model, Tok())) for _ in range(3))
        remote = OpenAIModel([first.url, second.url, third.url], tokenizer=Tok(), batch=1, in_flight=1, retries=0)
        for served in (first, second, third):
            served.asked.clear()
        second.failures += [503] * 99
        gate, whole = threading.Event(), first.answer
        # The first is slow: it answers only once the third has done what there was to do.
        first.answer = lambda path, request: (gate.wait(60), whole(path, request))[1]
        found = np.full((len(MANY), len(TARGET)), np.nan)
        for number, batch in enumerate(remote.score(MANY, TARGET)):
            assert np.isnan(found[list(batch.rows)]).all()
            found[list(batch.rows)] = batch.log_probs
            if number == len(MANY) - 2:
                gate.set()
    np.testing.assert_allclose(found, [by_hand(model, prompt.ids, TARGET) for prompt in MANY], atol=1e-4)
    assert len(first.asked) == 1
    assert len(third.asked) == 15
    assert first.url in repr(remote)
    assert third.url in repr(remote)


def test_a_prompt_that_every_server_fails_at_is_no_prompt_that_was_answered(model):
    prompts = [*MANY[:5], Prompt((*PROMPT, BAD))]
    with serving(model, Tok(), bad=BAD, refusal=500) as first, serving(model, Tok(), bad=BAD, refusal=500) as second:
        remote = OpenAIModel([first.url, second.url], tokenizer=Tok(), batch=1, in_flight=1, retries=0)
        found, error = answered(remote, prompts)
    assert isinstance(error, ScoreError)
    assert f"token {BAD} is forbidden" in str(error)
    assert 5 not in found
    with serving(model, Tok(), bad=BAD, refusal=500) as first, serving(model, Tok()) as second:
        remote = OpenAIModel([first.url, second.url], tokenizer=Tok(), batch=1, in_flight=1, retries=0)
        found, error = answered(remote, prompts)
    assert error is None
    assert sorted(found) == list(range(6))  # the one that could answered


def test_servers_that_do_not_answer_at_first_are_left_out_and_all_of_them_are_an_error(model, truth):
    with serving(model, Tok()) as gone:
        pass
    with serving(model, Tok()) as served:
        remote = OpenAIModel([gone.url, served.url], tokenizer=Tok(), retries=0)
        np.testing.assert_allclose(scores(remote), truth, atol=1e-4)
        written = remote.generate(Prompt(PROMPT), max_new_tokens=2, options={})
        served.failures += [503] * 9
        with pytest.raises(ScoreError, match="did not answer: HTTP 503"):
            scores(remote)
    assert len(written) == 2
    with pytest.raises(ScoreError, match="No list of models"):
        OpenAIModel([gone.url, served.url], retries=0)


def test_ids_of_numpys_are_sent_as_numbers(model, truth):
    with serving(model, Tok()) as served:
        prompts = [Prompt(tuple(np.array(prompt.ids))) for prompt in PROMPTS]
        np.testing.assert_allclose(scores(connected(served), prompts, np.array(TARGET)), truth, atol=1e-4)


def test_no_request_has_more_prompts_than_servers_take(model):
    with serving(model, Tok()) as served:
        remote = connected(served, batch=1100, in_flight=1)
        one = {"prompt_logprobs": [None, None, {"7": {"logprob": -1.5}}]}
        served.completion = lambda request: {
            "choices": [{"index": row, **one} for row in range(len(request["prompt"]))]
        }
        assert (scores(remote, [Prompt((3, 4))] * 1100, (7,)) == -1.5).all()
    assert sorted(len(request["prompt"]) for request in served.asked) == [550, 550]


def test_a_prompt_as_long_as_the_server_takes_is_scored_without_the_token_that_would_follow(model, truth):
    with serving(model, Tok(), speaks={"prompt_logprobs", "echo"}, max_model_len=len(PROMPT) + len(TARGET)) as served:
        remote, whole = connected(served, in_flight=1), served.answer

        def answer(path, request):
            longest = max(map(len, request["prompt"])) + request["max_tokens"]
            return (400, {"detail": "too long"}) if longest > served.max_model_len else whole(path, request)

        served.answer = answer
        np.testing.assert_allclose(scores(remote), truth, atol=1e-4)


def test_the_tokens_that_the_model_wrote_come_back_without_its_end(model):
    def written(served, **options):
        return connected(served, **options).generate(Prompt(PROMPT), max_new_tokens=3, options={})

    with serving(model, Tok()) as served:
        remote = connected(served)
        whole = remote.generate(Prompt(PROMPT), max_new_tokens=3, options={})
        assert remote.doubts == ()
        assert written(served, tokenizer=None) == whole  # no tokenizer is needed
        served.end = whole[1]
        assert written(served) == whole[:1]
        served.end = whole[0]
        assert written(served) == ()
        assert remote.doubts == ()
        served.end = None
        served.tokenizer = Lossy()
        assert written(served) == whole
        served.speaks -= {"token_ids"}
        found = attribute(
            connected(served), Words(), list(PROMPT), method="leave_one_out", max_new_tokens=3, progress=False
        )
        assert found.target.ids != whole
        assert any("encoded again" in doubt for doubt in found.doubts)
        given = attribute(
            connected(served), Words(), list(PROMPT), target=TARGET, method="leave_one_out", progress=False
        )
        assert not any("encoded again" in doubt for doubt in given.doubts)


class Lossy(Tok):
    """Loses what is no whole character."""

    def decode(self, ids, **_):
        return "?" * len(ids)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"top_k": 5, "repetition_penalty": 1.2}, {"top_k": 5, "repetition_penalty": 1.2, "temperature": 0.0}),
        ({"do_sample": True, "top_p": 0.5, "pad_token_id": 0}, {"top_p": 0.5}),
        ({"do_sample": False, "temperature": 0.7}, {"temperature": 0.0}),
        ({"num_beams": 1, "typical_p": 1.0, "use_cache": True, "seed": 3}, {"seed": 3, "temperature": 0.0}),
        ({"min_new_tokens": 2, "stop_strings": ["."]}, {"min_tokens": 2, "stop": ["."], "temperature": 0.0}),
        ({"eos_token_id": 7}, {"stop_token_ids": [7], "temperature": 0.0}),
        ({"eos_token_id": [7, 8]}, {"stop_token_ids": [7, 8], "temperature": 0.0}),
        ({"temperature": 0.5, "extra_body": {"guided": "x"}}, {"temperature": 0.5, "guided": "x"}),
    ],
)
def test_options_of_generation_travel_by_the_servers_names(options, sent):
    assert on_the_wire(options) == sent


@pytest.mark.parametrize(
    "options", [{"num_beams": 4}, {"num_return_sequences": 2}, {"penalty_alpha": 0.6}, {"topk": 3}, {"typical_p": 0.2}]
)
def test_options_that_no_server_has_are_refused_in_words(options):
    with pytest.raises(InputError, match=f"does not take {next(iter(options))}.*extra_body"):
        on_the_wire(options)
    with pytest.raises(InputError, match="extra_body as a dict"):
        on_the_wire({"extra_body": "x"})


def test_the_faster_way_is_found_by_trying_each_twice():
    for other, usual, best in (([9, 1, 5], [3, 2], "other"), ([0.1, 4, 5], [3, 9], "usual")):
        faster, times = Faster(), {"other": list(other), "usual": list(usual)}
        while not faster.settled:
            faster.took(times[faster.choice].pop(0))
        assert times == {"other": [], "usual": []}  # the other's first block fills the cache, and does not count
        assert faster.choice == best
    refused = Faster()
    refused.refuse()
    assert refused.settled
    assert refused.choice == "usual"


LONG = [Prompt((*(3 + place % 90 for place in range(80)), 5 + row)) for row in range(24)]


@pytest.mark.parametrize("seconds", [{"other": 1.0, "usual": 2.0}, {"other": 2.0, "usual": 1.0}])
def test_short_targets_behind_a_long_beginning_go_by_the_faster_way(model, seconds):
    with serving(model, Tok(), speaks={"prompt_logprobs", "logprob_token_ids"}, max_model_len=128) as served:
        remote, ways = connected(served, batch=2, in_flight=1), []
        ticking = Ticking(served, seconds)
        remote._clock = ticking.clock
        found = scores(remote, LONG, TARGET[:2])
        np.testing.assert_allclose(found, [by_hand(model, prompt.ids, TARGET[:2]) for prompt in LONG], atol=1e-4)
        ways = ["other" if "logprob_token_ids" in request else "usual" for request in served.asked]
        best = min(seconds, key=seconds.__getitem__)
        assert ways == ["other", "usual", "other", "usual", "other", "usual", *[best] * 7]
        served.asked.clear()
        scores(remote, LONG, TARGET[:2])
        assert ["logprob_token_ids" in request for request in served.asked] == [
            best == "other"
        ] * 12  # it is remembered
        assert len(scores(remote, [Prompt(PROMPT)], TARGET)) == 1


class Ticking:
    """A clock that moves as requests are answered, by what each way costs."""

    def __init__(self, served, seconds):
        self._now, self._seconds, self._answer = 0.0, seconds, served.answer
        served.answer = self._answered

    def clock(self):
        return self._now

    def _answered(self, path, request):
        self._now += self._seconds["other" if "logprob_token_ids" in request else "usual"]
        return self._answer(path, request)


@pytest.mark.parametrize("spoilt", ["absent", "wrong", "refused"])
def test_another_way_that_does_not_work_is_left(model, spoilt):
    speaks = {"prompt_logprobs"} if spoilt == "absent" else {"prompt_logprobs", "logprob_token_ids"}
    with serving(model, Tok(), speaks=speaks, max_model_len=128) as served:
        remote, whole = connected(served, batch=2, in_flight=1), served.answer

        def answer(path, request):
            if "logprob_token_ids" not in request or spoilt == "absent":
                return whole(path, request)
            if spoilt == "refused":
                return 400, {"detail": "unknown field"}
            status, told = whole(path, request)
            for choice in told["choices"]:  # as a server whose cache is stale, or which tells what it samples from
                (listed,) = choice["logprobs"]["top_logprobs"]
                choice["logprobs"]["top_logprobs"] = [{name: value - 0.5 for name, value in listed.items()}]
            return status, told

        served.answer = answer
        found = scores(remote, LONG, TARGET[:1])
        np.testing.assert_allclose(found, [by_hand(model, prompt.ids, TARGET[:1]) for prompt in LONG], atol=1e-4)
        other = [request for request in served.asked if "logprob_token_ids" in request]
        assert 1 <= len(other) <= 3  # a block, halved to its prompts where it is refused
