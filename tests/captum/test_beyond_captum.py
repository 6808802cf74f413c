"""What captum crashes on or leaves out."""

from __future__ import annotations

import captum.attr as ca
import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest
import torch

from llm_attr_widget import captum as ours
from llm_attr_widget.errors import CapabilityError, TargetError
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import BASELINE, PROMPT, TARGET, Tok


@pytest.fixture(scope="module")
def model():
    return build("llama")


def prompt(text=None, **options):
    tokenizer = Tok()
    return ca.TextTokenInput(text or tokenizer.decode(PROMPT), tokenizer, **{"baselines": 3, **options})


def attribution(model, method=ca.FeatureAblation):
    return ours.LLMAttribution(method(model), Tok())


def test_it_is_captums_class_and_its_default_mode_is_right_where_captums_is_not(model):
    """Departure: captum's default (its cache) feeds the whole prompt again at every step, under transformers 5."""
    ablated = attribution(model)
    assert isinstance(ablated, ca.LLMAttribution)
    found = ablated.attribute(prompt(), torch.tensor(TARGET))
    whole = np.array(by_hand(model, PROMPT, TARGET))
    for feature in range(len(PROMPT)):
        ids = list(PROMPT)
        ids[feature] = BASELINE[1]
        truth = whole - np.array(by_hand(model, ids, TARGET))
        np.testing.assert_allclose(found.token_attr[:, feature].numpy(), truth, atol=1e-4)
    captums = ca.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(prompt(), torch.tensor(TARGET))
    assert (captums.token_attr - found.token_attr).abs().max() > 0.1
    np.testing.assert_allclose(found.output_probs.numpy(), np.exp(whole), rtol=1e-3)


def test_each_prompt_is_scored_once_and_in_batches(model):
    rows = []
    handle = model.model.layers[0].register_forward_hook(lambda _, args, __: rows.append(len(args[0])))
    attribution(model, ca.ShapleyValueSampling).attribute(
        prompt(), torch.tensor(TARGET), n_samples=25, forward_in_tokens=False
    )
    handle.remove()
    assert sum(rows) < 25 * len(PROMPT)  # captum's number of forward passes, one coalition each
    assert len(rows) < 40


def test_in_tokens_is_forced_decoding_with_a_cache_for_many_coalitions_at_once(model):
    seen = {}
    for in_tokens in (True, False):
        passes = []
        handle = model.model.layers[0].register_forward_hook(
            lambda _, args, __, to=passes: to.append(args[0].shape[:2])
        )
        attribution(model).attribute(prompt(), torch.tensor(TARGET), forward_in_tokens=in_tokens)
        attribution(model).attribute(prompt(), torch.tensor(TARGET), forward_in_tokens=in_tokens)  # past the probing
        handle.remove()
        seen[in_tokens] = passes
    steps = [rows for rows, length in seen[True] if length == 1]
    assert max(steps) > 1
    assert len(steps) % (len(TARGET) - 1) == 0
    assert not [rows for rows, length in seen[False] if length == 1]


@pytest.mark.parametrize("in_tokens", [True, False])
@pytest.mark.parametrize(
    "method", [ca.FeatureAblation, ca.ShapleyValues, ca.ShapleyValueSampling, ca.Lime, ca.KernelShap]
)
def test_every_coalition_is_shown_to_inspect_forward_with_its_true_probabilities(model, method, in_tokens):
    seen = []
    attribution(model, method).attribute(
        prompt(),
        torch.tensor(TARGET),
        _inspect_forward=lambda *a: seen.append(a),
        forward_in_tokens=in_tokens,
    )
    assert len(seen) >= len(PROMPT) + 1
    truths = {text: by_hand(model, Tok().encode(text), TARGET) for text, _, _ in seen}
    for text, response, probs in seen:
        np.testing.assert_allclose(probs, np.exp([sum(truths[text]), *truths[text]]), rtol=1e-3)
        assert response == Tok().decode(TARGET)


