"""What every argument means, against captum's own, and by hand."""

from __future__ import annotations

import inspect

import captum.attr as ca
import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SGDLinearRegression, SkLearnRidge
from captum.attr._core.lime import get_exp_kernel_similarity_function
from captum.attr._core.llm_attr import DEFAULT_GEN_ARGS

from llm_attr_widget import captum as ours
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import InputError, MethodError, TargetError
from tests.captum.test_models_and_inputs import METHODS
from tests.captum.test_own_inputs import Plain
from tests.captum.test_remote import Starting
from tests.captum.test_same_as_captum import close, seeded
from tests.models.huggingface.families import build
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok


@pytest.fixture(scope="module")
def model():
    return build("gpt2")


def tokens():
    return ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)


def drawn():
    baselines = ca.ProductBaselines({("a", "b"): [("x", "y"), ("p", "q"), ("s", "t")], "c": ["u", "v", "w"]})
    return ca.TextTemplateInput("!{a} {b}: {c}", {"a": "a", "b": "b", "c": "c"}, baselines=baselines)


def shuffled():
    """Its template draws, from the generator that captum's methods draw from."""
    return ca.TextTemplateInput(
        lambda *parts: f"!{''.join(parts)}{chr(97 + int(torch.randint(26, (1,))))}", ["a", "b", "c"]
    )


def both(model, method, inp, **options):
    """Captum's result and ours, from the same seeds."""
    more = {"use_cached_outputs": False, **options}
    return [
        seeded(lambda kind=kind: kind(method(model), Tok()).attribute(inp, torch.tensor(TARGET), **more))
        for kind in (ca.LLMAttribution, ours.LLMAttribution)
    ]


@pytest.mark.parametrize("name", ["LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution"])
def test_arguments_are_captums_in_captums_order_with_captums_defaults(name):
    for function in ("__init__", "attribute"):
        theirs, mine = (
            inspect.signature(getattr(getattr(library, name), function)).parameters for library in (ca, ours)
        )
        names = [each for each in theirs if each != "kwargs"]
        assert list(mine)[: len(names)] == names
        assert [theirs[each].default for each in names] == [mine[each].default for each in names]
    later = inspect.signature(getattr(ours, name).attribute_future).parameters
    assert list(later) == list(inspect.signature(getattr(ours, name).attribute).parameters)


@pytest.mark.filterwarnings("ignore:.*masks:UserWarning")
@pytest.mark.parametrize("kind", [tokens, drawn, shuffled])
@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
def test_trials_are_captums_one_after_the_other(model, method, options, kind):
    if method is ca.ShapleyValues and kind is not tokens:
        return  # captum draws baselines for each visit of n! orders, we for each of 2ⁿ coalitions: see docs/captum.md
    if method is ca.ShapleyValues:
        kind = lambda: ca.TextTokenInput("abc", Tok(), baselines=3)  # noqa: E731
    captums, found = both(model, method, kind(), num_trials=3, **options)
    close(found.seq_attr, captums.seq_attr)


def test_the_result_of_trials_is_their_mean_with_its_standard_error(model):
    exact = ours.LLMAttribution(ca.ShapleyValues(model), Tok())
    found = seeded(lambda: exact.attribute(drawn(), torch.tensor(TARGET), num_trials=4))
    single = seeded(lambda: [exact.attribute(drawn(), torch.tensor(TARGET)).token_attr.numpy() for _ in range(4)])
    np.testing.assert_allclose(found.token_attr.numpy(), np.mean(single, axis=0), atol=1e-5)
    np.testing.assert_allclose(found.token_errors.numpy(), np.std(single, axis=0, ddof=1) / 2, atol=1e-5)
    shown = found.to_attribution()
    np.testing.assert_allclose(shown.standard_errors, found.token_errors.numpy())
    np.testing.assert_allclose(shown.sequence_standard_errors, found.seq_errors.numpy())
    once = exact.attribute(drawn(), torch.tensor(TARGET))
    assert once.seq_errors is None
    assert np.isnan(once.to_attribution().standard_errors).all()  # one draw says nothing of its error


