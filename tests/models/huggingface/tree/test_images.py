"""Prompts with images: pixel values travel with the ids, stacked where their shapes allow it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_attr_widget.errors import InputError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, truth_of
from tests.models.huggingface.families import build

IMAGE, START, END = 90, 92, 93
TEXTS = [(5, 6, 7, 8, 9, 10, 11), (5, 6, 8, 11), (5,), (7, 8, 9, 10, 11)]


def _llava(seed, text):
    pixels = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return Prompt((1, *[IMAGE] * 4, *text), {"pixel_values": pixels}, extras_key=str(seed))


def _qwen(seed, text, height=4):
    patches = torch.randn(height * 4, 3 * 2 * 4 * 4, generator=torch.Generator().manual_seed(seed))
    ids = (1, START, *[IMAGE] * height, END, *text)
    extras = {
        "pixel_values": patches,
        "image_grid_thw": torch.tensor([[1, height, 4]]),
        "mm_token_type_ids": torch.tensor([[int(token == IMAGE) for token in ids]]),
    }
    return Prompt(ids, extras, extras_key=f"{seed} {height}")


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize(("name", "make"), [("llava", _llava), ("qwen2_vl", _qwen), ("qwen2_5_vl", _qwen)])
def test_images_of_one_shape(name, make, scoring):
    model = build(name)
    asked = [make(seed, text) for seed in (0, 1) for text in TEXTS]
    truth = truth_of(model, asked)
    assert np.abs(truth[: len(TEXTS)] - truth[len(TEXTS) :]).max() > 0.01, "the image says nothing, so the test neither"
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth, atol=NATS)


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
def test_images_of_several_shapes_and_prompts_without_one(scoring):
    model = build("qwen2_vl")
    asked = [_qwen(0, TEXTS[0]), Prompt(TEXTS[0]), _qwen(1, TEXTS[1], height=6), _qwen(2, TEXTS[3]), Prompt(TEXTS[1])]
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth_of(model, asked), atol=NATS)


@pytest.mark.parametrize(("name", "make"), [("llava", _llava), ("qwen2_vl", _qwen), ("qwen2_5_vl", _qwen)])
def test_an_image_is_read_once_and_what_stands_before_it_once_for_all(name, make):
    """Counted at the vision tower and at the language model, after the probe."""
    model = build(name)
    scorer = HuggingFaceModel(model, Tokenizer())
    asked = [make(seed, text) for seed in (0, 1, 2) for text in TEXTS]
    ask(scorer, asked)
    ask(scorer, asked)  # all in one row for the first time: some are read again to see that a row so long is right
    images, tokens = [], []
    tower = model.model.vision_tower if name == "llava" else model.model.visual.patch_embed
    hooks = [
        tower.register_forward_pre_hook(
            lambda _, args, kwargs: images.append((args or (*kwargs.values(),))[0]), with_kwargs=True
        ),
        model.model.language_model.register_forward_pre_hook(
            lambda _, args, kwargs: tokens.append(kwargs["inputs_embeds"].shape[1]), with_kwargs=True
        ),
    ]
    ask(scorer, asked)
    for hook in hooks:
        hook.remove()
    distinct = torch.cat([prompt.extras["pixel_values"] for prompt in asked[:: len(TEXTS)]])
    assert sum(len(batch) for batch in images) == len(distinct)
    after = sum(len(text) + len(TARGET) - 1 for text in TEXTS)
    before = asked[0].ids.index(IMAGE)
    per_image = asked[0].ids.count(IMAGE) + (name != "llava")
    # Texts share their beginnings, too: at most the whole of them is read.
    assert before + 3 * per_image < sum(tokens) <= before + 3 * (per_image + after)


def test_prompts_whose_image_tokens_are_too_few_are_refused():
    model = build("llava")
    scorer = HuggingFaceModel(model, Tokenizer())
    good = [_llava(seed, text) for seed in (0, 1) for text in TEXTS]
    ask(scorer, good)
    bad = Prompt((1, *[IMAGE] * 3, 5), good[0].extras, extras_key="0")
    with pytest.raises(InputError, match="3 image tokens, but the model makes 4"):
        ask(scorer, [*good, bad])


def test_arrays_of_numpy_are_as_good():
    model, prompt = build("llava"), _llava(0, TEXTS[0])
    other = Prompt(prompt.ids, {"pixel_values": prompt.extras["pixel_values"].numpy()}, extras_key="array")
    scores = ask(HuggingFaceModel(model, Tokenizer()), [prompt, other], TARGET)
    np.testing.assert_allclose(scores[0], scores[1], atol=NATS)


def test_pixels_take_the_models_number_type():
    model = build("llava").to(torch.bfloat16)
    assert ask(HuggingFaceModel(model, Tokenizer()), [_llava(0, text) for text in TEXTS]).shape == (4, 4)


def test_writing_sees_the_image():
    model, prompt = build("llava"), _llava(0, TEXTS[0])
    new = HuggingFaceModel(model, Tokenizer()).generate(prompt, max_new_tokens=3, options={})
    ids = list(prompt.ids)
    for token in new:
        logits = model(torch.tensor([ids]), **prompt.extras).logits
        assert token == int(logits[0, -1].argmax())
        ids.append(token)
    assert new
