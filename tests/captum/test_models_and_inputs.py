"""Anything captum takes: images, inputs of one's own, small modules, tokenizers without offsets."""

from __future__ import annotations

import captum.attr as ca
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn

from llm_attr_widget import captum as ours
from llm_attr_widget.captum.prompts import shown_tokens
from llm_attr_widget.demo import load_text
from tests.models.huggingface.families import build
from tests.models.huggingface.test_slopes import PROMPT, TARGET, BothWays, Tok


class SeesPixels(nn.Module):
    """A language model of a few lines that also reads pixel values, with no cache, no generate and no device."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(97, 8)
        self.pixels = nn.Linear(3, 8)
        self.out = nn.Linear(8, 97)

    def forward(self, input_ids, attention_mask=None, pixel_values=None, use_cache=False):
        hidden = self.embedding(input_ids).cumsum(1)
        if pixel_values is not None:
            hidden = hidden + self.pixels(pixel_values.float().mean((1, 2)) / 50)[:, None]
        return type("Output", (), {"logits": self.out(hidden)})()


def picture():
    return PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype("uint8"))


def processor(image):
    return {"input_ids": torch.tensor([PROMPT]), "pixel_values": torch.tensor(np.array(image))[None]}


METHODS = [
    (ca.FeatureAblation, {}),
    (ca.ShapleyValueSampling, {"n_samples": 3}),
    (ca.ShapleyValues, {}),
    (ca.Lime, {"n_samples": 20}),
    (ca.KernelShap, {"n_samples": 20}),
]


def segmented(*, overlapping):
    mask = torch.zeros(6, 8, dtype=torch.int32)
    mask[:, 4:] = 1
    mask[3:, 4:] = 2
    masks = {"mask_list": [mask == 0, mask >= 1, mask == 2]} if overlapping else {"mask": mask}
    return ours.ImageMaskInput(picture(), processor_fn=processor, baseline=(0, 0, 0), **masks)


@pytest.mark.filterwarnings("ignore:.*masks:UserWarning")
@pytest.mark.parametrize("in_tokens", [True, False], ids=["in tokens", "one pass"])
@pytest.mark.parametrize("overlapping", [True, False], ids=["overlapping", "mask"])
@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
@pytest.mark.parametrize("attr_target", ["log_prob", "prob"])
def test_images_by_mask_and_by_overlapping_masks(method, options, overlapping, in_tokens, attr_target):
    model, inp, found = SeesPixels().eval(), segmented(overlapping=overlapping), []
    target = torch.tensor(TARGET if attr_target == "log_prob" else TARGET[2:])  # the three together are too unlikely
    for library in (ca, ours):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 (what captum draws from)
        attribution = library.LLMAttribution(method(model), Tok(), attr_target=attr_target)
        more = {"use_cached_outputs": False, "forward_in_tokens": in_tokens, **options}
        found.append(attribution.attribute(inp, target, **more))
    expected, result = found
    within = 1e-3 * float(expected.seq_attr.abs().max())
    assert torch.allclose(result.seq_attr, expected.seq_attr, rtol=0, atol=within)
    if expected.token_attr is not None:
        assert torch.allclose(result.token_attr, expected.token_attr, rtol=0, atol=within)
        assert within > 0


@pytest.mark.parametrize("overlapping", [True, False])
def test_heatmaps_are_captums_pixel_by_pixel(overlapping):
    model, inp = SeesPixels().eval(), segmented(overlapping=overlapping)
    found = ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(inp, torch.tensor(TARGET))
    whole = ("input_tokens", "output_tokens", "seq_attr", "token_attr", "inp")
    captums = ca.LLMAttributionResult(**{name: getattr(found, name) for name in whole})
    for options in (
        {},
        {"target_token_pos": 1, "border_width": 1},
        {"target_token_pos": (0, 2), "show_legends": False},
    ):
        drawn = []
        for result in (captums, found):
            figure, _ = result.plot_image_heatmap(**options)
            figure.canvas.draw()
            drawn.append(np.asarray(figure.canvas.buffer_rgba()))
            plt.close(figure)
        np.testing.assert_array_equal(*drawn)
    made = ours.LLMAttributionResult(input_tokens=["a"], output_tokens=["b"], seq_attr=[1.0])
    with pytest.raises(ValueError, match="ImageMaskInput"):
        made.plot_image_heatmap()


@pytest.mark.parametrize("in_tokens", [True, False], ids=["in tokens", "one pass"])
def test_a_module_that_knows_no_mask_is_scored_without_padding(in_tokens):
    """Prompts of several lengths, through a model of sums over all tokens that ignores masks and positions."""
    model = SeesPixels().eval()
    inp = ca.TextTemplateInput("!{} {}: {}", ["ab", "cde", "f"], baselines=["x", "", "zzzz"])
    expected, found = (
        library.LLMAttribution(ca.ShapleyValues(model), Tok()).attribute(
            inp, torch.tensor(TARGET), use_cached_outputs=False, forward_in_tokens=in_tokens
        )
        for library in (ca, ours)
    )
    assert torch.allclose(found.token_attr, expected.token_attr, atol=1e-4)


def test_a_model_that_reads_both_ways_is_scored_as_captum_scores_it_token_by_token():
    model, tokenizer = BothWays().eval(), Tok()
    model.forward = lambda input_ids, attention_mask=None, use_cache=False: BothWays.forward(model, input_ids)
    inp = ca.TextTokenInput(tokenizer.decode(PROMPT), tokenizer, baselines=3)
    expected = ca.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(
        inp, torch.tensor(TARGET), use_cached_outputs=False
    )
    found = ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(inp, torch.tensor(TARGET))
    assert torch.allclose(found.token_attr, expected.token_attr, atol=1e-4)


def test_an_input_of_ones_own():
    class Halves(ca.InterpretableInput):
        n_itp_features = 2
        values = ("first", "second")

        def to_tensor(self):
            return torch.ones(1, 2)

        def to_model_input(self, perturbed_tensor=None):
            ids = torch.tensor([PROMPT])
            if perturbed_tensor is not None:
                ids[0, :3] = torch.where(perturbed_tensor[0, 0] == 1, ids[0, :3], 3)
                ids[0, 3:] = torch.where(perturbed_tensor[0, 1] == 1, ids[0, 3:], 3)
            return ids

    model = build("llama")
    found = ours.LLMAttribution(ca.ShapleyValues(model), Tok()).attribute(Halves(), torch.tensor(TARGET))
    change = float(found.seq_attr.sum())
    whole = ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(
        ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3), torch.tensor(TARGET)
    )
    assert change == pytest.approx(float(whole.output_probs.log().sum()) - _blank(model), abs=1e-3)


def _blank(model):
    prompt = ca.TextTokenInput(Tok().decode((3,) * len(PROMPT)), Tok(), baselines=3)
    found = ours.LLMAttribution(ca.FeatureAblation(model), Tok()).attribute(prompt, torch.tensor(TARGET))
    return float(found.output_probs.log().sum())


def test_generated_targets_use_captums_defaults():
    model, tokenizer = load_text()
    inp = ca.TextTokenInput("Tom lives in Rome. Tom lives in", tokenizer, skip_tokens=tokenizer.all_special_ids)
    found = ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(inp)
    assert 1 <= len(found.output_tokens) <= 25
    few = ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(inp, gen_args={"max_new_tokens": 3})
    assert few.output_tokens == found.output_tokens[:3]


class Bytes:
    """Each byte is a token, and there are no offsets: a character may take four tokens."""

    all_special_ids = ()
    is_fast = False

    def __call__(self, text, **_):
        if _.get("return_offsets_mapping"):
            raise NotImplementedError
        return {"input_ids": list(text.encode())}

    def encode(self, text, **_):
        return list(text.encode())

    def decode(self, ids, **_):
        return bytes(int(i) for i in ids).decode(errors="replace")

    def convert_ids_to_tokens(self, ids):
        return [str(i) for i in ids]


def test_characters_of_three_and_four_tokens_are_shown_whole():
    ids = torch.tensor(list("a€🎉b".encode()))
    assert shown_tokens(ids, Bytes()) == [
        *["a", "€", "€ [OVERLAP]", "€ [OVERLAP]"],
        *["🎉", "🎉 [OVERLAP]", "🎉 [OVERLAP]", "🎉 [OVERLAP]"],
        "b",
    ]


@pytest.mark.parametrize("method", [ca.Lime, ca.KernelShap])
def test_lime_and_kernel_shap_need_no_scikit_learn(method, monkeypatch):
    model = build("gpt2")
    inp = ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)
    found = []
    for missing in (False, True):
        if missing:
            monkeypatch.setattr("llm_attr_widget.captum.linear.find_spec", lambda _: None)
            monkeypatch.setattr("captum._utils.models.linear_model.train.sklearn_train_linear_model", None)
        torch.manual_seed(0)
        attribution = ours.LLMAttribution(method(model), Tok())
        found.append(attribution.attribute(inp, torch.tensor(TARGET), n_samples=50).token_attr)
    assert torch.allclose(found[0], found[1], atol=1e-3)
