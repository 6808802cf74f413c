"""Gradient methods on images, held against autograd at the pixel values and the model's own small steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.demo import load_vision
from llm_attr_widget.demo.vision_world import examples
from llm_attr_widget.engine.refine import refine
from llm_attr_widget.errors import CapabilityError, InputError, MethodError
from llm_attr_widget.inputs import ImageInput, TextInput
from llm_attr_widget.inputs.changed.image_in_place import ImageInPlace
from llm_attr_widget.inputs.changed.in_place import in_place
from llm_attr_widget.methods.gradients import LayerGradientShap, LayerGradientXActivation, LayerIntegratedGradients
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Line
from tests.inputs.image.processors import KINDS, build, picture
from tests.inputs.image.test_prompt import BOXES, QUESTION, OfItsOwnMind, blanked, by_hand

TARGET = "red, blue"
GREY = (90, 90, 90)
IG = LayerIntegratedGradients(steps=3)
NODES, WEIGHTS = ((0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5), (5 / 18, 8 / 18, 5 / 18))
"""Gauss and Legendre's three points on [0, 1]."""
RNG = np.random.default_rng(0)


def soft(height: int = 32, width: int = 32) -> Image.Image:
    """A picture without hard edges or bright levels, which resizing has nothing to clip of."""
    rows, columns = np.mgrid[0:height, 0:width]
    levels = [110 + 50 * np.sin(rows / 9 + k) * np.cos(columns / (7 + k)) for k in range(3)]
    return Image.fromarray(np.stack(levels, axis=2).astype(np.uint8))


def explained(kind: str, image: Image.Image, *, method: Any = IG, **options: Any) -> Any:
    model, processor = build(kind)
    prompt = ImageInput(processor, image, QUESTION, **{"segments": 2, "baseline_image": GREY, **options})
    return attribute(model, processor, prompt, TARGET, method=method, progress=False)


