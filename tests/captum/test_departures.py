"""Each number in which we depart from captum: captum's, ours, and the one worked out by hand, side by side."""

from __future__ import annotations

import itertools
import math

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, BothWays, Tok


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
    assert torch.allclose(results[0].token_attr, results[1].token_attr, atol=1e-4)


def test_an_empty_prompt(model):
    """Captum hands the model no token at all; a text that is empty is scored after the tokenizer's first token."""
    inp = ca.TextTemplateInput("{}", ["abc"])
    with pytest.raises((RuntimeError, IndexError, ValueError, TypeError)):
        ca.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(
            inp, torch.tensor(TARGET), use_cached_outputs=False
        )
    found = ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(inp, torch.tensor(TARGET))
    truth = np.array(by_hand(model, Tok().encode("abc"), TARGET)) - by_hand(model, [Tok.bos_token_id], TARGET)
    np.testing.assert_allclose(found.token_attr[:, 0].numpy(), truth, atol=1e-4)


def test_what_captum_leaves_empty(model):
    captums, found = both(model, ca.FeatureAblation, tokens(), use_cached_outputs=False)
    assert captums.output_probs is None
    np.testing.assert_allclose(found.output_probs.numpy(), np.exp(by_hand(model, PROMPT, TARGET)), rtol=1e-3)
    slopes = ca.LayerGradientXActivation(model, model.model.embed_tokens)
    captums, found = (
        library.LLMGradientAttribution(slopes, Tok()).attribute(tokens(), torch.tensor(TARGET))
        for library in (ca, ours)
    )
    assert captums.inp is None
    assert found.inp is not None


@pytest.mark.parametrize(
    ("method", "more"),
    [
        (ca.ShapleyValueSampling, {"skip_tokens": [5]}),
        (ca.ShapleyValueSampling, {"n_steps": 5}),
        (ca.Lime, {"_inspect_forward": lambda *_: None}),
        (ca.FeatureAblation, {"target": list(TARGET)}),
        (ca.FeatureAblation, {"target": torch.tensor([], dtype=torch.long)}),
        (ca.LayerIntegratedGradients, {"return_convergence_delta": True}),
        (ca.LayerIntegratedGradients, {"inp": ca.TextTemplateInput("!{}", ["abc"])}),
    ],
    ids=lambda each: ", ".join(each) if isinstance(each, dict) else each.__name__,
)
def test_where_captum_stops(model, method, more):
    """What comes of each of these here is in test_beyond_captum.py and test_gradients_and_futures.py."""
    gradient = method is ca.LayerIntegratedGradients
    configured = method(model, model.model.embed_tokens) if gradient else method(model)
    attribution = (ca.LLMGradientAttribution if gradient else ca.LLMAttribution)(configured, Tok())
    given = {"inp": tokens(), "target": torch.tensor(TARGET), **more}
    with pytest.raises((AssertionError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)):
        attribution.attribute(**given, **({} if gradient else {"use_cached_outputs": False}))
    with pytest.raises((NotImplementedError, TypeError)):
        attribution.attribute_future(**given)


def test_captums_ablation_swallows_keywords_that_it_does_not_know(model):
    """So captum 0.8's `skip_tokens` explains a target that was not asked for, and a slip goes unseen."""
    captums = ca.LLMAttribution(ca.FeatureAblation(model), Tok())
    ignored = captums.attribute(
        tokens(), torch.tensor(TARGET), use_cached_outputs=False, skip_tokens=[TARGET[1]], n_stepps=3
    )
    assert len(ignored.output_tokens) == len(TARGET)
    found = ours.LLMAttribution(ca.FeatureAblation(model), Tok())
    assert len(found.attribute(tokens(), torch.tensor(TARGET), skip_tokens=[TARGET[1]]).output_tokens) == 2
    truth = ablated(lambda ids: by_hand(model, ids, (TARGET[0], TARGET[2])))
    left = found.attribute(tokens(), torch.tensor(TARGET), skip_tokens=[TARGET[1]])
    np.testing.assert_allclose(left.token_attr.numpy(), truth, atol=1e-4)
    with pytest.raises(TypeError, match="n_stepps"):
        found.attribute(tokens(), torch.tensor(TARGET), n_stepps=3)


def test_an_input_of_ones_own_is_refused_by_captum(model):
    class Nothing(ca.InterpretableInput):
        n_itp_features, values = 1, ("all",)

        def to_tensor(self):
            return torch.ones(1, 1)

        def to_model_input(self, perturbed_tensor=None):
            return torch.tensor([PROMPT])

    with pytest.raises(AssertionError, match="does not support input type"):
        both(model, ca.FeatureAblation, Nothing())


def test_kernel_shap_of_one_group(model):
    """Captum's crash is the same for a feature mask of one group."""
    mask = torch.zeros(1, len(PROMPT), dtype=torch.long)
    with pytest.raises((IndexError, RuntimeError, ValueError, AssertionError, TypeError)):
        ca.LLMAttribution(ca.KernelShap(model), Tok()).attribute(
            tokens(), torch.tensor(TARGET), use_cached_outputs=False, feature_mask=mask
        )


def test_captum_scores_a_coalition_again_and_again(model):
    """Prompts that go through the model for three orders of three features; by hand, 2³ are different."""
    inp = ca.TextTemplateInput("!{} {} {}", ["a", "b", "c"], baselines=["x", "y", "z"])
    seen = []
    for library in (ca, ours):
        rows = []
        handle = model.model.embed_tokens.register_forward_hook(lambda _, args, __, to=rows: to.append(len(args[0])))
        torch.manual_seed(0)
        library.LLMAttribution(ca.ShapleyValueSampling(model), Tok()).attribute(
            inp, torch.tensor(TARGET[:1]), n_samples=20, use_cached_outputs=False, forward_in_tokens=False
        )
        handle.remove()
        seen.append(sum(rows))
    assert seen[0] == 1 + 20 * 3
    assert seen[1] <= 8 + 8  # and what finding the right path costs, once for a model


def test_gradient_shap_draws_once_for_all_target_tokens(model):
    """Captum draws a baseline for each target token anew. By hand, each number is the one of some baseline."""
    pool = torch.tensor([[0.0, 1, 0, 0, 1, 0], [1.0, 0, 0, 1, 0, 0]])
    method = ca.LayerGradientShap(model, model.model.embed_tokens)

    def found(library, baselines, seed):
        np.random.seed(seed)  # noqa: NPY002 (what captum draws from)
        attribution = library.LLMGradientAttribution(method, Tok())
        options = {"baselines": baselines, "n_samples": 1}
        return attribution.attribute(tokens(), torch.tensor(TARGET), **options).token_attr

    alone = [found(ca, row[None], 0) for row in pool]

    def drawn(library, seed):
        """The baseline that each target token was explained with."""
        explained = found(library, pool, seed)
        fits = [[torch.allclose(explained[t], each[t], atol=1e-4) for each in alone] for t in range(len(TARGET))]
        assert all(sum(fit) == 1 for fit in fits)
        return [fit.index(True) for fit in fits]

    seeds = range(5)
    assert any(len(set(drawn(ca, seed))) > 1 for seed in seeds)
    ours_drew = [drawn(ours, seed) for seed in seeds]
    assert all(len(set(row)) == 1 for row in ours_drew)
    assert len({row[0] for row in ours_drew}) == 2