@pytest.mark.parametrize("method", [ca.Lime, ca.KernelShap])
def test_lime_and_kernel_shap_have_token_attributions_that_add_up_to_the_sequence(model, method):
    torch.manual_seed(1)
    options = {"n_samples": 60}
    if method is ca.KernelShap:
        found = attribution(model, method).attribute(prompt(), torch.tensor(TARGET), **options)
        assert (found.token_attr.sum(0) - found.seq_attr).abs().max() < 1e-3  # least squares is linear in the values
    else:
        found = attribution(model, method).attribute(prompt(), torch.tensor(TARGET), **options)
        assert found.token_attr.shape == (len(TARGET), len(PROMPT))


@pytest.mark.parametrize("method", [ca.Lime, ca.KernelShap])
def test_every_token_gets_the_fit_of_its_own_values(model, method):
    """Against a run for each target token alone after the tokens before it: the same samples, one number to fit."""
    torch.manual_seed(1)
    found = attribution(model, method).attribute(prompt(), torch.tensor(TARGET), n_samples=60)
    for token in range(len(TARGET)):
        torch.manual_seed(1)
        whole = ca.LLMAttribution(method(model), Tok())
        given = whole.attr_method.forward_func

        def alone(perturbed, inp, ids, *rest, given=given, token=token):
            more = given(perturbed, inp, ids[: token + 1], *rest)
            return more - given(perturbed, inp, ids[:token], *rest) if token else more

        whole.attr_method.forward_func = alone
        expected = whole.attribute(prompt(), torch.tensor(TARGET), n_samples=60, forward_in_tokens=False)
        assert (found.token_attr[token] - expected.seq_attr).abs().max() < 1e-3


def test_batches_asked_for_change_nothing(model):
    one = attribution(model).attribute(prompt(), torch.tensor(TARGET))
    many = attribution(model).attribute(prompt(), torch.tensor(TARGET), perturbations_per_eval=4)
    assert torch.allclose(one.token_attr, many.token_attr, atol=1e-4)


def test_kernel_shap_of_one_feature_is_all_less_none(model):
    inp = ca.TextTemplateInput("!{}", ["abc"], baselines=["x"])
    found = attribution(model, ca.KernelShap).attribute(inp, torch.tensor(TARGET))
    truth = np.array(by_hand(model, Tok().encode("!abc"), TARGET)) - by_hand(model, Tok().encode("!x"), TARGET)
    np.testing.assert_allclose(found.token_attr[:, 0].numpy(), truth, atol=1e-4)


def test_an_empty_prompt_a_list_of_ids_and_probabilities(model):
    inp = ca.TextTemplateInput("{}", ["abc"])
    found = attribution(model).attribute(inp, list(TARGET))
    assert torch.isfinite(found.seq_attr).all()
    prob = ours.LLMAttribution(ca.FeatureAblation(model), Tok(), attr_target="prob").attribute(prompt(), list(TARGET))
    truth = np.exp(sum(by_hand(model, PROMPT, TARGET))) - np.exp(
        sum(by_hand(model, (BASELINE[1], *PROMPT[1:]), TARGET))
    )
    assert float(prob.seq_attr[0]) == pytest.approx(truth, rel=1e-3)


def test_groups_can_be_added_up(model):
    inp = ca.TextTemplateInput("!{} {} {}", ["a", "b", "c"], baselines=["x", "y", "z"], mask=[0, 0, 1])
    found = attribution(model, ca.ShapleyValues).attribute(inp, torch.tensor(TARGET))
    whole = sum(by_hand(model, Tok().encode("!a b c"), TARGET)) - sum(by_hand(model, Tok().encode("!x y z"), TARGET))
    assert float(found.group_attr.sum()) == pytest.approx(whole, abs=1e-3)
    assert found.seq_attr[0] == found.seq_attr[1]


def test_drawn_baselines_are_drawn_anew_in_every_trial_and_errors_come_from_their_spread(model):
    baselines = ca.ProductBaselines([["x", "y", "z"], ["p", "q", "r"]])
    inp = ca.TextTemplateInput("!{} {}", ["a", "b"], baselines=baselines)
    found = attribution(model, ca.ShapleyValueSampling).attribute(inp, torch.tensor(TARGET), num_trials=3, n_samples=2)
    assert found.seq_errors.shape == found.seq_attr.shape
    assert (found.seq_errors > 0).all()


def test_a_token_that_comes_twice_does_not_vanish(model):
    found = attribution(model).attribute(prompt("abab"), torch.tensor(TARGET))
    assert list(found.seq_attr_dict) == ["a", "b", "a [2]", "b [2]"]


