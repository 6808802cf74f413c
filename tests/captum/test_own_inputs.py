"""Inputs of a class of one's own, what processors return, and modules of a few lines, held against captum."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import PIL.Image
import pytest
import torch
from captum.attr._core.llm_attr import _convert_ids_to_pretty_tokens, _convert_ids_to_pretty_tokens_fallback

from llm_attr_widget import AttrWidget
from llm_attr_widget import captum as ours
from llm_attr_widget.captum.prompts import shown_tokens, to_prompt
from llm_attr_widget.errors import CapabilityError
from tests.captum.test_models_and_inputs import METHODS, Bytes, SeesPixels, picture
from tests.captum.test_same_as_captum import close, seeded
from tests.inputs.kinds import tokenizer_of
from tests.models.huggingface.families import build
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.test_slopes import PROMPT, TARGET, BothWays, Tok

WEIGHTS = (2.0, 3.0, 5.0)


class Weighted(ca.TextTokenInput):
    """Its indicator holds weights, in a shape of its own. Derived from one of captum's, since captum takes no other."""

    def __init__(self):
        self.values = ["two", "three", "five"]
        self.n_itp_features = 3

    def to_tensor(self):
        return torch.tensor([[[weight] for weight in WEIGHTS]])

    def to_model_input(self, perturbed_tensor=None):
        ids = torch.tensor([PROMPT])
        if perturbed_tensor is not None:
            for place, (weight, found) in enumerate(zip(WEIGHTS, perturbed_tensor.flatten().tolist(), strict=True)):
                if found != weight:
                    ids[0, 2 * place] = 3 if found == 0 else 4
        return ids


class Drawing(Weighted):
    """Draws what it shows in place of an absent feature."""

    def to_model_input(self, perturbed_tensor=None):
        ids = super().to_model_input(perturbed_tensor)
        return ids if perturbed_tensor is None else torch.where(ids == 3, torch.randint(5, 60, ids.shape), ids)


class Plain(ca.InterpretableInput):
    """The same as Weighted, derived from the interface alone."""

    values = ("two", "three", "five")
    n_itp_features = 3
    to_tensor = Weighted.to_tensor
    to_model_input = Weighted.to_model_input


@pytest.fixture(scope="module")
def model():
    return build("gpt2")


def both(model, method, inp, **options):
    return [
        seeded(lambda kind=kind: kind(method(model), Tok()).attribute(inp, torch.tensor(TARGET), **options))
        for kind in (ca.LLMAttribution, ours.LLMAttribution)
    ]


@pytest.mark.filterwarnings("ignore:.*masks:UserWarning")
@pytest.mark.parametrize("kind", [Weighted, Drawing])
@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
def test_an_indicator_of_any_numbers_and_shape(model, method, options, kind):
    if method is ca.ShapleyValues and kind is Drawing:
        return  # one draw for each coalition here, one for each visit in captum
    captums, found = both(model, method, kind(), num_trials=2, use_cached_outputs=False, **options)
    close(found.seq_attr, captums.seq_attr)
    assert found.coalitions.any()
    assert not found.coalitions.all()


@pytest.mark.parametrize(("method", "options"), METHODS, ids=lambda m: getattr(m, "__name__", ""))
def test_any_interpretable_input(model, method, options):
    found, expected = (
        seeded(
            lambda inp=inp: ours.LLMAttribution(method(model), Tok()).attribute(inp, torch.tensor(TARGET), **options)
        )
        for inp in (Plain(), Weighted())
    )
    assert torch.allclose(found.token_attr, expected.token_attr, atol=1e-4)
    shown = AttrWidget.from_result(found).result
    assert shown.features == ("two", "three", "five")
    np.testing.assert_allclose(shown.values, found.token_attr.numpy())


class SeesLists(SeesPixels):
    """Takes its pictures as a list of tensors, as models do whose pictures are cut into tiles."""

    def forward(self, input_ids, attention_mask=None, pixel_values=None, use_cache=False):
        return super().forward(input_ids, pixel_values=torch.stack([tile[0] for tile in pixel_values[0]])[:1])


