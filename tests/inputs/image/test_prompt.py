"""Image prompts, held against what the processor itself makes of a picture and a text put together by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from llm_attr_widget import attribute
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput, ImageInput, make_input
from llm_attr_widget.inputs.image.fills import Painted
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from tests.inputs.image.processors import KINDS, build, picture

QUESTION = "What colour is the circle?"
RNG = np.random.default_rng(0)
BOXES = [(0, 0, 16, 16), (16, 0, 32, 16), (0, 16, 16, 32), (16, 16, 32, 32)]
"""The segments of a 2 × 2 grid."""


def asked(text: str, image: Image.Image | None = None) -> list[dict[str, Any]]:
    part = {"type": "image"} if image is None else {"type": "image", "image": image}
    return [{"role": "user", "content": [part, {"type": "text", "text": text}]}]


def by_hand(processor, image: Image.Image, text: str) -> dict[str, torch.Tensor]:
    """What the processor makes of this picture and question, in one call of its own."""
    return dict(
        processor.apply_chat_template(
            asked(text, image), add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
    )


def blanked(image: Image.Image, absent, colour) -> Image.Image:
    copy = image.copy()
    for box in absent:
        copy.paste(colour, box)
    return copy


def assert_same(prompt, wanted) -> None:
    assert prompt.ids == tuple(wanted.pop("input_ids")[0].tolist())
    wanted.pop("attention_mask")
    assert set(prompt.extras) == set(wanted)
    for name, value in wanted.items():
        assert torch.equal(torch.as_tensor(prompt.extras[name]), value), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("question", [QUESTION, "\n\nWhat colour?\n\n"])
def test_prompts_are_what_the_processor_makes_of_them(kind, question) -> None:
    """Segments and words absent at random, the second question's first words next to the image's own line breaks."""
    _, processor = build(kind)
    image = picture()
    players = ImageInput(processor, image, question, segments=2, baseline_image="red", granularity="word")
    coalitions = np.vstack([np.ones(len(players.features), bool), RNG.random((6, len(players.features))) < 0.5])
    words = ChatInput(processor, asked(question), granularity="word")
    for row, prompt in zip(coalitions, players.render(coalitions, RNG), strict=True):
        absent = [box for box, present in zip(BOXES, row[:4], strict=True) if not present]
        said = words.texts(row[None, 4:])[0]
        wanted = processor(
            text=[said],
            images=[[blanked(image, absent, "red")]],
            return_tensors="pt",
            add_special_tokens=not said.startswith("<s>"),
        )
        assert_same(prompt, dict(wanted))


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_prompt_is_that_of_the_chat_template(kind) -> None:
    _, processor = build(kind)
    players = ImageInput(processor, picture(), QUESTION, segments=2)
    (prompt,) = players.render(np.ones((1, 4), bool), RNG)
    assert_same(prompt, by_hand(processor, picture(), QUESTION))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_model_on_pictures_blanked_by_hand(kind) -> None:
    model, processor = build(kind)
    image = picture()
    result = attribute(
        model,
        processor,
        ImageInput(processor, image, QUESTION, segments=2, baseline_image=(9, 9, 9)),
        "red",
        method="shapley",
        budget=16,
        progress=False,
    )
    target = processor.tokenizer("red", add_special_tokens=False)["input_ids"]
    table = np.zeros(16)
    for number in range(16):
        absent = [box for i, box in enumerate(BOXES) if not number >> i & 1]
        given = by_hand(processor, blanked(image, absent, (9, 9, 9)), QUESTION)
        start = given["input_ids"].shape[1]
        for name in set(given) & {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"}:
            more = {"input_ids": target, "attention_mask": [1] * len(target)}.get(name, [0] * len(target))
            given[name] = torch.cat([given[name], torch.tensor([more])], dim=1)
        with torch.no_grad():
            log_probs = model(**given).logits[0].log_softmax(-1)
        table[number] = sum(float(log_probs[start - 1 + k, token]) for k, token in enumerate(target))
    weights = {0: 1 / 4, 1: 1 / 12, 2: 1 / 12, 3: 1 / 4}
    for i in range(4):
        shapley = sum(
            weights[number.bit_count()] * (table[number | 1 << i] - table[number])
            for number in range(16)
            if not number >> i & 1
        )
        assert result.sequence[i] == pytest.approx(shapley, abs=1e-4)
    assert np.abs(result.sequence).max() > 0.01, "the picture says nothing, so the test neither"


@dataclass
class Counting:
    """A processor that counts the images that go through it, and the calls."""

    inner: Any
    calls: int = 0
    images: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *, images: Any, **more: Any) -> Any:
        self.calls += 1
        self.images += len(images)
        return self.inner(images=images, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_images_are_made_once_and_all_of_them_together(kind) -> None:
    counting = Counting(build(kind)[1])
    players = ImageInput(counting, picture(), QUESTION, segments=2, granularity="word")
    coalitions = np.ones((40, len(players.features)), bool)
    coalitions[:, 4:] = RNG.random((40, len(players.features) - 4)) < 0.5
    coalitions[:, 0], coalitions[:, 1] = np.arange(40) % 2, np.arange(40) % 3 > 0
    counting.calls = counting.images = 0
    prompts = players.render(coalitions, RNG)
    assert (counting.calls, counting.images) == (1, 4)
    assert len({prompt.extras_key for prompt in prompts}) == 4
    assert len({prompt.key for prompt in prompts}) > 4


@dataclass
class OfItsOwnMind:
    """A processor that changes the text, or says of tokens by their place what they are: no rule can be guessed."""

    inner: Any
    suffix: str = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *, text: list[str], **more: Any) -> Any:
        returned = self.inner(text=[each + self.suffix for each in text], **more)
        if "token_type_ids" in returned:
            returned["token_type_ids"] = torch.as_tensor(returned["token_type_ids"]).clone()
            returned["token_type_ids"][:, ::3] = 1
        return returned


@pytest.mark.parametrize(("kind", "suffix"), [("llava", "\n\n"), ("gemma3", "")])
def test_where_a_processor_has_rules_of_its_own_every_text_goes_through_it(kind, suffix) -> None:
    processor = OfItsOwnMind(build(kind)[1], suffix)
    image = picture()
    players = ImageInput(processor, image, QUESTION, segments=2, granularity="word")
    words = ChatInput(processor, asked(QUESTION), granularity="word")
    rows = np.ones((4, len(players.features)), bool)
    rows[1:, 4:] = RNG.random((3, len(players.features) - 4)) < 0.5
    for row, prompt in zip(rows, players.render(rows, RNG), strict=True):
        said = words.texts(row[None, 4:])[0]
        special = not said.startswith("<s>")
        assert_same(
            prompt, dict(processor(text=[said], images=[[image]], return_tensors="pt", add_special_tokens=special))
        )


def test_segments_that_look_like_the_baseline_make_no_new_image() -> None:
    image = picture()
    image.paste("white", (0, 0, 16, 32))
    players = ImageInput(build("llava")[1], image, QUESTION, segments=2, baseline_image="white")
    everyone = np.ones((4, 4), bool)
    everyone[1, 0] = everyone[2, 2] = False
    everyone[3, [0, 2]] = False
    assert len({prompt.key for prompt in players.render(everyone, RNG)}) == 1
    assert len({prompt.key for prompt in players.render(~everyone, RNG)}) == 1


def test_where_masks_overlap_a_pixel_is_present_while_both_of_them_are() -> None:
    _, processor = build("llava")
    image = picture()
    boxes = [(0, 0, 20, 20), (10, 10, 32, 32)]
    players = ImageInput(processor, image, QUESTION, segments=boxes, baseline_image="black")
    prompts = players.render(np.array([[True, False], [False, True], [False, False]]), RNG)
    for prompt, absent in zip(prompts, (boxes[1:], boxes[:1], boxes), strict=True):
        assert_same(prompt, by_hand(processor, blanked(image, absent, "black"), QUESTION))


@pytest.mark.parametrize("baseline", ["mean", "blur", "noise"])
def test_what_absent_segments_show(baseline) -> None:
    _, processor = build("llava")
    image = picture(64, 64)
    players = ImageInput(processor, image, QUESTION, segments=1, baseline_image=baseline)
    (prompt,) = players.render(np.zeros((1, 1), bool), np.random.default_rng(3))
    shown = players._ground.pixels if players._ground else None
    if baseline == "mean":
        assert shown is not None
        np.testing.assert_allclose(shown[0, 0], np.asarray(image).mean(axis=(0, 1)), atol=0.5)
    elif baseline == "blur":
        assert shown is not None
        assert shown.std() < 0.2 * np.asarray(image).std()
    else:
        shown = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert_same(prompt, by_hand(processor, Image.fromarray(shown), QUESTION))
    assert players.random == (baseline == "noise")
    assert baseline in players.baseline or baseline == "blur"


def test_noise_is_drawn_once_per_call_and_told_apart() -> None:
    players = ImageInput(build("llava")[1], picture(), QUESTION, segments=2, baseline_image="noise")
    rows = np.array([[True, False, True, True], [True, False, True, True]])
    one, same = players.render(rows, np.random.default_rng(5))
    again = players.render(rows, np.random.default_rng(5))[0]
    other = players.render(rows, np.random.default_rng(6))[0]
    assert one.key == same.key == again.key != other.key
    assert not torch.equal(one.extras["pixel_values"], other.extras["pixel_values"])


def test_images_are_told_apart_by_their_pixels_and_their_cut() -> None:
    """One model may be asked about all of them: what it remembers of one must not be taken for another."""
    _, processor = build("llava")
    without_last = np.array([[True, True, True, False]])
    keys = [
        ImageInput(processor, image, QUESTION, segments=segments, baseline_image="black")
        .render(without_last, RNG)[0]
        .extras_key
        for image, segments in ((picture(), 2), (picture(seed=7), 2), (picture(), (1, 4)), (picture(), (4, 1)))
    ]
    assert len(set(keys)) == 4


def test_a_text_about_a_noisy_baseline_is_not_random_where_nothing_of_the_image_goes() -> None:
    _, processor = build("llava")
    options = {"granularity": "word", "baseline_image": "noise"}
    assert not ImageInput(processor, picture(), QUESTION, segments=None, **options).random
    assert ImageInput(processor, picture(), QUESTION, segments=2, **options).random


def test_a_picture_of_ones_own_stands_behind() -> None:
    _, processor = build("llava")
    behind = np.asarray(picture(seed=7))
    players = ImageInput(processor, picture(), QUESTION, segments=2, baseline_image=Painted(behind))
    (prompt,) = players.render(np.zeros((1, 4), bool), RNG)
    assert_same(prompt, by_hand(processor, picture(seed=7), QUESTION))
    with pytest.raises(InputError, match=r"uint8 of shape \(32, 32, 3\).*Resize it"):
        ImageInput(processor, picture(), QUESTION, baseline_image=Painted(behind[:5]))


def test_features_are_segments_first_and_the_picture_says_where() -> None:
    players = ImageInput(build("llava")[1], picture(20, 40), QUESTION, segments=(1, 2), granularity="word")
    assert players.features == ("row 1, column 1", "row 1, column 2", "What", " colour", " is", " the", " circle", "?")
    assert players.picture.features == (0, 1)
    assert {piece.feature for piece in players.pieces} == {None, 2, 3, 4, 5, 6, 7}
    assert "<image>What colour is the circle?" in "".join(piece.text for piece in players.pieces)
    np.testing.assert_array_equal(players.picture.pixels, np.asarray(picture(20, 40)))
    assert players.picture.mask(1)[:, 20:].all()
    assert players.picture.mask(1).sum() == 20 * 20


def test_the_image_alone_the_text_alone() -> None:
    _, processor = build("llava")
    text = ImageInput(processor, picture(), QUESTION, segments=None, granularity="word")
    assert len(text.features) == 6
    assert not text.picture.mask(0).any()
    keys = {prompt.extras_key for prompt in text.render(RNG.random((5, 6)) < 0.5, RNG)}
    assert len(keys) == 1
    with pytest.raises(InputError, match="both segments and granularity are None"):
        ImageInput(processor, picture(), QUESTION, segments=None)


def test_a_chat_with_all_its_settings() -> None:
    _, processor = build("llava")
    messages = [{"role": "system", "content": [{"type": "text", "text": "Be brief."}]}, *asked(QUESTION)]
    chat = ChatInput(processor, messages, granularity="sentence", roles=("system",), add_generation_prompt=False)
    players = ImageInput(processor, picture(), chat, segments=1)
    assert players.features == ("row 1, column 1", "Be brief.")
    whole, without = players.render(np.array([[True, True], [True, False]]), RNG)
    decode = processor.tokenizer.decode
    assert decode(whole.ids).endswith("What colour is the circle?")
    assert decode(without.ids) == decode(whole.ids).replace("Be brief.", "")
    with pytest.raises(InputError, match="own granularity"):
        ImageInput(processor, picture(), chat, granularity="word")


def test_a_text_that_shows_where_the_image_is() -> None:
    _, processor = build("llava")
    players = ImageInput(processor, picture(), "<image> Describe the picture.", segments=None, granularity="word")
    assert players.features == (" Describe", " the", " picture", ".")
    whole, none = players.render(np.array([[True] * 4, [False] * 4]), RNG)
    image = processor.tokenizer.convert_tokens_to_ids("<image>")
    assert whole.ids[:17] == (0, *[image] * 16)
    assert none.ids == (0, *[image] * 16)
    fixed = ImageInput(processor, picture(), "<image> Describe the picture.", segments=2)
    assert fixed.render(np.ones((1, 4), bool), RNG)[0].ids == whole.ids


def test_a_processor_takes_the_place_of_a_tokenizer() -> None:
    model, processor = build("llava")
    assert make_input(processor, "What colour?").features == ("What", " colour", "?")
    chat = make_input(processor, [{"role": "user", "content": [{"type": "text", "text": "Hi there"}]}])
    assert chat.features == ("Hi", " there")
    players = ImageInput(processor, picture(), QUESTION, segments=2)
    assert make_input(processor, players) is players
    result = attribute(model, processor, players, None, method="leave_one_out", max_new_tokens=2, progress=False)
    assert len(result.target.ids) == 2
    assert result.picture is players.picture
    assert HuggingFaceModel(model, processor.tokenizer).generate(
        players.render(np.ones((1, 4), bool), RNG)[0], max_new_tokens=2, options={}
    ) == tuple(result.target.ids)
