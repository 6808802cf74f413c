"""Captum's VLLMProvider and RemoteLLMAttribution against a real server, through captum and through ours."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import PIL.Image
import pytest
import torch

from llm_attr_widget import captum as ours
from llm_attr_widget.errors import CapabilityError, ScoreError
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok
from tests.models.served import serving


@pytest.fixture(scope="module")
def model():
    return build("gpt2")


def remote(library, served, method, **options):
    provider = library.VLLMProvider(served.url)
    placeholder = library.RemoteLLMAttribution.placeholder_model
    return library.RemoteLLMAttribution(method(placeholder), Tok(), provider, **options)


@pytest.mark.filterwarnings("ignore:.*masks:UserWarning")
@pytest.mark.parametrize("kind", ["tokens", "template"])
@pytest.mark.parametrize(
    ("method", "options"),
    [(ca.FeatureAblation, {}), (ca.ShapleyValueSampling, {"n_samples": 3}), (ca.KernelShap, {"n_samples": 12})],
)
def test_captums_provider_gives_the_same_attributions_in_fewer_requests(model, method, options, kind):
    inp = {
        "tokens": ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3),
        "template": ca.TextTemplateInput("!{} {}: {}", ["ab", "cde", "f"], baselines=["x", "y", "z"]),
    }[kind]
    found, requests = [], []
    for library in (ca, ours):
        with serving(model, Tok()) as served:
            torch.manual_seed(0)
            np.random.seed(0)  # noqa: NPY002 (what captum draws from)
            found.append(remote(library, served, method).attribute(inp, Tok().decode(TARGET), **options))
            requests.append(len(served.asked))
    assert torch.allclose(found[0].seq_attr, found[1].seq_attr, atol=1e-4)
    if found[0].token_attr is not None:
        assert torch.allclose(found[0].token_attr, found[1].token_attr, atol=1e-4)
    assert requests[1] < requests[0] / 3
    shown = found[1].to_attribution()
    np.testing.assert_allclose(shown.values, found[1].token_attr.numpy())
    np.testing.assert_allclose(np.exp(shown.ends[:, 0]), found[1].output_probs.numpy(), rtol=1e-4)


def test_a_busy_server_does_not_end_a_run(model):
    with serving(model, Tok(), failures=[503, 500, 503]) as served:
        inp = ca.TextTemplateInput("!{} {}", ["a", "b"])
        found = remote(ours, served, ca.FeatureAblation).attribute(inp, Tok().decode(TARGET))
    truth = np.array(by_hand(model, Tok().encode("!a b"), TARGET)) - by_hand(model, Tok().encode("! b"), TARGET)
    np.testing.assert_allclose(found.token_attr[:, 0].numpy(), truth, atol=1e-4)


class Merging(Tok):
    """Two spaces are one token, as in many tokenizers; so a text's tokens depend on what stands next to it."""

    def encode(self, text, return_tensors=None, add_special_tokens=True):
        ids = [0 if letter == "~" else ord(letter) - 32 for letter in text.replace("  ", "~")]
        ids = [95 if i == 0 and letter == "~" else i for i, letter in zip(ids, text.replace("  ", "~"), strict=True)]
        return torch.tensor([ids]) if return_tensors else ids

    def decode(self, ids, **_):
        return "".join("  " if int(i) == 95 else chr(int(i) + 32) for i in ids)


def test_prompt_and_target_do_not_merge_where_they_meet(model):
    """Departure: captum joins texts, and the server's tokens then are not the prompt's and the target's."""
    tokenizer = Merging()
    inp = ca.TextTemplateInput("{}b ", ["!a"], baselines=["!c"])
    target = " x"
    numbers = []
    for library in (ca, ours):
        with serving(model, tokenizer) as served:
            attribution = library.RemoteLLMAttribution(
                ca.FeatureAblation(library.RemoteLLMAttribution.placeholder_model),
                tokenizer,
                library.VLLMProvider(served.url),
            )
            numbers.append(float(attribution.attribute(inp, target).seq_attr[0]))
    ids = [tokenizer.encode(text) for text in ("!ab ", "!cb ", target)]
    truth = sum(by_hand(model, ids[0], ids[2])) - sum(by_hand(model, ids[1], ids[2]))
    captums, found = numbers
    assert found == pytest.approx(truth, abs=1e-4)
    assert abs(captums - truth) > 0.01


