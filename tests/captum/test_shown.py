"""Captum results in the widget: as the same numbers, the prompt's own text, and its picture."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr._core.lime import get_exp_kernel_similarity_function

from llm_attr_widget import AttrWidget
from llm_attr_widget import captum as ours
from llm_attr_widget.demo import load_text
from tests.captum.test_models_and_inputs import SeesPixels, picture, processor
from tests.models.huggingface.test_slopes import TARGET, Tok


@pytest.fixture(scope="module")
def text():
    return load_text()


def shown(result):
    widget = AttrWidget.from_result(result)
    assert widget.result.features == result.to_attribution().features
    np.testing.assert_allclose(widget.result.values, result.group_token_attr.numpy())
    np.testing.assert_allclose(widget.result.sequence, result.group_attr.numpy())
    assert widget.status == "finished"
    return widget.result


def test_tokens_with_the_prompts_own_text(text):
    model, tokenizer = text
    said = "Tom lives in Rome."
    inp = ca.TextTokenInput(said, tokenizer, baselines=tokenizer.pad_token_id, skip_tokens=tokenizer.all_special_ids)
    for attribution in (
        ours.LLMAttribution(ca.FeatureAblation(model), tokenizer),
        ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), tokenizer),
    ):
        found = shown(attribution.attribute(inp, " Tom"))
        assert said in "".join(piece.text for piece in found.pieces)
        assert found.features == tuple(piece.text for piece in found.pieces if piece.feature is not None)
        # Ablation never plays the empty coalition.
        assert np.isfinite(found.sequence_ends).tolist() == [True, found.label == "Integrated gradients"]
        assert (found.standard_errors == 0).all()
    assert tokenizer.pad_token in found.provenance.baseline


def test_slots_stand_where_the_template_has_them(text):
    model, tokenizer = text
    inp = ca.TextTemplateInput("{a} lives in {b}. Who?", {"a": "Tom", "b": "Rome"}, mask={"a": 0, "b": 0})
    found = shown(ours.LLMAttribution(ca.ShapleyValueSampling(model), tokenizer).attribute(inp, " Tom"))
    assert [(piece.text, piece.feature) for piece in found.pieces] == [
        ("Tom", 0),
        (" lives in ", None),
        ("Rome", 0),
        (". Who?", None),
    ]
    assert found.features == ("Tom … Rome",)
    assert found.provenance.baseline == "removed"
    assert found.gap < 1e-4
    assert np.isnan(found.standard_errors).all()  # one trial of a sampled method
    hidden = ca.TextTemplateInput(lambda first: first.upper(), ["abc"], baselines=["x"])
    found = shown(ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(hidden, " Tom"))
    assert [piece.text for piece in found.pieces] == ["abc "]
    assert found.provenance.baseline == "replaced by 'x'"


@pytest.mark.parametrize("overlapping", [True, False])
def test_an_image_with_its_segments(overlapping):
    mask = torch.zeros(6, 8, dtype=torch.int32)
    mask[:, 4:] = 7
    mask[3:, 4:] = 9
    segments = [mask == 0, mask >= 7, mask == 9] if overlapping else [mask == 0, mask == 7, mask == 9]
    masks = {"mask_list": segments} if overlapping else {"mask": mask}
    inp = ours.ImageMaskInput(picture(), processor_fn=processor, **masks)
    model = SeesPixels().eval()
    found = shown(ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(inp, torch.tensor(TARGET)))
    np.testing.assert_array_equal(found.picture.pixels, np.array(picture()))
    assert found.provenance.baseline == "filled with the colour (255, 255, 255)"
    for feature, segment in enumerate(segments):
        np.testing.assert_array_equal(found.picture.mask(feature), segment.numpy())


def drawn():
    options = [["Sam", "Joe"], ["Paris", "Lima"], ["Eve", "Kim"]]
    return ca.TextTemplateInput(
        "{} lives in {}. {}. Tom lives in", ["Tom", "Rome", "Ann"], baselines=ca.ProductBaselines(options)
    )


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (ca.FeatureAblation, {}),
        (ca.ShapleyValues, {}),
        (ca.ShapleyValueSampling, {"n_samples": 4}),
        (ca.Lime, {"n_samples": 30}),
        (lambda m: ca.Lime(m, SkLearnRidge(alpha=0.3), get_exp_kernel_similarity_function("euclidean", 2.0)), {}),
    ],
    ids=["ablation", "exact", "sampled", "lime", "lime as configured"],
)
def test_a_stretch_of_the_target_has_the_numbers_that_captums_method_gives_it(text, method, options):
    """Fitted again from what was played, trial by trial: all tokens together are the sequence."""
    model, tokenizer = text
    attribution = ours.LLMAttribution(method(model), tokenizer)
    found = attribution.attribute(drawn(), " Rome. Ann", num_trials=2, **options)
    shown = found.to_attribution()
    assert shown.provenance.baseline == "drawn"
    assert (shown.provenance.trials, shown.provenance.calls) == (2, len(found.coalitions))
    distinct = shown.provenance.scored
    assert distinct == len({row.tobytes() for row in found.log_probs})
    whole = shown.span(0, len(found.output_tokens)).values[0]
    within = 1e-4 * float(found.seq_attr.abs().max())
    np.testing.assert_allclose(whole, found.seq_attr.numpy(), atol=within)
    np.testing.assert_allclose(shown.span(1, 2).values[0], found.token_attr[1].numpy(), atol=within)


def test_kernel_shap_is_shown_as_captum_fitted_it(text):
    """Ours would fit the same coalitions otherwise, with the sum exact."""
    model, tokenizer = text
    torch.manual_seed(0)
    method = ca.KernelShap(model)
    found = ours.LLMAttribution(method, tokenizer).attribute(drawn(), " Rome. Ann", n_samples=200)
    shown = found.to_attribution()
    np.testing.assert_allclose(shown.sequence, found.seq_attr.numpy())
    np.testing.assert_allclose(shown.values.sum(0), shown.sequence, atol=1e-3)