def test_skip_tokens_leaves_tokens_out_of_the_target_as_in_captum_0_8(model):
    """By ids, by texts, of a tensor and of a text; a target that is generated is not touched."""
    fewer = attribution(model).attribute(prompt(), torch.tensor((TARGET[0], TARGET[2])))
    for target in (torch.tensor(TARGET), Tok().decode(TARGET)):
        for skipped in ([TARGET[1]], [Tok().decode([TARGET[1]])]):
            found = attribution(model).attribute(prompt(), target, skip_tokens=skipped)
            assert torch.allclose(found.token_attr, fewer.token_attr, atol=1e-4)
    slopes = ours.LLMGradientAttribution(ca.LayerGradientXActivation(model, model.model.embed_tokens), Tok())
    found = slopes.attribute(prompt(), torch.tensor(TARGET), skip_tokens=[TARGET[1]])
    assert torch.allclose(found.token_attr, slopes.attribute(prompt(), fewer.target).token_attr, atol=1e-4)
    written = {"max_new_tokens": 3}
    plain = attribution(model).attribute(prompt(), gen_args=written).target
    assert attribution(model).attribute(prompt(), gen_args=written, skip_tokens=plain[:1].tolist()).target.equal(plain)


@pytest.mark.filterwarnings("ignore:Multiple layers provided:UserWarning")
def test_mistakes_are_named(model):
    with pytest.raises(TypeError, match="n_sample'"):
        attribution(model, ca.Lime).attribute(prompt(), torch.tensor(TARGET), n_sample=3)
    with pytest.raises(TypeError, match="steps"):
        ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), Tok()).attribute(
            prompt(), torch.tensor(TARGET), steps=3
        )
    with pytest.raises(TargetError, match="at least one target token"):
        attribution(model).attribute(prompt(), "")
    slopes = ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), Tok())
    with pytest.raises(CapabilityError, match="grad_kwargs"):
        slopes.attribute(prompt(), torch.tensor(TARGET), grad_kwargs={"allow_unused": True})
    layers = ca.LayerIntegratedGradients(model, [model.model.embed_tokens, model.model.layers[0]])
    with pytest.raises(CapabilityError, match="one layer"):
        ours.LLMGradientAttribution(layers, Tok()).attribute(prompt(), torch.tensor(TARGET))
    with pytest.raises(CapabilityError, match="TextTokenInput"):
        ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), Tok()).attribute(
            ca.ImageMaskInput(PIL.Image.new("RGB", (2, 2))), torch.tensor(TARGET)
        )


def test_the_delta_of_integrated_gradients_is_in_the_result(model):
    method = ca.LayerIntegratedGradients(model, model.model.embed_tokens)
    found = ours.LLMGradientAttribution(method, Tok()).attribute(
        prompt(), torch.tensor(TARGET), n_steps=4, return_convergence_delta=True
    )
    change = np.array(by_hand(model, PROMPT, TARGET)) - by_hand(model, (3,) * len(PROMPT), TARGET)
    np.testing.assert_allclose(found.delta.numpy(), found.token_attr.sum(1).numpy() - change, atol=1e-4)


def test_a_future_gives_what_attribute_gives(model):
    options = {"n_samples": 3, "num_trials": 2}
    torch.manual_seed(5)
    expected = attribution(model, ca.ShapleyValueSampling).attribute(prompt(), torch.tensor(TARGET), **options)
    torch.manual_seed(5)
    future = attribution(model, ca.ShapleyValueSampling).attribute_future(prompt(), torch.tensor(TARGET), **options)
    assert torch.allclose(future.result(60).token_attr, expected.token_attr, atol=1e-5)
    assert future.progress == 1
    assert future.done()
    assert torch.allclose(future.partial().token_attr, expected.token_attr, atol=1e-5)


class Provider(ca.RemoteLLMProvider):
    api_url = "none"

    def __init__(self, model):
        self.model = model
        self.asked = []

    def generate(self, prompt, **options):
        return "xyz"

    def get_logprobs(self, input_prompt, target_str, tokenizer=None):
        self.asked.append(input_prompt)
        return by_hand(self.model, Tok().encode(input_prompt), Tok().encode(target_str))