def with_target(processor: Any, given: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], list[int], int]:
    """The prompt's arguments with the target behind it, the target's ids, and where the first of them is read."""
    target = processor.tokenizer(TARGET, add_special_tokens=False)["input_ids"]
    start = given["input_ids"].shape[1]
    for name in set(given) & {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"}:
        more = {"input_ids": target, "attention_mask": [1] * len(target)}.get(name, [0] * len(target))
        given[name] = torch.cat([given[name], torch.tensor([more])], dim=1)
    return given, target, start


def said(model: Any, given: dict[str, Any], target: list[int], start: int) -> torch.Tensor:
    """Log-probs of the target's tokens."""
    log_probs = model(**given).logits[0].log_softmax(-1)
    return torch.stack([log_probs[start - 1 + k, token] for k, token in enumerate(target)])


def integrated(kind: str, image: Image.Image, absent: list[list[Any]]) -> np.ndarray:
    """Integrated gradients of the pixel values, `(target tokens, len(absent))`, point by point and token by token.

    absent: for each column, the boxes whose absence makes its difference.
    """
    model, processor = build(kind)
    given, target, start = with_target(processor, by_hand(processor, image, QUESTION))

    def pixels(boxes: list[Any]) -> torch.Tensor:
        return by_hand(processor, blanked(image, boxes, GREY), QUESTION)["pixel_values"]

    full, none = pixels([]), pixels([(0, 0, 32, 32)])
    found = np.zeros((len(target), len(absent)))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        for k in range(len(target)):
            point = (none + node * (full - none)).requires_grad_()
            said(model, {**given, "pixel_values": point}, target, start)[k].backward()
            found[k] += [weight * float((point.grad * (full - pixels(boxes))).sum()) for boxes in absent]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_segments_get_what_autograd_gives_their_pixels(kind) -> None:
    expected = integrated(kind, picture(), [[box] for box in BOXES])
    ours = explained(kind, picture())
    assert ours.values.shape == expected.shape
    assert np.abs(ours.values - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(expected).max() > 1e-3, "the picture says nothing, so the test neither"
    np.testing.assert_allclose(ours.sequence, ours.values.sum(axis=0), atol=1e-9)
    assert ours.provenance.baseline == f"segments painted over with rgb{GREY}"


@pytest.mark.parametrize("kind", KINDS)
def test_words_and_segments_get_what_small_steps_along_the_line_change(kind) -> None:
    """One game of both: at the middle of the joint line, each feature alone goes a little further and a little back."""
    model, processor = build(kind)
    ours = explained(kind, soft(), method=LayerIntegratedGradients(steps=1), granularity="word")
    assert ours.features[4:] == ("What", " colour", " is", " the", " circle", "?")
    given, target, start = with_target(processor, by_hand(processor, soft(), QUESTION))
    full = given["pixel_values"].double()
    changes = [
        full - by_hand(processor, blanked(soft(), [box], GREY), QUESTION)["pixel_values"].double() for box in BOXES
    ]
    none = by_hand(processor, blanked(soft(), BOXES, GREY), QUESTION)["pixel_values"].double()
    own = {
        feature: [at for at, i in enumerate(given["input_ids"][0, :start].tolist()) if i in ids]
        for feature, ids in enumerate(
            ({*processor.tokenizer(text, add_special_tokens=False)["input_ids"]} for text in ours.features[4:]), 4
        )
    }
    model = model.double()
    embedding = model.get_input_embeddings()
    handle = None
    try:
        with torch.no_grad():
            whole = embedding(given["input_ids"])
            padded = given["input_ids"].clone()
            padded[0, [at for places in own.values() for at in places]] = processor.tokenizer.pad_token_id
            away = whole - embedding(padded)

            def score(feature: int, step: float) -> np.ndarray:
                nonlocal handle
                words, pixels = whole - away / 2, (full + none) / 2
                if feature < 4:
                    pixels = pixels + step * changes[feature]
                else:
                    words[:, own[feature]] += step * away[:, own[feature]]
                handle = embedding.register_forward_hook(lambda *_: words)
                told = said(model, {**given, "pixel_values": pixels}, target, start).numpy()
                handle.remove()
                return told

            expected = np.column_stack([(score(f, 1e-3) - score(f, -1e-3)) / 2e-3 for f in range(len(ours.features))])
    finally:
        model.float()
        if handle is not None:
            handle.remove()
    assert np.abs(ours.values - expected).max() <= 1e-3 * np.abs(expected).max()
    assert min(np.abs(expected[:, :4]).max(), np.abs(expected[:, 4:]).max()) > 1e-4
    assert "painted over" in ours.provenance.baseline
    assert "each token replaced by the pad token" in ours.provenance.baseline


def test_the_gap_is_what_is_missing_and_shrinks_with_steps() -> None:
    model, processor = load_vision()
    example = next(e for e in examples(np.random.default_rng(3), 5) if e.kind == "colour")
    gaps: list[float] = []
    for steps in (2, 16, 64):
        prompt = ImageInput(processor, example.image, example.prompt, segments=list(example.boxes), granularity="word")
        found = attribute(
            model, processor, prompt, example.answer, method=LayerIntegratedGradients(steps=steps), progress=False
        )
        missing = np.abs(found.values.sum(axis=1) - (found.ends[:, 0] - found.ends[:, 1])).max()
        assert found.gap == pytest.approx(missing)
        gaps.append(found.gap / np.abs(found.ends[:, 0] - found.ends[:, 1]).max())
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_segments_that_do_not_overlap_make_up_the_whole_difference(kind) -> None:
    _, processor = build(kind)
    placed, _ = in_place(
        ImageInput(processor, soft(), QUESTION, segments=3, baseline_image=GREY), processor.tokenizer, RNG
    )
    assert isinstance(placed, ImageInPlace)
    found = placed.image_differences()
    whole, none = placed.render(np.array([[True] * 9, [False] * 9]), RNG)
    full, bare = (np.asarray(prompt.extras["pixel_values"]) for prompt in (whole, none))
    summed = np.bincount(found.at, weights=found.by, minlength=full.size).reshape(full.shape)
    step = np.abs(full - bare)[full != bare].min()  # one level of 255, as the processor scales it
    assert np.abs(summed - (full - bare)).max() <= 3 * step
    assert np.abs(summed - (full - bare)).mean() <= 0.01 * np.abs(full - bare).mean()
    assert found.segments == 9
    assert np.all(np.diff(found.of) >= 0)


def test_where_segments_overlap_each_gets_an_equal_part_of_what_they_share() -> None:
    """Of the game in which a pixel is present while both are, on a linear model, that is the Shapley value."""
    left, right, shared = (0, 0, 20, 32), (12, 0, 32, 32), (12, 0, 20, 32)
    ours = explained("llava", soft(), segments=[left, right])
    alone_left, alone_right, both = integrated("llava", soft(), [[(0, 0, 12, 32)], [(20, 0, 32, 32)], [shared]]).T
    expected = np.column_stack([alone_left + both / 2, alone_right + both / 2])
    assert np.abs(ours.values - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(both).max() > 0.05 * np.abs(expected).max()


def test_a_pixel_of_no_segment_stays_and_belongs_to_none() -> None:
    ours = explained("llava", soft(), segments=[(0, 0, 16, 32)], method=LayerIntegratedGradients(steps=16))
    np.testing.assert_allclose(ours.values.sum(axis=1), ours.ends[:, 0] - ours.ends[:, 1], rtol=0.02, atol=1e-3)


def test_gradient_times_difference_is_taken_at_the_picture_itself() -> None:
    ours = explained("llava", picture(), method=LayerGradientXActivation())
    model, processor = build("llava")
    given, target, start = with_target(processor, by_hand(processor, picture(), QUESTION))
    full = given["pixel_values"].clone().requires_grad_()
    (slope,) = torch.autograd.grad(said(model, {**given, "pixel_values": full}, target, start).sum(), full)
    expected = [
        float(
            (
                slope
                * (given["pixel_values"] - by_hand(processor, blanked(picture(), [b], GREY), QUESTION)["pixel_values"])
            ).sum()
        )
        for b in BOXES
    ]
    np.testing.assert_allclose(ours.sequence, expected, rtol=1e-3, atol=1e-5)


def test_a_result_saves_spans_and_checks_like_any_other(tmp_path) -> None:
    ours = explained("llava", soft(), granularity="word")
    np.testing.assert_allclose(ours.span(0, 2).sequence, ours.values[:2].sum(axis=0))
    assert ours.check(calls=16).held_out == 8
    ours.save(tmp_path / "a.npz")
    again = Attribution.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.values, ours.values)
    np.testing.assert_array_equal(again.picture.regions, ours.picture.regions)
    assert again.method == IG


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_switched_off(mode) -> None:
    expected = explained("llava", soft(), granularity="word")
    with mode():
        ours = explained("llava", soft(), granularity="word")
    np.testing.assert_allclose(ours.values, expected.values, atol=1e-6)


def test_gradient_shap_is_integrated_gradients_within_its_band() -> None:
    exact = explained("qwen2_vl", soft(), method=LayerIntegratedGradients(steps=32), granularity="word")
    drawn = explained("qwen2_vl", soft(), method=LayerGradientShap(samples=64), granularity="word")
    assert np.abs((drawn.sequence - exact.sequence) / drawn.sequence_standard_errors).max() < 4


def test_noise_is_drawn_once_for_the_whole_line() -> None:
    ours = explained("llava", soft(), baseline_image="noise", method=LayerIntegratedGradients(steps=48))
    assert "noise, drawn once" in ours.provenance.baseline
    assert not ours.random
    assert ours.gap < 0.1 * np.abs(ours.ends[:, 0] - ours.ends[:, 1]).max()
    other = attribute(
        *build("llava"),
        ImageInput(build("llava")[1], soft(), QUESTION, segments=2, baseline_image="noise"),
        TARGET,
        method=IG,
        seed=1,
        progress=False,
    )
    assert np.abs(other.ends[:, 1] - ours.ends[:, 1]).max() > 0


def test_the_text_about_a_picture_alone_is_explained_at_any_layer() -> None:
    ours = explained("llava", soft(), segments=None, granularity="word", method=LayerIntegratedGradients(steps=24))
    assert ours.provenance.baseline == "each token replaced by the pad token '<pad>'"
    assert len(ours.features) == 6
    layer = next(name for name, _ in build("llava")[0].named_modules() if name.endswith("embed_tokens"))
    named = explained(
        "llava", soft(), segments=None, granularity="word", method=LayerIntegratedGradients(steps=24, layer=layer)
    )
    np.testing.assert_allclose(ours.values, named.values, atol=1e-6)
    np.testing.assert_allclose(ours.values.sum(axis=1), ours.ends[:, 0] - ours.ends[:, 1], atol=2e-2)


def test_a_picture_that_is_its_own_baseline_gets_nothing() -> None:
    ours = explained("llava", Image.new("RGB", (32, 32), GREY))
    assert np.all(ours.values == 0)


def test_refinement_goes_by_gradients_too() -> None:
    model, processor = build("llava")
    prompt = ImageInput(processor, soft(), QUESTION, segments=2, baseline_image=GREY)
    rounds = refine(
        model, processor, prompt, TARGET, budget=12, splits=1, method="layer_integrated_gradients", progress=False
    )
    assert len(rounds) == 2
    assert len(rounds[1].features) > 4
    assert "split in four" in rounds[1].provenance.granularity


@dataclass
class Otherwise:
    """A processor whose output is changed by `change`, which is told which of its images are the whole picture."""

    inner: Any
    change: Callable[[dict[str, Any], list[bool]], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *, images: Any, **more: Any) -> Any:
        returned = dict(self.inner(images=images, **more))
        self.change(returned, [np.array_equal(np.asarray(image), np.asarray(soft())) for (image,) in images])
        return returned


def crops(returned: dict[str, Any], whole: list[bool]) -> None:
    if not any(whole):
        returned["pixel_values"] = returned["pixel_values"][..., :12]


def masks(returned: dict[str, Any], whole: list[bool]) -> None:
    mask = torch.as_tensor(returned["pixel_attention_mask"]).clone()
    mask[[not each for each in whole]] = 0
    returned["pixel_attention_mask"] = mask


def keeps_levels(returned: dict[str, Any], whole: list[bool]) -> None:
    del whole
    returned["pixel_values"] = (returned["pixel_values"] * 127).byte()


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("llava", crops, r"of one shape.*\(1, 3, 16, 16\) of the picture and \(1, 3, 16, 12\).*'shapley'"),
        ("idefics3", masks, "pixel_attention_mask change with the picture, too.*'shapley'"),
        ("llava", keeps_levels, "as real numbers.*uint8"),
    ],
)
def test_processors_that_do_not_stay_on_a_line_are_refused(kind, change, words) -> None:
    model, processor = build(kind)
    prompt = ImageInput(Otherwise(processor, change), soft(), QUESTION, segments=2, baseline_image=GREY)
    if change is not crops:  # of one call of the processor all images have one shape
        with pytest.raises(InputError, match=words):
            in_place(prompt, processor.tokenizer, RNG)
    with pytest.raises(InputError, match=words):
        attribute(model, processor, prompt, TARGET, method=IG, progress=False)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (LayerIntegratedGradients(layer="model.language_model.layers.1"), "no token of their own.*'shapley'"),
        (LayerIntegratedGradients(side="input"), "at the pixel values.*side='input'"),
        (LayerGradientXActivation(multiply_by_inputs=False), "plain gradients over pixels"),
        (LayerGradientXActivation(measured_from="zero"), "zero is some grey"),
    ],
)
def test_what_has_no_meaning_for_segments_is_refused(method, words) -> None:
    with pytest.raises(MethodError, match=words):
        explained("llava", soft(), method=method)


