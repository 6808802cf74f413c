"""Gradient methods on every kind of layer and on both of its sides, as captum computes them."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from llm_attr_widget.errors import CapabilityError, MethodError
from tests.captum.test_same_as_captum import close, seeded
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok

PLACES = [
    ("model.embed_tokens", False),
    ("model.layers.0", False),
    ("model.layers.1.mlp", False),
    ("model.layers.0.mlp", True),
    ("model.layers.1.self_attn.q_proj", False),
    ("model.layers.1.self_attn.q_proj", True),  # keys and values read what the query reads
    ("model.layers.1.post_attention_layernorm", True),  # the sum that goes past it is the same tensor
]
SPREAD = torch.tensor([[0.0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 0, 1]])


@pytest.fixture(scope="module")
def model():
    return build("llama")


def tokens(**options):
    return ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3, **options)


def both(given, *, target=TARGET, **options):
    return [
        seeded(lambda kind=kind: kind(given, Tok()).attribute(tokens(), torch.tensor(target), **options))
        for kind in (ca.LLMGradientAttribution, ours.LLMGradientAttribution)
    ]


@pytest.mark.parametrize("multiplied", [True, False], ids=["multiplied", "gradients alone"])
@pytest.mark.parametrize(("layer", "side"), PLACES)
@pytest.mark.parametrize(
    ("method", "options"),
    [
        (ca.LayerIntegratedGradients, {"n_steps": 4}),
        (ca.LayerGradientXActivation, {}),
        # With more than one sample captum repeats target tokens, so the first alone is explained.
        (ca.LayerGradientShap, {"n_samples": 5, "baselines": SPREAD, "target": TARGET[:1]}),
    ],
)
def test_values_are_captums(model, method, options, layer, side, multiplied):
    given = method(model, model.get_submodule(layer), multiply_by_inputs=multiplied)
    more = {"attribute_to_layer_input": True} if side else {}
    captums, found = both(given, **options, **more)
    assert float(captums.token_attr.abs().max()) > 1e-3
    difference = (found.token_attr - captums.token_attr).abs().max()
    assert difference <= 1e-4 * captums.token_attr.abs().max()
    close(found.seq_attr, captums.seq_attr)


@pytest.mark.parametrize("method", [ca.LayerGradientXActivation, ca.LayerGradientShap])
def test_weights_that_are_frozen_make_no_difference(model, method):
    options = {"attribute_to_layer_input": True}
    if method is ca.LayerGradientShap:
        options |= {"baselines": SPREAD[:1], "n_samples": 1}
    layer = model.get_submodule("model.layers.1.self_attn.q_proj")
    attribution = ours.LLMGradientAttribution(method(model, layer), Tok())
    free = seeded(lambda: attribution.attribute(tokens(), torch.tensor(TARGET), **options)).token_attr
    model.requires_grad_(False)
    try:
        frozen = seeded(lambda: attribution.attribute(tokens(), torch.tensor(TARGET), **options)).token_attr
        captums = ca.LLMGradientAttribution(method(model, layer), Tok()).attribute(
            tokens(), torch.tensor(TARGET), **options
        )
    finally:
        model.requires_grad_(True)
    torch.testing.assert_close(frozen, free)
    close(frozen, captums.token_attr)
    assert all(weight.grad is None for weight in model.parameters())
    assert not model.model.embed_tokens._forward_hooks


@pytest.mark.parametrize(
    "rule", ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"]
)
def test_quadratures_and_batches_of_steps_are_captums(model, rule):
    method = ca.LayerIntegratedGradients(model, model.model.embed_tokens)
    captums, found = both(method, n_steps=5, method=rule, internal_batch_size=3)
    close(found.token_attr, captums.token_attr)


@pytest.mark.parametrize(
    "baselines", [0, 1, SPREAD[2:].long(), (SPREAD[2:].long(),)], ids=["zero", "one", "tensor", "tuple"]
)
def test_baselines_of_integrated_gradients(model, baselines):
    captums, found = both(ca.LayerIntegratedGradients(model, model.model.embed_tokens), n_steps=3, baselines=baselines)
    close(found.token_attr, captums.token_attr)
    assert (found.token_attr[:, 0] == 0).all() == (baselines != 0 if isinstance(baselines, int) else True)


@pytest.mark.parametrize(
    "options",
    [
        {"baselines": lambda: SPREAD},
        {"baselines": lambda inputs: SPREAD[: len(inputs)]},
        {"baselines": (SPREAD,)},
        {"baselines": SPREAD, "stdevs": 0.3},
    ],
    ids=["function", "function of the input", "tuple", "noise"],
)
def test_baselines_of_gradient_shap(model, options):
    method = ca.LayerGradientShap(model, model.model.embed_tokens)
    captums, found = both(method, target=TARGET[:1], n_samples=4, **options)
    close(found.token_attr, captums.token_attr)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (ca.LayerIntegratedGradients, {"method": "riemann_left"}),  # which still moves at captum's 50 steps
        (ca.LayerGradientShap, {"baselines": SPREAD, "target": TARGET[:1]}),
    ],
)
def test_as_many_steps_and_samples_as_captum_has_by_default(model, method, options):
    captums, found = both(method(model, model.model.embed_tokens), **options)
    close(found.token_attr, captums.token_attr)
    fewer = {"n_samples": 4} if "target" in options else {"n_steps": 49}
    less = both(method(model, model.model.embed_tokens), **options, **fewer)[1]
    assert (less.token_attr - found.token_attr).abs().max() > 2e-4


@pytest.mark.parametrize("multiplied", [True, False])
@pytest.mark.parametrize(
    ("method", "options"), [(ca.LayerIntegratedGradients, {}), (ca.LayerGradientShap, {"baselines": SPREAD})]
)
def test_only_what_is_multiplied_by_a_difference_adds_up_to_one(model, method, options, multiplied):
    given = method(model, model.model.embed_tokens, multiply_by_inputs=multiplied)
    found = ours.LLMGradientAttribution(given, Tok()).attribute(tokens(), torch.tensor(TARGET), **options)
    assert (found.delta is not None) == multiplied
    assert np.isnan(found.ends[:, 1]).all() == (not multiplied)
    np.testing.assert_allclose(found.ends[:, 0], by_hand(model, PROMPT, TARGET), atol=1e-4)
    assert found.to_attribution().adds_up == multiplied


def test_gradient_shap_without_baselines_and_a_layer_of_another_model_are_refused(model):
    slopes = ours.LLMGradientAttribution(ca.LayerGradientShap(model, model.model.embed_tokens), Tok())
    with pytest.raises(MethodError, match="needs baselines"):
        slopes.attribute(tokens(), torch.tensor(TARGET))
    other = ca.LayerGradientXActivation(model, build("gpt2").transformer.wte)
    with pytest.raises(CapabilityError, match="no part of the model"):
        ours.LLMGradientAttribution(other, Tok()).attribute(tokens(), torch.tensor(TARGET))


def test_generated_and_texts_as_targets(model):
    slopes = [
        kind(ca.LayerGradientXActivation(model, model.model.embed_tokens), Tok())
        for kind in (ca.LLMGradientAttribution, ours.LLMGradientAttribution)
    ]
    for options in ({"target": Tok().decode(TARGET)}, {"gen_args": {"max_new_tokens": 2, "do_sample": False}}):
        captums, found = (each.attribute(tokens(), **options) for each in slopes)
        close(found.token_attr, captums.token_attr)
        assert found.output_tokens == captums.output_tokens
        np.testing.assert_allclose(found.output_probs.log().sum(), found.ends[:, 0].sum(), rtol=1e-4)
