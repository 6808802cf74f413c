"""Every method finds, for the vision model that ships, the part of the picture that its answers hang on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.demo import load_vision
from llm_attr_widget.demo.vision_world import COLOURS, SHAPES, VisionExample, examples
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.methods import METHODS
from llm_attr_widget.models.huggingface import HuggingFaceModel
from llm_attr_widget.types import Prompt, Scored

DRAWN = 10
"""Held-out pictures; each of its nine segments is a feature."""
BUDGET = 40


class Remembering:
    """Scores each prompt once, whichever method asks."""

    def __init__(self, inner: HuggingFaceModel) -> None:
        self.inner, self.tokenizer = inner, inner.tokenizer
        self._known: dict[object, np.ndarray] = {}

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        asked = [(prompt.key, tuple(target)) for prompt in prompts]
        new = [row for row, key in enumerate(asked) if key not in self._known]
        for batch in self.inner.score([prompts[row] for row in new], target) if new else ():
            for row, log_probs in zip(batch.rows, batch.log_probs, strict=True):
                self._known[asked[new[row]]] = log_probs
        yield Scored(range(len(prompts)), np.stack([self._known[key] for key in asked]))


@pytest.fixture(scope="module")
def shipped():
    return load_vision()


@pytest.fixture(scope="module")
def answered(shipped) -> list[tuple[VisionExample, ImageInput]]:
    """Held-out pictures with a question that the model answers right, captions among them."""
    model, processor = shipped
    scorer = HuggingFaceModel(model, processor.tokenizer)
    right: list[tuple[VisionExample, ImageInput]] = []
    for example in examples(np.random.default_rng(31), DRAWN):
        players = ImageInput(processor, example.image, example.prompt, segments=list(example.boxes))
        (whole,) = players.render(np.ones((1, 9), bool), np.random.default_rng(0))
        said = processor.tokenizer.decode(scorer.generate(whole, max_new_tokens=48, options={}))
        if said.strip() == example.answer:
            right.append((example, players))
    return right


@pytest.fixture(scope="module")
def scorer(shipped) -> Remembering:
    model, processor = shipped
    return Remembering(HuggingFaceModel(model, processor.tokenizer))


def found(result: Attribution, example: VisionExample) -> list[bool]:
    """For each token of the answer, whether its top segment is the one that its word depends on.

    Of a caption only colours and shapes are asked for: a place follows from the places said before it, which the
    target gives away, as much as from the picture (after "top centre", a second "top" can only be "right").
    """
    causes = {cause.word: cause.segment for cause in example.causes}
    starts = np.cumsum([0, *(len(text) for text in result.outputs[:-1])])
    answer = "".join(result.outputs)
    hits: list[bool] = []
    for row, (start, text) in enumerate(zip(starts, result.outputs, strict=True)):
        asked = text.strip(" ,") in (*COLOURS, *SHAPES) if example.kind == "caption" else text.strip(" ,") != ""
        if asked:
            first = start + len(text) - len(text.lstrip(" "))
            word = len(answer[: first + 1].split()) - 1
            hits.append(int(np.argmax(result.values[row])) == causes[word])
    return hits


@pytest.mark.parametrize(
    "entry", [entry for entry in METHODS if not entry.name.startswith("layer")], ids=lambda entry: entry.name
)
def test_the_top_segment_is_the_true_one(scorer, answered, entry) -> None:
    hits: list[bool] = []
    budget = BUDGET if entry.takes_budget and entry.name != "exact_shapley" else None
    for example, players in answered[: 2 if entry.name == "exact_shapley" else DRAWN]:
        result = attribute(scorer, None, players, example.answer, method=entry.name, budget=budget, progress=False)
        hits += found(result, example)
    assert np.mean(hits) >= 0.9


def test_most_answers_are_right(answered) -> None:
    assert len(answered) >= 0.8 * DRAWN
    assert {example.kind for example, _ in answered} == {"colour", "shape", "place", "content", "caption"}