def test_what_the_server_writes_is_greedy_as_the_default_arguments_say(model):
    """Departure: captum leaves do_sample=False out and sends no temperature, which the API takes for 1."""
    inp = ca.TextTemplateInput("!{} {}", ["a", "b"])
    with serving(model, Tok()) as served:
        found = remote(ours, served, ca.FeatureAblation).attribute(
            inp, gen_args={"max_new_tokens": 2, "do_sample": False}
        )
        assert served.asked[0]["temperature"] == 0
    best = max(range(97), key=lambda token: by_hand(model, Tok().encode("!a b"), (token,))[0])
    assert int(found.target[0]) == best


def test_inspect_forward_is_told_the_text_that_was_sent(model):
    seen = []
    with serving(model, Tok()) as served:
        remote(ours, served, ca.FeatureAblation).attribute(
            ca.TextTemplateInput("!{} {}", ["a", "b"]), "xy", _inspect_forward=lambda *told: seen.append(told)
        )
    assert [prompt for prompt, _, _ in seen] == ["!a b", "! b", "!a "]
    truth = by_hand(model, Tok().encode("! b"), Tok().encode("xy"))
    np.testing.assert_allclose(seen[1][2], np.exp([sum(truth), *truth]), rtol=1e-3)


@pytest.mark.parametrize("attr_target", ["log_prob", "prob"])
@pytest.mark.parametrize("method", [ca.ShapleyValues, ca.Lime])
def test_the_other_methods_and_probabilities(model, method, attr_target):
    inp = ca.TextTemplateInput("!{} {}: {}", ["ab", "cde", "f"], baselines=["x", "y", "z"])
    found = []
    for library in (ca, ours):
        with serving(model, Tok()) as served:
            torch.manual_seed(0)
            attribution = remote(library, served, method, attr_target=attr_target)
            found.append(attribution.attribute(inp, Tok().decode(TARGET[:1])).seq_attr)
    # A LASSO of numbers as small as probabilities has no weight at all.
    assert float(found[0].abs().max()) > 0 or (method is ca.Lime and attr_target == "prob")
    np.testing.assert_allclose(found[1].numpy(), found[0].numpy(), atol=2e-4 * max(1e-6, float(found[0].abs().max())))


def test_by_default_the_server_writes_captums_25_tokens(model):
    with serving(model, Tok()) as served:
        found = remote(ours, served, ca.FeatureAblation).attribute(ca.TextTemplateInput("!{}", ["a"]))
    assert served.asked[0]["max_tokens"] == 25
    assert not {"do_sample", "max_new_tokens", "top_p"} & set(served.asked[0])
    assert len(found.target) == 25


class Unbatched(ca.VLLMProvider):
    """Its log-probs are its own."""

    def get_logprobs(self, input_prompt, target_str, tokenizer=None):
        return [-float(len(input_prompt))] * len(target_str)


class Writing(ca.VLLMProvider):
    """What it writes is its own."""

    def generate(self, prompt, **gen_args):
        return "zq"


def test_what_a_provider_of_ones_own_changes_is_not_gone_round(model):
    inp = ca.TextTemplateInput("!{} {}", ["abc", "d"])
    with serving(model, Tok()) as served:
        placeholder = ca.RemoteLLMAttribution.placeholder_model
        method = ca.FeatureAblation(placeholder)
        found = ours.RemoteLLMAttribution(method, Tok(), Unbatched(served.url)).attribute(inp, "xy")
        assert found.token_attr.tolist() == [[-3, -1], [-3, -1]]
        replaced = ca.VLLMProvider(served.url)
        replaced.get_logprobs = lambda input_prompt, target_str, tokenizer=None: [-2.0 * len(input_prompt)] * 2
        found = ours.RemoteLLMAttribution(method, Tok(), replaced).attribute(inp, "xy")
        assert found.token_attr.tolist() == [[-6, -2], [-6, -2]]
        assert not served.asked
        found = ours.RemoteLLMAttribution(method, Tok(), Writing(served.url)).attribute(inp)
        assert found.output_tokens == ["z", "q"]
        assert served.asked  # scored by the server all the same


class Looks(ca.RemoteLLMProvider):
    """Scores pictures by their mean, and says what it was given."""

    api_url = ""

    def __init__(self):
        self.seen = []

    def generate(self, prompt, **_):
        self.seen.append(prompt)
        return "x"

    def get_logprobs(self, input_prompt, target_str, tokenizer=None):
        self.seen.append(input_prompt)
        return [-float(np.asarray(input_prompt).mean())] * len(target_str)


