"""A run by gradients: same events, same result as any other run, with numbers held against captum and the model."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import Attribution, attribute, run
from llm_attr_widget.demo import load_text
from llm_attr_widget.engine.descend import smooth
from llm_attr_widget.errors import CapabilityError, InputError, MethodError
from llm_attr_widget.game.values import Contrast, Custom, LogProb, Prob, SequenceLogProb
from llm_attr_widget.inputs.changed.replaced import ReplacedInput, kept_in_place
from llm_attr_widget.inputs.text.spans import TextInput
from llm_attr_widget.inputs.text.tokens import TokenInput
from llm_attr_widget.methods.gradients import LayerGradientShap, LayerIntegratedGradients
from llm_attr_widget.types import Prompt
from tests.support import BitsInput, table, table_model

PROMPT = "Anna lives in Oslo, Tom lives in Rome. Tom lives in"
TARGET = " Rome, and"
IG = LayerIntegratedGradients(steps=24)


@pytest.fixture(scope="module")
def demo():
    return load_text()


def captums(demo, **options):
    model, tokenizer = demo
    prompt = ca.TextTokenInput(
        PROMPT, tokenizer, baselines=tokenizer.pad_token_id, skip_tokens=tokenizer.all_special_ids
    )
    method = ca.LayerIntegratedGradients(model, model.get_input_embeddings())
    target = torch.tensor(tokenizer(TARGET, add_special_tokens=False)["input_ids"])
    return ca.LLMGradientAttribution(method, tokenizer).attribute(prompt, target, n_steps=24, **options)


def test_tokens_get_what_captum_gives_them(demo):
    expected = captums(demo).token_attr.numpy()
    ours = attribute(*demo, PROMPT, TARGET, method=IG, granularity="token", progress=False)
    assert ours.values.shape == expected.shape
    assert np.abs(ours.values - expected).max() <= 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(ours.sequence, ours.values.sum(axis=0), atol=1e-9)


def test_a_word_gets_the_sum_of_its_tokens(demo):
    tokens = attribute(*demo, PROMPT, TARGET, method=IG, granularity="token", progress=False)
    words = attribute(*demo, PROMPT, TARGET, method=IG, granularity="word", progress=False)
    sentences = attribute(*demo, PROMPT, TARGET, method=IG, granularity="sentence", progress=False)
    assert len(sentences.features) < len(words.features) <= len(tokens.features)
    for coarse in (words, sentences):
        np.testing.assert_allclose(coarse.sequence.sum(), tokens.sequence.sum(), rtol=1e-5)
    inside, text = 0.0, ""
    for token, number in zip(tokens.features, tokens.sequence, strict=True):
        if len(text) < len(sentences.features[0]):
            inside, text = inside + number, text + token
    assert text == sentences.features[0]
    np.testing.assert_allclose(sentences.sequence[0], inside, rtol=1e-5)


def test_the_gap_is_what_is_missing_and_shrinks_with_steps(demo):
    gaps = []
    for steps in (2, 16, 128):
        found = attribute(*demo, PROMPT, TARGET, method=LayerIntegratedGradients(steps=steps), progress=False)
        missing = np.abs(found.values.sum(axis=1) - (found.ends[:, 0] - found.ends[:, 1])).max()
        assert found.gap == pytest.approx(missing)
        gaps.append(found.gap)
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-2


def test_the_ends_are_the_models_own_log_probs(demo):
    model, tokenizer = demo
    found = attribute(model, tokenizer, PROMPT, TARGET, method=IG, progress=False)
    ids = tokenizer(PROMPT)["input_ids"]
    target = tokenizer(TARGET, add_special_tokens=False)["input_ids"]
    pad = [i if i in tokenizer.all_special_ids else tokenizer.pad_token_id for i in ids]
    for column, prompt in enumerate((ids, pad)):
        with torch.no_grad():
            logits = model(torch.tensor([prompt + target])).logits[0].log_softmax(-1)
        expected = [float(logits[len(prompt) - 1 + k, token]) for k, token in enumerate(target)]
        np.testing.assert_allclose(found.ends[:, column], expected, atol=1e-4)
    assert "pad token" in found.provenance.baseline


@pytest.mark.parametrize("value", ["prob", "sequence_log_prob"])
def test_other_values_add_up_to_their_own_difference(demo, value):
    method = LayerIntegratedGradients(steps=128)
    found = attribute(*demo, PROMPT, TARGET, method=method, value=value, progress=False)
    assert found.gap < 1e-2
    assert found.sequence.sum() == pytest.approx(found.sequence_ends[0] - found.sequence_ends[1], abs=1e-2)


def test_a_contrast_is_the_difference_of_two_attributions(demo):
    ours = attribute(*demo, PROMPT, " Rome", against=" Oslo, and", method=IG, progress=False)
    one = attribute(*demo, PROMPT, " Rome", method=IG, progress=False)
    other = attribute(*demo, PROMPT, " Oslo, and", method=IG, progress=False)
    np.testing.assert_allclose(ours.sequence, one.sequence - other.sequence, atol=1e-4)


def test_updates_come_while_it_runs_and_a_stop_keeps_what_there_is(demo, monkeypatch):
    monkeypatch.setattr("llm_attr_widget.models.huggingface.lines.ON_CPU", 60)
    updates = list(run(*demo, PROMPT, TARGET, method=IG))
    assert [update.phase for update in updates] == ["running"] * (len(updates) - 1) + ["finished"]
    assert np.isnan(updates[0].attribution.values).all()
    assert [update.calls for update in updates] == sorted(update.calls for update in updates)
    assert updates[-1].calls == updates[-1].planned == 24
    assert np.isnan(updates[1].attribution.standard_errors).all()
    assert (updates[-1].attribution.standard_errors == 0).all()
    seen = []
    stopped = list(run(*demo, PROMPT, TARGET, method=IG, cancelled=lambda: bool(seen.append(1)) or len(seen) > 3))[-1]
    assert stopped.phase == "stopped"
    assert 0 < stopped.calls < 24
    assert np.isfinite(stopped.attribution.values).all()


def test_gradient_shap_is_integrated_gradients_within_its_band(demo):
    exact = attribute(*demo, PROMPT, TARGET, method=LayerIntegratedGradients(steps=64), progress=False)
    drawn = attribute(*demo, PROMPT, TARGET, method=LayerGradientShap(samples=48), trials=2, progress=False)
    scores = (drawn.sequence - exact.sequence) / drawn.sequence_standard_errors
    assert np.abs(scores).max() < 4
    assert drawn.provenance.calls == 96


def test_a_gradient_result_saves_spans_and_checks_like_any_other(demo, tmp_path):
    found = attribute(*demo, PROMPT, TARGET, method=IG, progress=False)
    np.testing.assert_allclose(found.span(0, 2).sequence, found.values[:2].sum(axis=0))
    assert found.check(calls=16).held_out == 8
    found.save(tmp_path / "a.npz")
    again = Attribution.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.values, found.values)
    assert again.method == IG


@pytest.mark.parametrize(
    "make", [lambda t: TextInput(t, PROMPT), lambda t: TextInput(t, PROMPT, granularity="sentence")]
)
def test_every_token_of_a_replaced_input_belongs_to_the_feature_whose_text_it_is(demo, make):
    tokenizer = demo[1]
    whole = make(tokenizer)
    replaced, owners = kept_in_place(whole, tokenizer)
    ids = tokenizer(PROMPT)["input_ids"]
    assert isinstance(replaced, ReplacedInput)
    assert len(owners) == len(ids)
    for feature, text in enumerate(whole.features):
        own = [token for token, owner in zip(ids, owners, strict=True) if owner == feature]
        assert tokenizer.decode(own).strip() == text.strip()
    (prompt,) = replaced.render(np.array([[f == 0 for f in range(len(whole.features))]]), np.random.default_rng(0))
    assert [i for i, owner in zip(prompt.ids, owners, strict=True) if owner == 0] == [
        i for i, owner in zip(ids, owners, strict=True) if owner == 0
    ]
    assert {i for i, owner in zip(prompt.ids, owners, strict=True) if owner not in (0, None)} == {
        tokenizer.pad_token_id
    }


def test_all_tokens_of_a_character_belong_to_its_word(demo):
    tokenizer = demo[1]
    whole = TextInput(tokenizer, "Anna has a 🎈 in Oslo")
    _, owners = kept_in_place(whole, tokenizer)
    ids = tokenizer(whole.prompt)["input_ids"]
    balloon = whole.features.index(" 🎈")
    own = [token for token, owner in zip(ids, owners, strict=True) if owner == balloon]
    assert len(own) > 1
    assert tokenizer.decode(own).strip() == "🎈"


def test_an_input_that_keeps_tokens_in_place_is_taken_as_it_is(demo):
    tokenizer = demo[1]
    unknown = TokenInput(tokenizer, PROMPT, baseline_token=",")
    kept, owners = kept_in_place(TokenInput(tokenizer, "Tom lives in Rome", baseline_token=","), tokenizer)
    assert isinstance(kept, TokenInput)
    assert sorted(owner for owner in owners if owner is not None) == list(range(len(kept.features)))
    # A comma in the prompt is the baseline itself: it cannot be told by leaving it out, so texts decide.
    assert isinstance(kept_in_place(unknown, tokenizer)[0], ReplacedInput)


@pytest.mark.parametrize(
    "value", [LogProb(), SequenceLogProb(), Prob(), Contrast(2), Contrast(1)], ids=lambda value: type(value).__name__
)
def test_a_values_derivative_is_its_change_in_small_steps(value):
    log_probs = -np.random.default_rng(1).exponential(size=(5, 4)).astype(np.float32)
    exact = value.derivative(log_probs)
    for token in range(4):
        step = np.zeros(4)
        step[token] = 1e-3
        change = (value(log_probs + step) - value(log_probs - step)) / 2e-3
        np.testing.assert_allclose(exact[:, :, token], change, atol=1e-5)


def test_what_has_no_gradient_is_said(demo):
    with pytest.raises(MethodError, match="function of your own"):
        attribute(*demo, PROMPT, TARGET, method=IG, value=lambda log_probs: log_probs.max(axis=1), progress=False)
    with pytest.raises(MethodError, match="custom value"):
        smooth(Custom(lambda log_probs: log_probs[:, 0]))

    class NeverRemoved(BitsInput):
        def render(self, coalitions, rng):
            return super().render(np.ones_like(coalitions), rng)

    class ShareOneToken(BitsInput):
        def render(self, coalitions, rng):
            return [Prompt((int(row.all()), 5)) for row in coalitions]

    with pytest.raises(InputError, match="do not spell"):
        attribute(demo[0], demo[1], ShareOneToken(3), TARGET, method=IG, progress=False)
    with pytest.raises(CapabilityError, match="needs gradients"):
        attribute(table_model(table(4, 2), 4), demo[1], PROMPT, [0, 1], method=IG, progress=False)
    with pytest.raises(InputError, match="do not spell"):
        attribute(demo[0], demo[1], NeverRemoved(3), TARGET, method=IG, progress=False)