@pytest.mark.parametrize("in_tokens", [True, False], ids=["in tokens", "one pass"])
def test_pictures_in_lists_are_told_apart(in_tokens):
    """They are so large that their texts, which leave out the middle, are all the same."""
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype("uint8"))
    mask = torch.zeros(60, 80, dtype=torch.int32)
    mask[20:40, 20:40], mask[20:40, 40:60] = 1, 2

    def processor(image):
        tile = torch.tensor(np.array(image))[None]
        return {"input_ids": torch.tensor([PROMPT]), "pixel_values": [[tile]]}

    inp = ca.ImageMaskInput(image, mask=mask, baseline=(0, 0, 0), processor_fn=processor)
    captums, found = both(
        SeesLists().eval(), ca.FeatureAblation, inp, use_cached_outputs=False, forward_in_tokens=in_tokens
    )
    assert float(captums.seq_attr[1:].abs().min()) > 1e-4
    torch.testing.assert_close(found.token_attr, captums.token_attr, rtol=1e-3, atol=1e-5)


def test_what_a_model_is_given_beside_ids_is_compared_by_its_content():
    def key(**extras):
        return to_prompt({"input_ids": torch.tensor([PROMPT]), **extras}, Tok()).extras_key

    long = torch.zeros(2, 5000)
    other = long.clone()
    other[1, 2500] = 1
    assert repr(long) == repr(other)
    for wrap in (lambda x: x, lambda x: [x], lambda x: {"a": (1, x)}, lambda x: [[x.numpy()]]):
        assert key(pixels=wrap(long)) == key(pixels=wrap(long.clone()))
        assert key(pixels=wrap(long)) != key(pixels=wrap(other))
    assert key(a=1, b=2) == key(b=2, a=1)
    assert key(a=1) != key(a=True)
    assert key(a=["xy"]) != key(a=["x", "y"])
    assert key(image=picture()) == key(image=picture())
    first, second = object(), object()
    assert key(a=first) == key(a=first) != key(a=second)


@pytest.mark.parametrize("in_tokens", [True, False], ids=["in tokens", "one pass"])
def test_a_vision_language_model_of_transformers(in_tokens):
    """A LLaVA of random weights, its image tokens and pixel values as a processor makes them."""

    def processor(image):
        pixels = torch.tensor(np.array(image)).permute(2, 0, 1)[None] / 100
        ids = torch.tensor([[1, 90, 90, 90, 90, 5, 6]])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}

    image = PIL.Image.fromarray(np.random.default_rng(1).integers(0, 255, (8, 8, 3)).astype("uint8"))
    mask = torch.arange(8)[None].expand(8, 8) // 3
    inp = ca.ImageMaskInput(image, mask=mask, processor_fn=processor)
    captums, found = both(
        build("llava"), ca.ShapleyValueSampling, inp, n_samples=3, use_cached_outputs=False, forward_in_tokens=in_tokens
    )
    assert float(captums.seq_attr.abs().min()) > 1e-3
    close(found.token_attr, captums.token_attr)


class Reads(SeesPixels):
    """Through the arguments that captum names, as a module that knows nothing of masks."""

    def forward(self, input_ids, attention_mask=None, use_cache=None):
        return super().forward(input_ids)


class Both(BothWays):
    def forward(self, input_ids, attention_mask=None, use_cache=None):
        return super().forward(input_ids)


@pytest.mark.parametrize("kind", [Reads, Both])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        (ca.LayerIntegratedGradients, {"n_steps": 4}),
        (ca.LayerGradientXActivation, {}),
        (ca.LayerGradientShap, {"n_samples": 1, "baselines": torch.zeros(1, 6)}),
    ],
)
def test_gradients_of_a_module_of_ones_own(kind, method, options):
    """One whose earlier positions read later ones too: captum reads the target up to each token, and so must we."""
    own = kind().eval()
    inp = ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)
    captums, found = (
        seeded(lambda k=k: k(method(own, own.embedding), Tok()).attribute(inp, torch.tensor(TARGET), **options))
        for k in (ca.LLMGradientAttribution, ours.LLMGradientAttribution)
    )
    assert float(captums.token_attr.abs().max()) > 1e-3
    close(found.token_attr, captums.token_attr)


@pytest.mark.parametrize("text", ["Dave lives in Palm Coast", "a 🙂!", "é\n\nx  y", "我喜欢"])
def test_token_texts_are_captums_where_there_are_offsets(text):
    tokenizer = tokenizer_of("byte_bpe")
    ids = torch.tensor(tokenizer.encode(text, add_special_tokens=False))
    shown = shown_tokens(ids, tokenizer)
    assert shown == _convert_ids_to_pretty_tokens(ids, tokenizer)
    assert not any("Ġ" in each for each in shown)


