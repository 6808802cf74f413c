"""Each number in which we depart from captum: captum's, ours, and the one worked out by hand, side by side."""

from __future__ import annotations

import itertools
import math

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from tests.models.families import build
from tests.models.reference import by_hand
from tests.models.test_slopes import PROMPT, TARGET, BothWays, Tok


@pytest.fixture(scope="module")
def model():
    return build("llama")


def tokens():
    return ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)


def without(feature):
    return (*PROMPT[:feature], 3, *PROMPT[feature + 1 :])


def ablated(scored):
    """Leave-one-out by hand, `(target tokens, features)`; scored: a prompt's log-probs."""
    whole = np.array(scored(PROMPT))
    return np.stack([whole - scored(without(feature)) for feature in range(len(PROMPT))], axis=1)


def both(model, method, inp, **options):
    """Captum's result and ours."""
    return [
        library.LLMAttribution(method(model), Tok()).attribute(inp, torch.tensor(TARGET), **options)
        for library in (ca, ours)
    ]


def test_the_default_mode(model):
    captums, found = both(model, ca.FeatureAblation, tokens())
    truth = ablated(lambda ids: by_hand(model, ids, TARGET))
    np.testing.assert_allclose(found.token_attr.numpy(), truth, atol=1e-4)
    assert np.abs(captums.token_attr.numpy() - truth).max() > 0.1
    captums, found = both(model, ca.FeatureAblation, tokens(), use_cached_outputs=False)
    np.testing.assert_allclose(captums.token_attr.numpy(), truth, atol=1e-4)
    np.testing.assert_allclose(found.token_attr.numpy(), truth, atol=1e-4)


def test_one_pass_through_a_model_that_reads_both_ways():
    model = BothWays().eval()
    model.forward = lambda input_ids, attention_mask=None, use_cache=False: BothWays.forward(model, input_ids)
    captums, found = both(model, ca.FeatureAblation, tokens(), forward_in_tokens=False)
    truth = ablated(lambda ids: by_hand(model, ids, TARGET))
    np.testing.assert_allclose(found.token_attr.numpy(), truth, atol=1e-4)
    assert np.abs(captums.token_attr.numpy() - truth).max() > 1e-3


def test_groups_are_added_up_once(model):
    inp = ca.TextTemplateInput("!{} {} {}", ["a", "b", "c"], baselines=["x", "y", "z"], mask=[0, 0, 1])
    captums, found = both(model, ca.ShapleyValues, inp, use_cached_outputs=False)
    truth = sum(by_hand(model, Tok().encode("!a b c"), TARGET)) - sum(by_hand(model, Tok().encode("!x y z"), TARGET))
    assert float(found.group_attr.sum()) == pytest.approx(truth, abs=1e-4)
    assert torch.allclose(found.seq_attr, captums.seq_attr, atol=1e-4)
    assert abs(float(captums.seq_attr.sum()) - truth) > 0.01


def test_exact_values_by_their_definition(model):
    """Shapley 1953: the mean over all orders of what a feature adds; captum goes through all n! of them."""
    inp = ca.TextTemplateInput("!{} {} {}", ["a", "b", "c"], baselines=["x", "y", "z"])
    captums, found = both(model, ca.ShapleyValues, inp, use_cached_outputs=False)
    slots = (("x", "a"), ("y", "b"), ("z", "c"))
    value = {}
    for key in itertools.product((0, 1), repeat=3):
        text = "!" + " ".join(slot[present] for slot, present in zip(slots, key, strict=True))
        value[key] = sum(by_hand(model, Tok().encode(text), TARGET))
    truth = np.zeros(3)
    for order in itertools.permutations(range(3)):
        key = [0, 0, 0]
        for feature in order:
            before = value[tuple(key)]
            key[feature] = 1
            truth[feature] += (value[tuple(key)] - before) / math.factorial(3)
    np.testing.assert_allclose(found.seq_attr.numpy(), truth, atol=1e-4)
    np.testing.assert_allclose(captums.seq_attr.numpy(), truth, atol=1e-4)


def test_kernel_shap_of_one_feature(model):
    inp = ca.TextTemplateInput("!{}", ["abc"], baselines=["x"])
    with pytest.raises((IndexError, RuntimeError, ValueError, AssertionError, TypeError)):
        ca.LLMAttribution(ca.KernelShap(model), Tok()).attribute(inp, torch.tensor(TARGET), use_cached_outputs=False)
    found = ours.LLMAttribution(ca.KernelShap(model), Tok()).attribute(inp, torch.tensor(TARGET))
    truth = sum(by_hand(model, Tok().encode("!abc"), TARGET)) - sum(by_hand(model, Tok().encode("!x"), TARGET))
    assert float(found.seq_attr[0]) == pytest.approx(truth, abs=1e-4)


def test_a_token_that_comes_twice(model):
    inp = ca.TextTokenInput("abab", Tok(), baselines=3)
    captums, found = both(model, ca.FeatureAblation, inp, use_cached_outputs=False)
    ids = Tok().encode("abab")
    whole = sum(by_hand(model, ids, TARGET))
    truth = [whole - sum(by_hand(model, [*ids[:i], 3, *ids[i + 1 :]], TARGET)) for i in range(4)]
    assert list(captums.seq_attr_dict.values()) == pytest.approx(truth[2:], abs=1e-4)
    assert list(found.seq_attr_dict.values()) == pytest.approx(truth, abs=1e-4)


@pytest.mark.parametrize("method", [ca.Lime, ca.KernelShap])
def test_token_attributions_of_linear_methods_are_their_fits_to_single_tokens(model, method):
    """Captum has none; a target of one token has the token's attribution as its sequence's."""
    options = {"n_samples": 40, "use_cached_outputs": False}
    torch.manual_seed(4)
    np.random.seed(4)  # noqa: NPY002 (what captum draws from)
    captums, _ = both(model, method, tokens(), **options)
    assert captums.token_attr is None
    torch.manual_seed(4)
    found = ours.LLMAttribution(method(model), Tok()).attribute(tokens(), torch.tensor(TARGET), **options)
    torch.manual_seed(4)
    # The first token's own log-prob does not depend on what follows.
    alone = ca.LLMAttribution(method(model), Tok()).attribute(tokens(), torch.tensor(TARGET[:1]), **options)
    np.testing.assert_allclose(found.token_attr[0].numpy(), alone.seq_attr.numpy(), atol=2e-4)


@pytest.mark.parametrize("method", [ca.FeatureAblation, ca.ShapleyValueSampling])
def test_several_perturbations_at_once(model, method):
    """Captum takes only one at a time; here the number changes nothing."""
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        ca.LLMAttribution(method(model), Tok()).attribute(
            tokens(), torch.tensor(TARGET), use_cached_outputs=False, perturbations_per_eval=4
        )
    results = []
    for number in (1, 4):
        torch.manual_seed(0)
        results.append(
            ours.LLMAttribution(method(model), Tok()).attribute(
                tokens(), torch.tensor(TARGET), perturbations_per_eval=number
            )
        )
    assert torch.equal(results[0].token_attr, results[1].token_attr)
