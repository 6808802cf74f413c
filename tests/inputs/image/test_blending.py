"""A photo goes through the processor a few times in all: held against the photo painted over by hand."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image, ImageFilter

from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.inputs.image.processing import Processing
from tests.inputs.image.processors import build

QUESTION = "What colour is the circle?"


def photo(width: int, height: int) -> Image.Image:
    """Smooth, as photos are: noise of some dots, blown up."""
    noise = np.random.default_rng(3).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))


def values(processor: Any, image: Image.Image) -> np.ndarray:
    returned = processor(text=["<image>"], images=[[image]], return_tensors="pt", add_special_tokens=False)
    return returned["pixel_values"].numpy()


def some(rng: np.random.Generator, features: int, coalitions: int = 6) -> np.ndarray:
    rows = rng.random((coalitions, features)) < 0.5
    rows[0], rows[1] = True, False
    return rows


@pytest.fixture
def large() -> ImageInput:
    return ImageInput(build("llava")[1], photo(1600, 1200), QUESTION, segments=4)


def test_pixel_values_are_those_of_the_picture_painted_over_but_at_the_edges(large: ImageInput) -> None:
    rng = np.random.default_rng(0)
    rows = some(rng, len(large.features))
    pixels = large.picture.pixels
    mean = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    for row, prompt in zip(rows, large.render(rows, rng), strict=True):
        mixed = np.asarray(prompt.extras["pixel_values"])
        painted = pixels.copy()
        for feature in np.flatnonzero(~row):
            painted[large.picture.mask(int(feature))] = mean
        truth = values(large.processor, Image.fromarray(painted))
        assert np.abs(mixed - truth).mean() < 0.02  # of levels from -1 to 1
        # Each segment is 4 × 4 of the 16 × 16 pixels the model sees: their middles are no edges.
        inner = np.ix_([0], range(3), *[[1, 2, 5, 6, 9, 10, 13, 14]] * 2)
        np.testing.assert_allclose(mixed[inner], truth[inner], atol=0.06)


def test_with_nothing_hidden_it_is_the_processors_own_value(large: ImageInput) -> None:
    (whole,) = large.render(np.ones((1, len(large.features)), dtype=bool), np.random.default_rng(0))
    np.testing.assert_array_equal(np.asarray(whole.extras["pixel_values"]), values(large.processor, photo(1600, 1200)))


@pytest.mark.parametrize("baseline", ["blur", "noise", "mean"])
def test_the_processor_is_not_asked_again_for_each_coalition(baseline: str) -> None:
    made = ImageInput(build("llava")[1], photo(1600, 1200), QUESTION, segments=4, baseline_image=baseline)
    seen: list[int] = []
    real = Processing.pixels

    def counted(self: Processing, images: Any) -> Any:
        seen.append(len(images))
        return real(self, images)

    with mock.patch.object(Processing, "pixels", counted):
        made.render(some(np.random.default_rng(1), 16, 40), np.random.default_rng(1))
    assert sum(seen) <= (3 if baseline == "noise" else 0)


@pytest.mark.parametrize("kind", ["qwen2_vl", "idefics3"])
def test_where_values_are_laid_out_by_the_images_size_the_picture_is_painted_over(kind: str) -> None:
    processor = build(kind)[1]
    made = ImageInput(processor, photo(1200, 900), QUESTION, segments=2)
    rows = some(np.random.default_rng(2), len(made.features), 3)
    pixels = made.picture.pixels
    mean = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    for row, prompt in zip(rows, made.render(rows, np.random.default_rng(2)), strict=True):
        painted = pixels.copy()
        for feature in np.flatnonzero(~row):
            painted[made.picture.mask(int(feature))] = mean
        (truth,) = made._processing.pixels([Image.fromarray(painted)])
        near = np.asarray(prompt.extras["pixel_values"]) - np.asarray(truth["pixel_values"])
        assert np.abs(near).mean() < 0.02


def test_a_segment_too_thin_for_a_mask_is_not_lost() -> None:
    labels = np.zeros((1200, 1600), dtype=int)
    labels[600, 800] = 1
    made = ImageInput(build("llava")[1], photo(1600, 1200), QUESTION, segments=labels)
    assert made._weights is None
    rows = np.array([[True, True], [True, False], [False, True]])
    one, other, rest = (np.asarray(p.extras["pixel_values"]) for p in made.render(rows, np.random.default_rng(0)))
    assert np.abs(one - rest).mean() > np.abs(one - other).mean()
