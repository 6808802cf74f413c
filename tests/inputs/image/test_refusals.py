"""Image prompts that cannot be used, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from llm_attr_widget import attribute
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.inputs.image.fills import Blur
from llm_attr_widget.inputs.image.segmentation import Grid
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.inputs.image.processors import KINDS, build, picture
from tests.inputs.image.test_prompt import QUESTION, RNG, asked


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([{"role": "user", "content": "no image"}], "one part of type 'image', got 0"),
        (asked("two") + asked("images"), "got 2"),
        ("<image><image>", "there 2 times"),
        (asked("What is <image>?"), "there 2 times"),
        ([], "Expected chat messages"),
    ],
)
def test_prompts_without_one_image_are_refused(prompt, message) -> None:
    with pytest.raises(InputError, match=message):
        ImageInput(build("llava")[1], picture(), prompt)


@dataclass
class HearsOnly:
    """A processor of sounds."""

    tokenizer: Any


@dataclass
class CrossAttends:
    """A processor whose texts look at their image by a mask of their own."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, **given: Any) -> Any:
        return {**self.inner(**given), "cross_attention_mask": torch.ones(1, 1)}


def test_what_is_no_processor_is_refused() -> None:
    words = build("llava")[1].tokenizer
    with pytest.raises(InputError, match="image processor"):
        ImageInput(HearsOnly(words), picture(), "<image> Hi")
    with pytest.raises(InputError, match="cross-attention mask"):
        ImageInput(CrossAttends(build("llava")[1]), picture(), QUESTION).render(np.ones((1, 16), bool), RNG)
    with pytest.raises(InputError, match="AutoProcessor"):
        ImageInput(build("llava")[1].tokenizer, picture(), "<image> Hi")


def test_bad_images_and_segments_are_refused_here_too() -> None:
    _, processor = build("llava")
    with pytest.raises(InputError, match="no file at"):
        ImageInput(processor, "nowhere.png", QUESTION)
    with pytest.raises(InputError, match="1 × 1 up to 32 × 32"):
        ImageInput(processor, picture(), QUESTION, segments=Grid(33, 1))
    with pytest.raises(InputError, match="a colour"):
        ImageInput(processor, picture(), QUESTION, baseline_image="nothing")
    with pytest.raises(InputError, match="a colour"):
        ImageInput(processor, picture(), QUESTION, baseline_image=(0, 0, 300))
    with pytest.raises(InputError, match="radius above 0"):
        ImageInput(processor, picture(), QUESTION, baseline_image=Blur(0))


def test_a_wrong_number_of_image_tokens_is_a_clear_error() -> None:
    """A processor that was told another patch size than the model has."""
    model, processor = build("llava")
    patch_size, processor.patch_size = processor.patch_size, 8
    try:
        players = ImageInput(processor, picture(), QUESTION, segments=2)
        with pytest.raises(InputError, match=r"(?i)image tokens.*use the processor that belongs to the model"):
            attribute(model, processor, players, "red", progress=False)
    finally:
        processor.patch_size = patch_size


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_token_too_few_is_a_clear_error_for_every_model(kind) -> None:
    """Whichever way the prompt is scored: alone, or beside others in one tree."""
    model, processor = build(kind)
    scorer = HuggingFaceModel(model, processor.tokenizer)
    players = ImageInput(processor, picture(), QUESTION, segments=2)
    whole, other = players.render(np.array([[True] * 4, [False] * 4]), RNG)
    image = max(set(whole.ids), key=whole.ids.count)  # no other token is there as often
    at = len(whole.ids) - 1 - whole.ids[::-1].index(image)
    lacking = Prompt(
        (*whole.ids[:at], *whole.ids[at + 1 :]),
        {
            name: np.delete(value, at, axis=1) if name.endswith("token_type_ids") else value
            for name, value in (whole.extras or {}).items()
        },
        whole.extras_key,
    )
    for prompts in ([lacking], [other, lacking]):
        with pytest.raises(InputError, match=r"(?i)image.*use the processor that belongs to the model"):
            list(scorer.score(prompts, (5, 6)))
