"""Template inputs under gradient methods, convergence deltas, and attributions in the background."""

from __future__ import annotations

from dataclasses import replace

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from llm_attr_widget.captum.groups import groups_of
from llm_attr_widget.captum.slopes import GradientJob
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import Cancelled, InputError, MethodError, TargetError
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok
from tests.waiting import until

TEXT = "Tom lives in Rome. Ann lives in Oslo. Tom lives in"
SLOTS = {"template": "{} lives in {}. {} lives in {}. Tom lives in", "values": ["Tom", "Rome", "Ann", "Oslo"]}


@pytest.fixture(scope="module")
def text():
    return load_text()


@pytest.fixture(scope="module")
def small():
    return build("llama")


def prompt():
    return ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)


@pytest.mark.parametrize("method", [ca.LayerIntegratedGradients, ca.LayerGradientXActivation, ca.LayerGradientShap])
@pytest.mark.parametrize("mask", [None, [1, 1, 0, 0]])
def test_a_slot_of_a_template_has_the_sum_of_its_tokens(text, method, mask):
    """Against captum's own numbers for the tokens of the same prompt, whose baseline is the same neutral token."""
    model, tokenizer = text
    neutral = tokenizer.convert_ids_to_tokens(tokenizer.pad_token_id)
    tokens = ca.TextTokenInput(TEXT, tokenizer, baselines=neutral)
    slots = ca.TextTemplateInput(**SLOTS, mask=mask)
    options = [{}, {}]
    if method is ca.LayerIntegratedGradients:
        # Only the slots' tokens are replaced: an indicator says so to captum.
        options = [{"n_steps": 6}, {"n_steps": 6}]
    target = tokenizer.encode(" Rome", add_special_tokens=False)[:1]
    texts = [tokenizer.decode([i]).strip() for i in tokens.inp_tensor[0].tolist()]
    owner = _owners(texts, ["Tom", "Rome", "Ann", "Oslo"])
    indicator = torch.tensor([[float(each is None) for each in owner]])
    if method is ca.LayerIntegratedGradients:
        options[0]["baselines"] = indicator
    if method is ca.LayerGradientShap:
        options = [{"baselines": indicator, "n_samples": 1}, {"baselines": torch.zeros(1, slots.n_itp_features)}]
        options[1]["n_samples"] = 1
    layer = method(model, model.model.embed_tokens)
    expected = ca.LLMGradientAttribution(layer, tokenizer).attribute(tokens, torch.tensor(target), **options[0])
    found = ours.LLMGradientAttribution(layer, tokenizer).attribute(slots, torch.tensor(target), **options[1])
    sums = np.array([sum(float(expected.seq_attr[i]) for i, o in enumerate(owner) if o == s) for s in range(4)])
    if mask:
        sums = np.array([sums[0] + sums[1]] * 2 + [sums[2] + sums[3]] * 2)
        assert float(found.group_attr.sum()) == pytest.approx(sums[0] + sums[2], rel=1e-3)
    assert np.abs(sums).max() > 1e-3
    np.testing.assert_allclose(found.seq_attr.numpy(), sums, atol=1e-4 * max(1.0, np.abs(sums).max()))
    assert found.input_tokens == slots.values
    shown = found.to_attribution()
    assert shown.features == (("Tom … Rome", "Ann … Oslo") if mask else ("Tom", "Rome", "Ann", "Oslo"))
    np.testing.assert_allclose(shown.sequence.sum(), sums[[0, 2] if mask else slice(None)].sum(), rtol=1e-3, atol=1e-4)


def _owners(texts, values):
    """The slot of each token: the first places at which the tokens spell the values, in order."""
    owner, at = [None] * len(texts), 0
    for slot, value in enumerate(values):
        start = next(i for i in range(at, len(texts)) if value.startswith(texts[i]) and texts[i])
        spelt, at = "", start
        while spelt != value:
            spelt += texts[at]
            owner[at] = slot
            at += 1
    return owner


