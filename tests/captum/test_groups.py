"""Features that go together, by a method's `feature_mask` or an input's own mask: captum's numbers, and honest sums."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import AttrWidget
from llm_attr_widget import captum as ours
from llm_attr_widget.errors import InputError, MethodError
from tests.captum.test_models_and_inputs import METHODS, SeesPixels, segmented
from tests.captum.test_same_as_captum import close, seeded
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, Tok

MASK = torch.tensor([[3, 1, 3, 3, 1, 2]])
"""Ids out of order, and none of them 0."""
MEMBERS = ([0, 2, 3], [1, 4], [5])


@pytest.fixture(scope="module")
def model():
    return build("gpt2")


def tokens():
    return ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)


def change(model, absent):
    """What the target as a whole loses without these tokens, by hand."""
    ids = [3 if position in absent else token for position, token in enumerate(PROMPT)]
    return sum(by_hand(model, PROMPT, TARGET)) - sum(by_hand(model, ids, TARGET))


@pytest.mark.filterwarnings("ignore:(?i).*feature mask:UserWarning", "ignore:.*masks:UserWarning")
@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
def test_feature_masks_are_captums(model, method, options):
    options = {"feature_mask": MASK, "use_cached_outputs": False, **options}
    expected, found = (
        seeded(lambda kind=kind: kind(method(model), Tok()).attribute(tokens(), torch.tensor(TARGET), **options))
        for kind in (ca.LLMAttribution, ours.LLMAttribution)
    )
    close(found.seq_attr, expected.seq_attr)
    if expected.token_attr is not None:
        close(found.token_attr, expected.token_attr)
    assert found.group_of == (2, 0, 2, 2, 0, 1)
    assert torch.equal(found.group_attr[list(found.group_of)], found.seq_attr)
    assert torch.equal(found.group_token_attr[:, list(found.group_of)], found.token_attr)
    shown = found.to_attribution()
    texts = [Tok().decode([i]) for i in PROMPT]
    assert shown.features == tuple(" … ".join(texts[i] for i in group) for group in MEMBERS)  # in reading order
    assert [piece.feature for piece in shown.pieces] == [0, 1, 0, 0, 1, 2]
    np.testing.assert_allclose(shown.sequence, found.seq_attr[[0, 1, 5]].numpy())
    np.testing.assert_array_equal(shown.ledger.coalitions.shape, (len(found.coalitions), 3))


@pytest.mark.filterwarnings("ignore:Feature mask is missing:UserWarning")
@pytest.mark.parametrize("method", [ca.ShapleyValues, ca.ShapleyValueSampling])
def test_groups_by_a_feature_mask_add_up(model, method):
    found = ours.LLMAttribution(method(model), Tok()).attribute(tokens(), torch.tensor(TARGET), feature_mask=MASK)
    whole = change(model, range(6))
    assert float(found.group_attr.sum()) == pytest.approx(whole, abs=1e-4)
    assert abs(float(found.seq_attr.sum()) - whole) > 0.01
    widget = AttrWidget.from_result(found)
    assert widget.result.adds_up
    assert widget.result.gap < 1e-4
    assert float(widget.result.sequence.sum()) == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("mask", [MASK, (MASK,)], ids=["tensor", "tuple"])
def test_a_group_left_out_by_hand(model, mask):
    found = ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(
        tokens(), torch.tensor(TARGET), feature_mask=mask
    )
    truth = [change(model, group) for group in MEMBERS]
    np.testing.assert_allclose(found.to_attribution().sequence, truth, atol=1e-4)


def test_a_result_has_the_inputs_shape_whatever_shape_lime_returns(model):
    options = {"feature_mask": MASK - 1, "n_samples": 20}
    found, other = (
        seeded(
            lambda shape=shape: ours.LLMAttribution(ca.Lime(model), Tok()).attribute(
                tokens(), torch.tensor(TARGET), return_input_shape=shape, **options
            )
        )
        for shape in (True, False)
    )
    assert torch.allclose(found.token_attr, other.token_attr, atol=1e-4)


def test_what_counts_is_groups_where_exact_values_and_kernel_shap_have_limits(model):
    inp = ca.TextTokenInput("abcdefghijklmnopqrst", Tok(), baselines=3)
    mask = torch.arange(20)[None] // 10
    exact = ours.LLMAttribution(ca.ShapleyValues(model), Tok())
    found = exact.attribute(inp, torch.tensor(TARGET), feature_mask=mask)
    assert len(found.coalitions) == 4
    with pytest.raises(MethodError, match="10 features"):
        exact.attribute(inp, torch.tensor(TARGET), feature_mask=torch.arange(20)[None] // 2, baselines=0)
    one = ours.LLMAttribution(ca.KernelShap(model), Tok()).attribute(
        tokens(), torch.tensor(TARGET), feature_mask=torch.zeros(1, 6, dtype=torch.long)
    )
    np.testing.assert_allclose(one.seq_attr.numpy(), [change(model, range(6))] * 6, atol=1e-4)
    assert one.group_attr.shape == (1,)


def test_a_mask_of_the_template_and_a_feature_mask_together(model):
    """Slots 0 and 2 are one feature of the input, which the method takes together with slot 3."""
    inp = ca.TextTemplateInput("!{} {} {} {}", list("abcd"), baselines=list("wxyz"), mask=[1, 0, 1, 2])
    found = ours.LLMAttribution(ca.ShapleyValues(model), Tok()).attribute(
        inp, torch.tensor(TARGET), feature_mask=torch.tensor([[0, 1, 1]])
    )
    assert found.group_of == (1, 0, 1, 1)
    shown = found.to_attribution()
    assert shown.features == ("a … c … d", "b")
    whole, none = (sum(by_hand(model, Tok().encode(text), TARGET)) for text in ("!a b c d", "!w x y z"))
    assert float(shown.sequence.sum()) == pytest.approx(whole - none, abs=1e-4)


@pytest.mark.parametrize("overlapping", [True, False])
def test_segments_that_go_together(overlapping):
    found = ours.LLMAttribution(ca.ShapleyValues(SeesPixels().eval()), Tok()).attribute(
        segmented(overlapping=overlapping), torch.tensor(TARGET), feature_mask=torch.tensor([[1, 0, 1]])
    )
    shown = AttrWidget.from_result(found).result
    assert shown.features == ("image_feature_0 … image_feature_2", "image_feature_1")
    assert shown.gap < 1e-4
    first = np.zeros((6, 8), dtype=bool)
    first[:, :4] = first[3:, 4:] = True
    np.testing.assert_array_equal(shown.picture.mask(0), first)


def test_an_input_that_spreads_its_numbers_is_not_shown_as_if_they_were_its_features(model):
    class Halved(ca.TextTokenInput):
        def format_attr(self, itp_attr):
            return itp_attr / 2

    inp = Halved(Tok().decode(PROMPT), Tok(), baselines=3)
    found = ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(inp, torch.tensor(TARGET))
    assert found.group_of is None
    torch.testing.assert_close(found.seq_attr, found.group_attr / 2)
    with pytest.raises(InputError, match="Halved"):
        found.to_attribution()