@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
@pytest.mark.parametrize("in_tokens", [True, False], ids=["in tokens", "one pass"])
def test_probabilities(model, method, options, in_tokens):
    """A target of one token: three together are too unlikely to tell anything."""
    inp = ca.TextTemplateInput("!{} {}: {}", ["ab", "cde", "f"], baselines=["x", "y", "z"])
    captums, found = (
        seeded(
            lambda kind=library.LLMAttribution: kind(method(model), Tok(), attr_target="prob").attribute(
                inp, torch.tensor(TARGET[:1]), use_cached_outputs=False, forward_in_tokens=in_tokens, **options
            )
        )
        for library in (ca, ours)
    )
    largest = float(captums.seq_attr.abs().max())
    assert largest > 0 or method is ca.Lime  # captum's LASSO takes all of so small numbers for none
    np.testing.assert_allclose(found.seq_attr.numpy(), captums.seq_attr.numpy(), atol=1e-3 * largest + 1e-9)
    shown = found.to_attribution()
    assert shown.value.label == "probability"
    assert shown.unit != ours.LLMAttribution(method(model), Tok()).attribute(inp, "a").to_attribution().unit


def test_what_to_explain_is_checked_as_in_captum(model):
    for library in (ca, ours):
        with pytest.raises(AssertionError, match="log_prob"):
            library.LLMAttribution(ca.FeatureAblation(model), Tok(), attr_target="logit")
        with pytest.raises(AssertionError, match="does not support"):
            library.LLMAttribution(ca.Saliency(model), Tok())
        with pytest.raises(AssertionError, match="does not support"):
            library.LLMGradientAttribution(ca.FeatureAblation(model), Tok())


@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
def test_an_unknown_keyword_is_named(model, method, options):
    with pytest.raises(TypeError, match=rf"{method.__name__}.attribute\(\) .*'n_perturb_sample'.*feature_mask"):
        ours.LLMAttribution(method(model), Tok()).attribute(
            tokens(), torch.tensor(TARGET), n_perturb_sample=3, **options
        )


def test_progress_is_shown_only_where_it_was_asked_for(model, capsys):
    ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(tokens(), torch.tensor(TARGET))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("gen_args", [None, {}, {"max_new_tokens": 2, "num_beams": 2}])
def test_generate_gets_captums_arguments_and_mask_and_pad(gen_args, monkeypatch):
    model, tokenizer = load_text()
    told = []
    plain = model.generate
    monkeypatch.setattr(model, "generate", lambda **given: told.append(given) or plain(**given))
    inp = ca.TextTokenInput("Tom lives in", tokenizer, baselines=tokenizer.pad_token)
    ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(inp, gen_args=gen_args)
    (given,) = told
    ids, mask, pad = (given.pop(name) for name in ("input_ids", "attention_mask", "pad_token_id"))
    assert given == (gen_args or DEFAULT_GEN_ARGS)
    assert ids.tolist() == inp.inp_tensor.tolist()
    assert mask.tolist() == [[1] * ids.shape[1]]
    assert pad == tokenizer.pad_token_id


@pytest.mark.parametrize("given", ["baselines", "return_input_shape", "perturb", "similarity", "ridge"])
def test_lime_as_configured(model, given):
    method = {
        "perturb": lambda m: ca.Lime(m, perturb_func=lambda _, **__: torch.bernoulli(torch.full((1, 6), 0.8)).long()),
        "similarity": lambda m: ca.Lime(m, similarity_func=get_exp_kernel_similarity_function("euclidean", 0.7)),
        "ridge": lambda m: ca.Lime(m, interpretable_model=SkLearnRidge(alpha=0.3)),
    }.get(given, ca.Lime)
    options = {
        "baselines": {"baselines": torch.tensor([[0, 1, 0, 0, 0, 0]])},
        "return_input_shape": {"return_input_shape": False},
    }.get(given, {})
    captums, found = both(model, method, tokens(), n_samples=30, **options)
    close(found.seq_attr, captums.seq_attr)
    plain = both(model, ca.Lime, tokens(), n_samples=30)[1]
    assert (given == "return_input_shape") == torch.allclose(plain.seq_attr, found.seq_attr, atol=1e-4)