def test_a_baseline_with_one_group_of_slots_as_it_is(text):
    """Captum numbers the groups of this mask the other way round: its first is the one with id 0."""
    model, tokenizer = text
    slots = ca.TextTemplateInput(**SLOTS, mask=[1, 1, 0, 0])
    slopes = ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), tokenizer)
    found = slopes.attribute(slots, " Rome", n_steps=4, baselines=torch.tensor([[1.0, 0.0]]))
    assert found.group_of == (1, 1, 0, 0)
    assert float(found.group_attr[0]) == 0
    assert abs(float(found.group_attr[1])) > 1e-3


def test_a_templates_own_baselines_where_they_keep_tokens_in_place(small):
    inp = ca.TextTemplateInput("!{} {}", ["ab", "c"], baselines=["xy", "z"])
    slopes = ours.LLMGradientAttribution(ca.LayerIntegratedGradients(small, small.model.embed_tokens), Tok())
    found = slopes.attribute(inp, torch.tensor(TARGET), n_steps=4)
    np.testing.assert_allclose(found.ends[:, 1], by_hand(small, Tok().encode("!xy z"), TARGET), atol=1e-4)


def test_a_template_whose_text_cannot_be_found_is_refused(text):
    model, tokenizer = text
    inp = ca.TextTemplateInput(lambda first: first.upper(), ["abc"])
    slopes = ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), tokenizer)
    with pytest.raises(InputError, match="'abc'"):
        slopes.attribute(inp, "x")


def test_the_delta_of_gradient_shap_is_in_the_result(small):
    method = ca.LayerGradientShap(small, small.model.embed_tokens)
    options = {"baselines": torch.zeros(1, len(PROMPT)), "n_samples": 3, "return_convergence_delta": True}
    found = ours.LLMGradientAttribution(method, Tok()).attribute(prompt(), torch.tensor(TARGET), **options)
    change = np.array(by_hand(small, PROMPT, TARGET)) - by_hand(small, (3,) * len(PROMPT), TARGET)
    np.testing.assert_allclose(found.delta.numpy(), found.token_attr.sum(1).numpy() - change, atol=1e-4)
    shown = found.to_attribution()
    np.testing.assert_allclose(shown.ends[:, 0] - shown.ends[:, 1], change, atol=1e-4)
    plain = ours.LLMGradientAttribution(ca.LayerGradientXActivation(small, small.model.embed_tokens), Tok())
    assert plain.attribute(prompt(), torch.tensor(TARGET)).delta is None


def test_a_gradient_future_gives_what_attribute_gives(small):
    slopes = ours.LLMGradientAttribution(ca.LayerIntegratedGradients(small, small.model.embed_tokens), Tok())
    future = slopes.attribute_future(prompt(), torch.tensor(TARGET), n_steps=5)
    assert torch.allclose(future(60).token_attr, slopes.attribute(prompt(), torch.tensor(TARGET), n_steps=5).token_attr)
    assert future.progress == 1
    assert torch.equal(future.partial().token_attr, future.result().token_attr)
    assert future.partial().to_attribution().phase == future.result().to_attribution().phase == "finished"


class Held:
    """The scorer of a job, held before each batch until it is let go."""

    def __init__(self, scorer, prompts):
        self.scorer, self.left = scorer, prompts

    def score(self, prompts, target):
        until(lambda: self.left > 0)
        self.left -= len(prompts)
        return self.scorer.score(prompts, target)