def test_a_provider_gets_pictures_as_they_are():
    """As in captum; equal ones once."""
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype("uint8")
    pixels[:, :4] = 255  # the baseline's colour: this segment's absence changes nothing
    mask = (torch.arange(8) // 4).expand(6, 8)
    inp = ca.ImageMaskInput(PIL.Image.fromarray(pixels), mask=mask)
    found, providers, told = [], [], []
    for library in (ca, ours):
        providers.append(Looks())
        attribution = library.RemoteLLMAttribution(
            ca.FeatureAblation(ca.RemoteLLMAttribution.placeholder_model), Tok(), providers[-1]
        )
        found.append(attribution.attribute(inp, "xy", _inspect_forward=lambda *each: told.append(each)))
    torch.testing.assert_close(found[1].token_attr, found[0].token_attr)
    assert float(found[0].seq_attr.abs().max()) > 1
    assert [len(provider.seen) for provider in providers] == [3, 2]
    assert all(isinstance(each, PIL.Image.Image) for each in providers[1].seen)
    assert all(isinstance(each, PIL.Image.Image) for each, *_ in told)
    assert attribution.attribute(inp).output_tokens == ["x"]


class Mute(Looks):
    generate = None


class Splits(Looks):
    def get_logprobs(self, input_prompt, target_str, tokenizer=None):
        return [0.0]


def test_what_a_provider_cannot_do_is_said(model):
    inp, placeholder = ca.TextTemplateInput("!{}", ["a"]), ca.RemoteLLMAttribution.placeholder_model
    with pytest.raises(CapabilityError, match="Give the target"):
        ours.RemoteLLMAttribution(ca.FeatureAblation(placeholder), Tok(), Mute()).attribute(inp)
    with pytest.raises(ScoreError, match="Expected 2 log-probs from the provider for 'xy', got 1"):
        ours.RemoteLLMAttribution(ca.FeatureAblation(placeholder), Tok(), Splits()).attribute(inp, "xy")
    with serving(model, Tok(), failures=[503] * 9) as served, pytest.raises(ScoreError, match="did not answer"):
        remote(ours, served, ca.FeatureAblation).attribute(inp, "xy")


def test_many_prompts_share_a_request(model):
    inp = ca.TextTemplateInput("!{} {} {} {} {}", list("abcde"), baselines=list("vwxyz"))
    with serving(model, Tok()) as served:
        remote(ours, served, ca.ShapleyValues).attribute(inp, "xy")
    prompts = [len(request["prompt"]) for request in served.asked]
    assert sum(prompts) == 32
    assert max(prompts) == 16
    assert all(isinstance(prompt, list) for request in served.asked for prompt in request["prompt"])


def test_a_remote_attribution_in_the_background(model):
    inp = ca.TextTemplateInput("!{} {}", ["a", "b"])
    with serving(model, Tok()) as served:
        future = remote(ours, served, ca.FeatureAblation).attribute_future(inp, "xy")
        found = future.result(60)
    truth = np.array(by_hand(model, Tok().encode("!a b"), Tok().encode("xy")))
    np.testing.assert_allclose(found.output_probs.log().numpy(), truth, atol=1e-4)


class Starting(Tok):
    """Puts a token before every text that is encoded as a prompt."""

    def encode(self, text, return_tensors=None, add_special_tokens=True):
        return super().encode("^" + text if add_special_tokens else text, return_tensors)


class Lengths(Looks):
    def get_logprobs(self, input_prompt, target_str, tokenizer=None):
        self.seen.append((input_prompt, target_str))
        return [-float(len(input_prompt))] * len(target_str)

    def generate(self, prompt, **_):
        return "zq"


def test_a_provider_gets_the_very_text_and_a_target_without_special_tokens():
    inp, provider = ca.TextTemplateInput("!{} {}", ["a", "b"]), Lengths()
    method = ca.FeatureAblation(ca.RemoteLLMAttribution.placeholder_model)
    attribution = ours.RemoteLLMAttribution(method, Starting(), provider)
    attribution.attribute(inp, "xy")
    assert provider.seen == [("!a b", "xy"), ("! b", "xy"), ("!a ", "xy")]
    assert attribution.attribute(inp).output_tokens == ["z", "q"]