def test_a_linear_model_that_draws_does_not_disturb_the_coalitions(model):
    """Stochastic descent draws weights and orders; both trials must still be answered for what they asked."""
    given = ca.Lime(model, interpretable_model=SGDLinearRegression())
    attribution = ours.LLMAttribution(given, Tok())
    found = seeded(lambda: attribution.attribute(tokens(), torch.tensor(TARGET), n_samples=8, num_trials=2))
    assert torch.isfinite(found.token_attr).all()
    assert not np.array_equal(found.coalitions[:8], found.coalitions[8:])
    alone = attribution.attribute(tokens(), torch.tensor(TARGET[:1]), n_samples=8)
    assert torch.allclose(alone.token_attr[0], alone.seq_attr, atol=1e-4)  # equal values, fitted from the same draws
    assert attribution.attr_method.interpretable_model is given.interpretable_model
    future = attribution.attribute_future(tokens(), torch.tensor(TARGET), n_samples=8)
    state = torch.random.get_rng_state()
    future.result(60)
    assert torch.equal(state, torch.random.get_rng_state())  # whoever draws meanwhile is not disturbed either


def test_targets(model):
    attribution = ours.LLMAttribution(ca.FeatureAblation(model), Tok())
    expected = attribution.attribute(tokens(), torch.tensor(TARGET)).token_attr
    for target in (Tok().decode(TARGET), list(TARGET), TARGET, torch.tensor([TARGET])):
        assert torch.allclose(attribution.attribute(tokens(), target).token_attr, expected, atol=1e-4)
    assert attribution.attribute(tokens(), TARGET[0]).target.tolist() == [TARGET[0]]
    started = ours.LLMAttribution(ca.FeatureAblation(model), Starting()).attribute(tokens(), "xy")
    assert started.target.tolist() == Tok().encode("xy")
    for empty in ("", [], torch.tensor([], dtype=torch.long)):
        with pytest.raises(TargetError, match="at least one target token"):
            attribution.attribute(tokens(), empty)
    with pytest.raises(TargetError, match="at least one target token"):
        attribution.attribute(tokens(), list(TARGET), skip_tokens=list(TARGET))
    with pytest.raises(TargetError, match="gen_args"):
        attribution.attribute(tokens(), torch.tensor(TARGET), gen_args={})
    with pytest.raises(TargetError, match="vocabulary"):
        attribution.attribute(tokens(), [97])


def test_inputs_that_explain_nothing_are_refused(model):
    attribution = ours.LLMAttribution(ca.FeatureAblation(model), Tok())
    with pytest.raises(InputError, match="no feature"):
        attribution.attribute(ca.TextTokenInput("aaa", Tok(), skip_tokens=Tok().encode("a")), "x")
    with pytest.raises(InputError, match="InterpretableInput, such as TextTokenInput, got str"):
        attribution.attribute("a prompt", "x")


def test_the_result_is_where_captums_would_be(model, monkeypatch):
    monkeypatch.setattr("llm_attr_widget.captum.work.shown_groups", lambda *_: None)  # it looks at numbers
    attribution = ours.LLMAttribution(ca.FeatureAblation(model), Tok())
    attribution.device = "meta"  # a device that any machine has
    found = attribution.attribute(tokens(), torch.tensor(TARGET), num_trials=2)
    assert attribution._features(Plain()).device.type == "meta"  # one's own input may reckon with it there
    for each in (found.seq_attr, found.token_attr, found.output_probs, found.group_attr, found.seq_errors):
        assert each.device.type == "meta"


def test_numbers_that_make_no_sense_are_refused(model):
    attribution = ours.LLMAttribution(ca.FeatureAblation(model), Tok())
    with pytest.raises(MethodError, match="num_trials=0"):
        attribution.attribute(tokens(), torch.tensor(TARGET), num_trials=0)
    with pytest.raises(MethodError, match="perturbations_per_eval"):
        attribution.attribute(tokens(), torch.tensor(TARGET), perturbations_per_eval=0)