@pytest.mark.parametrize(
    ("method", "options"),
    [(ca.ShapleyValueSampling, {"n_samples": 30}), (ca.Lime, {"n_samples": 60}), (ca.KernelShap, {"n_samples": 60})],
)
def test_what_a_future_knows_so_far_is_the_same_method_with_fewer_samples(small, method, options, monkeypatch):
    held = []

    def scorer(self, forward_in_tokens):
        held.append(Held(plain(self, forward_in_tokens), 20))
        return held[0]

    attribution = ours.LLMAttribution(method(small), Tok())
    torch.manual_seed(3)
    plain = ours.LLMAttribution._scorer
    expected = [_few(attribution, n) for n in (range(1, 7) if method is ca.ShapleyValueSampling else range(7, 40))]
    monkeypatch.setattr(ours.LLMAttribution, "_scorer", scorer)
    monkeypatch.setattr(ours.Future, "AT_ONCE", 10)
    torch.manual_seed(3)
    future = attribution.attribute_future(prompt(), torch.tensor(TARGET), **options)
    until(lambda: future.progress > 0 and held[0].left <= 0)
    until(lambda: future.partial() is not None)
    begun = future.partial()
    assert 0 < future.progress < 1
    assert not future.done()
    assert any(torch.allclose(begun.token_attr, few, atol=1e-4) for few in expected)
    future.cancel()
    held[0].left = 10**6
    with pytest.raises(Cancelled):
        future.result(60)
    assert begun.to_attribution().phase == "stopped"


def _few(attribution, samples):
    torch.manual_seed(3)
    return attribution.attribute(prompt(), torch.tensor(TARGET), n_samples=samples).token_attr


def test_features_not_known_yet_are_nan(small, monkeypatch):
    attribution = ours.LLMAttribution(ca.FeatureAblation(small), Tok())
    expected = attribution.attribute(prompt(), torch.tensor(TARGET)).token_attr
    held = []
    plain = ours.LLMAttribution._scorer
    monkeypatch.setattr(
        ours.LLMAttribution, "_scorer", lambda self, mode: held.append(Held(plain(self, mode), 3)) or held[0]
    )
    monkeypatch.setattr(ours.Future, "AT_ONCE", 1)
    future = attribution.attribute_future(prompt(), torch.tensor(TARGET))
    until(lambda: future.progress >= 3 / 7)
    begun = future.partial().token_attr
    assert torch.allclose(begun[:, :2], expected[:, :2], atol=1e-4)
    assert torch.isnan(begun[:, 2:]).all()
    held[0].left = 10**6
    assert torch.allclose(future.result(60).token_attr, expected, atol=1e-4)


def test_random_generators_go_on_as_after_captums_own_run(small):
    """Two runs in a row draw differently, and draw what captum's two runs draw."""
    draws = []
    for library in (ca, ours):
        torch.manual_seed(0)
        attribution = library.LLMAttribution(ca.ShapleyValueSampling(small), Tok())
        for _ in range(2):
            attribution.attribute(prompt(), torch.tensor(TARGET[:1]), n_samples=1, use_cached_outputs=False)
        draws.append(torch.rand(3))
    assert torch.equal(*draws)
    inp = ca.TextTemplateInput("!{} {}", ["a", "b"], baselines=ca.ProductBaselines([list("cdefghi"), list("jklmnop")]))
    exact = ours.LLMAttribution(ca.ShapleyValues(small), Tok())
    first, second = (exact.attribute(inp, torch.tensor(TARGET)).seq_attr for _ in range(2))
    assert not torch.equal(first, second)


def test_exact_values_out_of_reach_are_refused_at_once(small):
    exact = ours.LLMAttribution(ca.ShapleyValues(small), Tok())
    inp = ca.TextTemplateInput("{}" * 17, list("abcdefghijklmnopq"))
    with pytest.raises(MethodError, match="17 features are out of reach; 16"):
        exact.attribute(inp, torch.tensor(TARGET))
    assert exact._checked(groups_of(16, None), {})  # 2¹⁶ prompts would take a test too long
    # Baselines of one's own are captum's business, and its orders are many more.
    with pytest.raises(MethodError, match="9 features are out of reach; 8"):
        exact.attribute(ca.TextTemplateInput("{}" * 9, list("abcdefghi")), torch.tensor(TARGET), baselines=0)


