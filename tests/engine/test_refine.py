"""A planted cause in one corner of a picture is found by splitting what matters, within the budget, and told so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from llm_attr_widget.engine.refine import refine, worth_splitting
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.types import Prompt, Scored
from tests.inputs.image.processors import build, picture

CORNER = (slice(10, 12), slice(2, 4))
"""Rows and columns of a 16 × 16 picture whose brightness is all that the model looks at."""


class Looking:
    """log p of every target token is the mean brightness of one corner of what the processor made of the image."""

    name = "looking"

    def __init__(self, tokenizer: object) -> None:
        self.tokenizer = tokenizer
        self.asked = 0

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        self.asked += len(prompts)
        images = [(prompt.extras or {})["pixel_values"][0] for prompt in prompts]
        seen = [float(image[:, CORNER[0], CORNER[1]].mean()) for image in images]
        yield Scored(range(len(prompts)), np.repeat(np.array(seen, np.float32)[:, None], len(target), axis=1))


def setting(segments=2) -> tuple[Looking, object, ImageInput]:
    _, processor = build("llava")
    image = picture(16, 16)
    image.paste("white", (2, 10, 4, 12))
    prompt = ImageInput(processor, image, "Why?", segments=segments, baseline_image="black", granularity="word")
    return Looking(processor.tokenizer), processor, prompt


def test_it_descends_to_the_cause_and_leaves_the_rest_coarse() -> None:
    model, processor, prompt = setting()
    found = refine(model, processor, prompt, "a", budget=400, splits=2, progress=False)
    sides = []
    for result in found:
        assert result.picture is not None
        best = int(np.argmax(result.sequence))
        mask = result.picture.mask(best)
        assert mask[CORNER].all()
        sides.append(int(mask.sum()) ** 0.5)
        np.testing.assert_allclose(np.delete(result.sequence, best), 0, atol=1e-6)
    assert sides == [8, 4, 2]
    assert [len(result.features) for result in found] == [6, 9, 12]


def test_the_result_says_what_was_done_and_keeps_to_the_budget() -> None:
    model, processor, prompt = setting()
    *_, result = refine(model, processor, prompt, "a", budget=150, splits=1, progress=False)
    assert result.provenance.granularity.startswith(
        "a grid of 2 × 2; (row 2, column 1) split in four; text by word (64 calls on coarser"
    )
    assert result.features[2:6] == tuple(
        f"row 2, column 1, {part}" for part in ("top left", "top right", "bottom left", "bottom right")
    )
    assert model.asked <= 150


def test_what_the_model_writes_is_written_once_and_explained_in_every_round() -> None:
    class Writing(Looking):
        written = 0

        def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
            del prompt, max_new_tokens, options
            self.written += 1
            return (5 + self.written,)

    model, processor, prompt = setting()
    writing = Writing(model.tokenizer)
    found = refine(writing, processor, prompt, budget=200, splits=1, progress=False)
    assert writing.written == 1
    assert [result.target.ids for result in found] == [(6,), (6,)]


def test_nothing_that_matters_ends_it_early() -> None:
    model, processor, _ = setting()
    prompt = ImageInput(processor, picture(16, 16), "Why?", segments=[(8, 0, 16, 8), (8, 8, 16, 16)])
    assert len(refine(model, processor, prompt, "a", budget=100, splits=3, progress=False)) == 1


def test_what_may_be_zero_is_not_split() -> None:
    """Of four segments with 5, 4, 1 and 0 nats the first two have 90% of it, and the second is within two errors."""
    _, _, prompt = setting()
    result = SimpleNamespace(
        sequence=np.array([5.0, -4.0, 1.0, 0.0, 9.0, 9.0]),
        sequence_standard_errors=np.array([1.0, 2.1, 0.0, np.nan, 0.0, 0.0]),
    )
    assert worth_splitting(cast(Any, result), prompt, share=0.9) == (0,)
    assert worth_splitting(cast(Any, result), prompt, share=0.95) == (0, 2)


def test_pixels_are_not_split() -> None:
    model, processor, prompt = setting(segments=[(2, 10, 3, 11), (3, 10, 4, 11)])
    assert len(refine(model, processor, prompt, "a", budget=300, splits=2, progress=False)) == 1


def test_superpixels_cannot_be_split() -> None:
    model, processor, prompt = setting(segments="slic")
    with pytest.raises(InputError, match="Begin with a grid or boxes"):
        refine(model, processor, prompt, "a", budget=5000, splits=1, progress=False)


@pytest.mark.parametrize(("splits", "share"), [(-1, 0.5), (1, 0), (1, 1.1)])
def test_settings_without_sense_are_refused(splits, share) -> None:
    with pytest.raises(InputError, match="Expected splits"):
        refine(*setting(), "a", budget=100, splits=splits, share=share, progress=False)