def test_where_captums_token_texts_break():
    """Departure: three bytes of one character, without offsets: captum shows broken characters."""
    ids = torch.tensor(list("a€bc".encode()))
    assert _convert_ids_to_pretty_tokens_fallback(ids, Single()) == ["a", "�", "� [OVERLAP]", "�", "b", "c"]
    assert shown_tokens(ids, Single()) == ["a", "€", "€ [OVERLAP]", "€ [OVERLAP]", "b", "c"]
    with pytest.raises(IndexError):
        _convert_ids_to_pretty_tokens_fallback(ids[:4], Single())
    assert shown_tokens(ids[:4], Single()) == ["a", "€", "€ [OVERLAP]", "€ [OVERLAP]"]


class Reencodes(Bytes):
    """With offsets, but of other tokens than those it is asked about: captum warns, and falls back."""

    def __call__(self, text, **_):
        return {"input_ids": [1000], "offset_mapping": [(0, len(text))]}

    def decode(self, ids, **_):
        return super().decode(ids if np.ndim(ids) else [ids])


def test_a_character_of_two_tokens_whose_text_is_encoded_otherwise():
    ids = torch.tensor(list("aéb".encode()))
    with pytest.warns(UserWarning, match="Skipping this token|Falling back"):
        assert _convert_ids_to_pretty_tokens(ids, Reencodes()) == ["a", "�", "� [OVERLAP]", "b"]
    assert shown_tokens(ids, Reencodes()) == ["a", "é", "é [OVERLAP]", "b"]


def test_white_space_is_shown_as_captum_shows_it():
    ids = torch.tensor(list(b"a\n b"))
    assert shown_tokens(ids, Single()) == _convert_ids_to_pretty_tokens_fallback(ids, Single()) == ["a", "\\n", "", "b"]


class Single(Bytes):
    """As Bytes, and decodes a single id, too, as captum asks for."""

    def decode(self, ids, **_):
        return super().decode(ids if np.ndim(ids) else [ids])


def test_a_tokenizer_without_offsets(model):
    """Text in, numbers as by hand, the slots' texts in the widget."""
    wrapped = Numbers()
    inp = ca.TextTemplateInput("{} {}", ["ab", "c"], baselines=["x", "y"])
    found = ours.LLMAttribution(ca.FeatureAblation(model), wrapped).attribute(inp, "de")
    truth = np.array(by_hand(model, wrapped.encode("ab c"), wrapped.encode("de"))) - by_hand(
        model, wrapped.encode("x c"), wrapped.encode("de")
    )
    np.testing.assert_allclose(found.token_attr[:, 0].numpy(), truth, atol=1e-4)
    assert found.output_tokens == ["d", "e"]
    assert AttrWidget.from_result(found).result.features == ("ab", "c")


class Numbers(Tok):
    """Tok without a call of its own."""

    all_special_ids = ()

    def __call__(self, text, **options):
        if options.get("return_offsets_mapping"):
            raise NotImplementedError
        return {"input_ids": self.encode(text)}


class Writes(Reads):
    """With a `generate` that takes what captum gives it, and no mask."""

    def generate(self, input_ids, max_new_tokens, do_sample=None, temperature=None, top_p=None):
        for _ in range(max_new_tokens):
            input_ids = torch.cat([input_ids, self(input_ids).logits[:, -1:].argmax(-1)], dim=1)
        return input_ids


class WritesAnObject(Writes):
    """As transformers answers where it is asked for a dict."""

    def generate(self, input_ids, **options):
        return type("Written", (), {"sequences": super().generate(input_ids, options["max_new_tokens"])})()


def test_what_a_module_of_ones_own_writes():
    """With `generate` as captum has it; without one, greedily, where captum stops."""
    inp = ca.TextTokenInput(Tok().decode(PROMPT), Tok(), baselines=3)
    expected = ca.LLMAttribution(ca.FeatureAblation(Writes().eval()), Tok())._get_target_tokens(
        inp, gen_args={"max_new_tokens": 4}
    )
    for kind in (Writes, WritesAnObject, Reads):
        attribution = ours.LLMAttribution(ca.FeatureAblation(kind().eval()), Tok())
        assert attribution.attribute(inp, gen_args={"max_new_tokens": 4}).target.tolist() == expected.tolist()
    assert len(attribution.attribute(inp).target) == 25
    assert len(attribution.attribute(inp, gen_args={"do_sample": False}).target) == 25
    with pytest.raises(CapabilityError, match="do_sample"):
        attribution.attribute(inp, gen_args={"do_sample": True})
    with pytest.raises(AssertionError):
        ca.LLMAttribution(ca.FeatureAblation(Reads().eval()), Tok()).attribute(inp)
