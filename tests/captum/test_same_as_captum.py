"""The same seeds through captum (without its cache, which is wrong) and through ours give the same attributions."""

from __future__ import annotations

import random

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from tests.models.huggingface.families import build
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok

METHODS = [
    (ca.FeatureAblation, {}),
    (ca.ShapleyValueSampling, {"n_samples": 4}),
    (ca.ShapleyValues, {}),
    (ca.Lime, {"n_samples": 40}),
    (ca.KernelShap, {"n_samples": 40}),
]


@pytest.fixture(scope="module")
def model():
    return build("gpt2")


def seeded(call):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (what captum draws from)
    random.seed(0)
    return call()


def inputs(tokenizer):
    text = tokenizer.decode(PROMPT)
    return {
        "tokens": ca.TextTokenInput(text, tokenizer, baselines=3),
        "skipped": ca.TextTokenInput(text, tokenizer, baselines=3, skip_tokens=[PROMPT[2]]),
        "template": ca.TextTemplateInput("!{} {}: {}", ["ab", "cde", "f"], baselines=["x", "y", "z"]),
        "dict and mask": ca.TextTemplateInput(
            "!{a} {b}: {c}", {"a": "ab", "b": "cde", "c": "f"}, mask={"a": 0, "b": 1, "c": 0}
        ),
        "callable": ca.TextTemplateInput(
            lambda *parts: "!" + "-".join(part for part in parts if part), ["a", "b", "c"]
        ),
    }


def close(found, expected):
    assert (found - expected).abs().max() <= 1e-4 * max(1.0, expected.abs().max())


@pytest.mark.filterwarnings("ignore:.*masks:UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("in_tokens", [True, False], ids=["in tokens", "one pass"])
@pytest.mark.parametrize("kind", ["tokens", "skipped", "template", "dict and mask", "callable"])
@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
def test_perturbation_methods(model, method, options, kind, in_tokens):
    tokenizer, target = Tok(), torch.tensor(TARGET)
    inp = inputs(tokenizer)[kind]
    if method is ca.ShapleyValues and kind in ("tokens", "skipped"):  # captum goes through all orders
        skip = [PROMPT[2]] if kind == "skipped" else None
        inp = ca.TextTokenInput(tokenizer.decode(PROMPT[:4]), tokenizer, baselines=3, skip_tokens=skip)
    more = {"forward_in_tokens": in_tokens, **options}
    expected = seeded(
        lambda: ca.LLMAttribution(method(model), tokenizer).attribute(inp, target, use_cached_outputs=False, **more)
    )
    found = seeded(lambda: ours.LLMAttribution(method(model), tokenizer).attribute(inp, target, **more))
    close(found.seq_attr, expected.seq_attr)
    assert found.seq_attr.shape == expected.seq_attr.shape
    if expected.token_attr is not None:
        close(found.token_attr, expected.token_attr)
    assert found.token_attr.shape == (len(TARGET), len(inp.values))
    assert found.input_tokens == expected.input_tokens
    assert found.output_tokens == expected.output_tokens


@pytest.mark.parametrize("skip", [None, [PROMPT[2]]], ids=["all tokens", "skipped"])
@pytest.mark.parametrize("layer", ["transformer.wte", "transformer.h.0"])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        (ca.LayerIntegratedGradients, {"n_steps": 8}),
        (ca.LayerIntegratedGradients, {"n_steps": 8, "method": "riemann_trapezoid"}),
        (ca.LayerGradientXActivation, {}),
    ],
)
def test_gradient_methods(model, method, options, layer, skip):
    tokenizer, target = Tok(), torch.tensor(TARGET)
    inp = ca.TextTokenInput(tokenizer.decode(PROMPT), tokenizer, baselines=3, skip_tokens=skip)
    module = model.get_submodule(layer)
    expected = ca.LLMGradientAttribution(method(model, module), tokenizer).attribute(inp, target, **options)
    found = ours.LLMGradientAttribution(method(model, module), tokenizer).attribute(inp, target, **options)
    close(found.token_attr, expected.token_attr)
    close(found.seq_attr, expected.seq_attr)
    assert found.inp is inp


def shap(library, model, target, samples):
    tokenizer = Tok()
    inp = ca.TextTokenInput(tokenizer.decode(PROMPT), tokenizer, baselines=3)
    attribution = library.LLMGradientAttribution(ca.LayerGradientShap(model, model.transformer.wte), tokenizer)
    options = {"baselines": torch.zeros(1, len(PROMPT)), "n_samples": samples}
    return seeded(lambda: attribution.attribute(inp, torch.tensor(target), **options)).token_attr


def test_gradient_shap_where_captum_explains_the_target_it_was_given(model):
    close(shap(ours, model, TARGET[:1], 4), shap(ca, model, TARGET[:1], 4))
    close(shap(ours, model, TARGET, 1), shap(ca, model, TARGET, 1))


def test_captums_gradient_shap_repeats_the_first_target_token(model):
    """Departure: with several samples captum repeats target tokens as if they were a batch, and explains those."""
    repeated = (TARGET[0],) * 3
    close(shap(ours, model, repeated, 4), shap(ca, model, TARGET, 4))
    difference = (shap(ours, model, TARGET, 4) - shap(ca, model, TARGET, 4)).abs().max()
    assert difference > 0.01
    close(shap(ours, model, TARGET, 4), shap(ca, model, TARGET, 1))