def test_a_generated_target_keeps_its_end_token_as_in_captum(text):
    """The same ids as captum's own call of `generate`, and sampling follows torch's generator as there."""
    model, tokenizer = text
    inp = ca.TextTokenInput(TEXT, tokenizer, baselines=tokenizer.pad_token)
    for gen_args in (None, {"max_new_tokens": 6}, {"max_length": 40}, {"max_new_tokens": 5, "do_sample": True}):
        torch.manual_seed(2)
        expected = ca.LLMAttribution(ca.FeatureAblation(model), tokenizer)._get_target_tokens(inp, None, gen_args)
        torch.manual_seed(2)
        found = ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(inp, gen_args=gen_args)
        assert found.target.tolist() == expected.tolist()


def test_progress_is_shown_while_prompts_are_scored(small, capsys, monkeypatch):
    """By one bar: captum's own would run while there is no model at work."""
    monkeypatch.setattr("captum.attr._core.feature_ablation.progress", None)
    ours.LLMAttribution(ca.FeatureAblation(small), Tok()).attribute(prompt(), torch.tensor(TARGET), show_progress=True)
    assert "Feature Ablation attribution: 100%" in capsys.readouterr().err


def test_a_result_is_made_once_and_told_once(small):
    """Whoever asks twice gets the same object, and `_inspect_forward` hears of each coalition once."""
    told = []
    attribution = ours.LLMAttribution(ca.FeatureAblation(small), Tok())
    future = attribution.attribute_future(prompt(), torch.tensor(TARGET), _inspect_forward=lambda *a: told.append(a))
    first = future.result(60)
    assert future() is first
    assert len(told) == 1 + len(PROMPT)


def test_waiting_ends_where_it_was_said_to_end_and_cancelling_ends_the_work(small, monkeypatch):
    held = []
    plain = ours.LLMAttribution._scorer
    monkeypatch.setattr(
        ours.LLMAttribution, "_scorer", lambda self, mode: held.append(Held(plain(self, mode), 0)) or held[0]
    )
    monkeypatch.setattr(ours.Future, "AT_ONCE", 1)
    future = ours.LLMAttribution(ca.FeatureAblation(small), Tok()).attribute_future(prompt(), torch.tensor(TARGET))
    with pytest.raises(TimeoutError, match="was not done after 0"):
        future.result(0.02)
    assert (future.progress, future.partial(), future.done()) == (0, None, False)
    future.cancel()
    held[0].left = 10**6
    with pytest.raises(Cancelled):
        future.result(60)
    assert future.done()
    assert future.progress < 1


def test_what_went_wrong_in_the_background_is_raised_by_result(small):
    broken = build("gpt2")
    broken.lm_head.register_forward_hook(lambda *_: 1 / 0)
    future = ours.LLMAttribution(ca.FeatureAblation(broken), Tok()).attribute_future(prompt(), torch.tensor([3]))
    with pytest.raises(ZeroDivisionError):
        future.result(60)
    # What can be told at once is.
    with pytest.raises(TargetError, match="97"):
        ours.LLMAttribution(ca.FeatureAblation(small), Tok()).attribute_future(prompt(), torch.tensor([97]))
    with pytest.raises(TypeError, match="n_sample'"):
        ours.LLMAttribution(ca.FeatureAblation(small), Tok()).attribute_future(prompt(), "x", n_sample=3)