def test_any_provider_is_asked_once_for_each_prompt(model):
    provider, inp = Provider(model), ca.TextTemplateInput("!{} {}", ["a", "b"], baselines=["x", "y"])
    remote = ours.RemoteLLMAttribution(
        ca.ShapleyValueSampling(ca.RemoteLLMAttribution.placeholder_model), Tok(), provider
    )
    assert isinstance(remote, ca.RemoteLLMAttribution)
    torch.manual_seed(0)
    found = remote.attribute(inp, "xyz")
    torch.manual_seed(0)
    local = attribution(model, ca.ShapleyValueSampling).attribute(inp, "xyz")
    assert torch.allclose(found.token_attr, local.token_attr, atol=1e-4)
    assert sorted(provider.asked) == ["!a b", "!a y", "!x b", "!x y"]
    assert remote.attribute(inp).output_tokens == ["x", "y", "z"]


def made(kind, tokens, **more):
    return kind(
        input_tokens=[f"t{i}" for i in range(tokens)],
        output_tokens=["a", "b"],
        seq_attr=torch.linspace(-1, 1, tokens),
        token_attr=torch.linspace(-1, 1, 2 * tokens).reshape(2, tokens),
        **more,
    )


def test_plots_of_a_usual_size_are_captums():
    for plot in ("plot_token_attr", "plot_seq_attr"):
        drawn = []
        for kind in (ca.LLMAttributionResult, ours.LLMAttributionResult):
            figure, axes = getattr(made(kind, 5), plot)()
            figure.canvas.draw()
            drawn.append((np.asarray(figure.canvas.buffer_rgba()), [t.get_text() for t in axes.get_xticklabels()]))
            plt.close(figure)
        assert drawn[0][1] == drawn[1][1]
        np.testing.assert_array_equal(drawn[0][0], drawn[1][0])


def test_plots_of_500_tokens_stay_readable_in_captums_colours():
    result = made(ours.LLMAttributionResult, 500)
    figure, axes = result.plot_token_attr()
    assert figure.get_size_inches()[0] <= 20
    colours = axes.images[0].to_rgba(np.array([-1.0, 0.0, 1.0]))[:, :3]
    np.testing.assert_allclose(colours, [[1, 0, 0], [1, 1, 1], [0, 128 / 255, 0]], atol=0.01)
    assert axes.images[0].get_clim() == (-1, 1)
    figure, axes = result.plot_seq_attr()
    assert figure.get_size_inches()[0] <= 20
    bars = {matplotlib.colors.to_hex(bar.get_facecolor()) for bar in axes.patches}
    assert bars == {"#4772b3", "#d0365b"}
    with pytest.raises(ValueError, match="plot_seq_attr"):
        ours.LLMAttributionResult(input_tokens=["a"], output_tokens=["b"], seq_attr=[1.0]).plot_token_attr()
    with pytest.raises(AssertionError):
        ours.LLMAttributionResult(input_tokens=["a"], output_tokens=["b"], seq_attr=[1.0, 2.0])


@pytest.mark.parametrize("method", [ca.FeatureAblation, ca.ShapleyValues, ca.KernelShap])
def test_a_result_is_an_attribution_too(model, method):
    found = attribution(model, method).attribute(prompt(), torch.tensor(TARGET))
    shown = found.to_attribution()
    np.testing.assert_allclose(shown.values, found.token_attr.numpy())
    np.testing.assert_allclose(shown.sequence_ends[0], sum(by_hand(model, PROMPT, TARGET)), atol=1e-3)
    assert shown.features == tuple(found.input_tokens)
    if method is ca.ShapleyValues:
        assert shown.gap < 1e-4


def test_a_grouped_and_a_gradient_result_are_attributions_too(model):
    inp = ca.TextTemplateInput("!{} {} {}", ["a", "b", "c"], baselines=["x", "y", "z"], mask=[0, 0, 1])
    shown = attribution(model, ca.ShapleyValues).attribute(inp, torch.tensor(TARGET)).to_attribution()
    assert shown.ledger.coalitions.shape[1] == 2
    assert shown.gap < 1e-4
    method = ca.LayerIntegratedGradients(model, model.model.embed_tokens)
    slope = ours.LLMGradientAttribution(method, Tok()).attribute(prompt(), torch.tensor(TARGET)).to_attribution()
    assert slope.label == "Integrated gradients"
