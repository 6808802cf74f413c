"""Captum's VLLMProvider and RemoteLLMAttribution against a real server, through captum and through ours."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from tests.models.families import build
from tests.models.reference import by_hand
from tests.models.served import serving
from tests.models.test_slopes import PROMPT, TARGET, Tok


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