@pytest.mark.parametrize(("complete", "trials"), [(7, 1), (13, 2)])
def test_partial_is_the_mean_over_the_trials_that_are_complete(small, monkeypatch, complete, trials):
    """Each coalition has baselines of its own, so each trial has other prompts; the whole one is common to them."""
    held, plain = [], ours.LLMAttribution._scorer

    def inp():
        letters = iter("ghijklmnopqrstuvwxyz{|}~")
        return ca.TextTemplateInput("!" + "{} " * 6, list("abcdef"), baselines=lambda: [next(letters)] * 6)

    attribution = ours.LLMAttribution(ca.FeatureAblation(small), Tok())
    asked = attribution._job(inp(), torch.tensor(TARGET), num_trials=3)._work.asked
    assert len({prompt.ids for trial in asked for prompt in trial.prompts}) == 19
    expected = attribution.attribute(inp(), torch.tensor(TARGET), num_trials=trials)
    monkeypatch.setattr(
        ours.LLMAttribution, "_scorer", lambda self, mode: held.append(Held(plain(self, mode), complete)) or held[0]
    )
    monkeypatch.setattr(ours.Future, "AT_ONCE", 1)
    future = attribution.attribute_future(inp(), torch.tensor(TARGET), num_trials=3)
    until(lambda: round(future.progress * 19) >= complete)
    begun = future.partial()
    torch.testing.assert_close(begun.token_attr, expected.token_attr, rtol=1e-4, atol=1e-4)
    assert (begun.token_errors is None) == (trials == 1)
    held[0].left = 10**6
    future.result(60)


def test_a_gradient_attribution_grows_and_can_be_cancelled(small, monkeypatch):
    """Points of the line come one by one here; what is known of half of them is scaled up to the whole."""
    monkeypatch.setattr("llm_attr_widget.models.huggingface.lines.ON_CPU", 1)
    method = ca.LayerIntegratedGradients(small, small.model.embed_tokens)
    ask = ours.LLMGradientAttribution(method, Tok())._job(
        prompt(), torch.tensor(TARGET), n_steps=4, method="riemann_left"
    )
    steps = ask.steps()
    assert ask.partial() is None
    assert ask.progress == 0
    for _ in range(3):  # the ends, then two points
        next(steps)
    assert ask.progress == pytest.approx(0.5)
    first_two = ours.LLMGradientAttribution(method, Tok())._job(
        prompt(), torch.tensor(TARGET), n_steps=2, method="riemann_left"
    )
    shares, weights = first_two._way.shares, first_two._way.weights
    assert (list(shares), list(weights)) == ([0, 0.5], [0.5, 0.5])
    half = replace(ask._way, shares=ask._way.shares[:2], weights=[0.5, 0.5])
    only = GradientJob(ask._ask, half)
    for _ in only.steps():
        pass
    torch.testing.assert_close(ask.partial().token_attr, only.result().token_attr)
    future = ours.LLMGradientAttribution(method, Tok()).attribute_future(prompt(), torch.tensor(TARGET), n_steps=2000)
    future.cancel()
    with pytest.raises(Cancelled):
        future.result(60)
    assert future.progress < 1


def test_a_future_is_ready_to_stop_after_64_prompts(small, monkeypatch):
    asked, plain = [], ours.LLMAttribution._scorer

    class Counted:
        def __init__(self, scorer):
            self.scorer = scorer

        def score(self, prompts, target):
            asked.append(len(prompts))
            return self.scorer.score(prompts, target)

    monkeypatch.setattr(ours.LLMAttribution, "_scorer", lambda self, mode: Counted(plain(self, mode)))
    inp = ca.TextTemplateInput("!" + "{} " * 7, list("abcdefg"))
    ours.LLMAttribution(ca.ShapleyValues(small), Tok()).attribute_future(inp, torch.tensor(TARGET)).result(60)
    assert asked == [64, 64]


@pytest.mark.parametrize("method", [ca.Lime, ca.KernelShap])
def test_of_fewer_coalitions_than_features_a_linear_model_says_nothing(small, method, monkeypatch):
    held, plain = [], ours.LLMAttribution._scorer
    monkeypatch.setattr(
        ours.LLMAttribution, "_scorer", lambda self, mode: held.append(Held(plain(self, mode), 5)) or held[0]
    )
    monkeypatch.setattr(ours.Future, "AT_ONCE", 5)
    torch.manual_seed(0)
    future = ours.LLMAttribution(method(small), Tok()).attribute_future(prompt(), torch.tensor(TARGET), n_samples=40)
    until(lambda: future.progress > 0)
    assert future.partial() is None
    held[0].left = 10**6
    future.result(60)