def test_a_tower_without_gradients_is_told() -> None:
    model, _ = build("llava")
    handle = model.model.multi_modal_projector.register_forward_hook(lambda _, __, output: output.detach())
    try:
        for granularity in (None, "word"):
            with pytest.raises(CapabilityError, match=r"reads its image without gradients.*'shapley'"):
                explained("llava", soft(), granularity=granularity)
    finally:
        handle.remove()


def test_the_model_is_left_as_it_was_found() -> None:
    model, processor = build("qwen2_vl")
    model.train()
    model.model.visual.patch_embed.requires_grad_(False)

    def state() -> list[Any]:
        return [
            [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()],
            [(p.requires_grad, p.grad is None) for p in model.parameters()],
            vars(model.model).get("rope_deltas"),
        ]

    before = state()
    placed, _ = in_place(ImageInput(processor, soft(), QUESTION, segments=2), processor.tokenizer, RNG)
    start, end = placed.render(np.array([[False] * 4, [True] * 4]), RNG)
    line = Line(start, end, image=placed.image_differences())
    try:
        parts = list(HuggingFaceModel(model, processor.tokenizer).slopes(line, [0.3, 0.6], (5, 6), np.eye(2)))
        assert parts[0].values.shape[2] == 4 + len(end.ids) + 1
        assert state() == before
    finally:
        model.model.visual.patch_embed.requires_grad_(True)
        model.eval()


def test_a_text_with_an_image_placeholder_knows_its_words() -> None:
    _, processor = build("llava")
    text = TextInput(processor.tokenizer, "<image> Describe the picture.", granularity="word")
    placed, owners = in_place(ImageInput(processor, soft(), text, segments=1), processor.tokenizer, RNG)
    (whole,) = placed.render(np.ones((1, 5), bool), RNG)
    with pytest.raises(InputError, match="do not spell"):
        in_place(ImageInput(OfItsOwnMind(processor, " more"), soft(), text, segments=1), processor.tokenizer, RNG)
    assert owners[0] == 0
    for feature, word in enumerate((" Describe", " the", " picture", "."), 1):
        own = [i for i, owner in zip(whole.ids, owners[1:], strict=True) if owner == feature]
        assert processor.tokenizer.decode(own) == word
