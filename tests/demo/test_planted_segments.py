"""Every method finds, for the vision model that ships, the part of the picture that its answers hang on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.demo import load_vision
from llm_attr_widget.demo.vision_world import COLOURS, GRID, SHAPES, VisionExample, examples
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.methods import METHODS, LayerGradientShap, LayerGradientXActivation, LayerIntegratedGradients
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Method, Prompt, Scored

DRAWN = 10
"""Held-out pictures; each of its nine segments is a feature."""
CAPTIONS = 10
"""Held-out pictures that are described, whose words for places are looked at."""
BUDGET = 40
ASKED = 20
"""Held-out pictures with questions, captions aside, for gradient methods."""
OTHERWISE = {"layer_integrated_gradients": 0.7, "layer_gradient_shap": 0.6, "layer_gradient_x_activation": 0.3}
"""Gradient methods, and the share of true segments that they find at least where they do not find 90% (chance: 11%).

Measured on 150 held-out pictures: integrated gradients find 98% of the segments that questions ask for (184 tokens),
but 86% of those behind a caption's colours and shapes (226) and 84% of those behind its places (141); gradient SHAP,
whose 32 points are drawn, 95%, 77% and 78%. The points of their line show faded pictures, and the model has only seen
segments that are there or not: between faint shapes a caption's order is anyone's. Neither 100 steps nor other
baselines (black, white, grey, blur, the background) do better. Gradient × (activation - baseline) finds 46% of either:
where a model is sure, its slope says little.
"""

POINTS: dict[str, Method] = {
    "layer_integrated_gradients": LayerIntegratedGradients(steps=20),
    "layer_gradient_shap": LayerGradientShap(samples=24),
    "layer_gradient_x_activation": LayerGradientXActivation(),
}
"""Fewer points of a line than the methods' own 32, each of which is a backward pass for each word: as good here."""


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


def right_ones(shipped, drawn: list[VisionExample]) -> list[tuple[VisionExample, ImageInput]]:
    """Those that the model answers right."""
    model, processor = shipped
    scorer = HuggingFaceModel(model, processor.tokenizer)
    right: list[tuple[VisionExample, ImageInput]] = []
    for example in drawn:
        players = ImageInput(processor, example.image, example.prompt, segments=list(example.boxes))
        (whole,) = players.render(np.ones((1, 9), bool), np.random.default_rng(0))
        said = processor.tokenizer.decode(scorer.generate(whole, max_new_tokens=48, options={}))
        if said.strip() == example.answer:
            right.append((example, players))
    return right


@pytest.fixture(scope="module")
def answered(shipped) -> list[tuple[VisionExample, ImageInput]]:
    """Held-out pictures with a question of every kind."""
    return right_ones(shipped, examples(np.random.default_rng(31), DRAWN))


@pytest.fixture(scope="module")
def captions(shipped) -> list[tuple[VisionExample, ImageInput]]:
    return right_ones(shipped, examples(np.random.default_rng(32), CAPTIONS, kind="caption"))


@pytest.fixture(scope="module")
def scorer(shipped) -> Remembering:
    model, processor = shipped
    return Remembering(HuggingFaceModel(model, processor.tokenizer))


def words_of(result: Attribution) -> Iterator[tuple[int, int, str]]:
    """(token, number of the word of the answer that it is in, that token's text), commas aside."""
    starts = np.cumsum([0, *(len(text) for text in result.outputs[:-1])])
    answer = "".join(result.outputs)
    for row, (start, text) in enumerate(zip(starts, result.outputs, strict=True)):
        if text.strip(" ,"):
            first = start + len(text) - len(text.lstrip(" "))
            yield row, len(answer[: first + 1].split()) - 1, text.strip(" ,")


def found(result: Attribution, example: VisionExample) -> list[bool]:
    """For each token of the answer, whether its top segment is the one that its word depends on.

    Places in captions aside: they have a test of their own.
    """
    causes = {cause.word: cause.segment for cause in example.causes}
    return [
        int(np.argmax(result.values[row])) == causes[word]
        for row, word, text in words_of(result)
        if example.kind != "caption" or text in (*COLOURS, *SHAPES)
    ]


def causes_of_places(example: VisionExample) -> dict[int, set[int]]:
    """Word of a caption → the segments that it may depend on, for the words of places that depend on the picture.

    A row ("top") is named because of what stands in it, be it one shape or three: the caption goes row by row. A
    column ("left") is named because of the shape itself. Not asked for is what follows from the words before, which
    the target gives away (the row after "middle right" is "bottom", what comes after "top centre" in its row is
    "right"), and what is said by default, where nothing is seen that would call for another word: "right" and
    "bottom".
    """
    causes: dict[int, set[int]] = {}
    cells = [thing.cell for thing in example.scene.things]
    for number, (cell, before) in enumerate(zip(cells, [-1, *cells[:-1]], strict=True)):
        row, column = divmod(cell, GRID)
        if row < GRID - 1:
            causes[4 * number + 2] = {other for other in cells if other // GRID == row}
        if column < GRID - 1 and not (before // GRID == row and before % GRID == 1):
            causes[4 * number + 3] = {cell}
    return causes


COALITION_METHODS = [entry for entry in METHODS.values() if not entry.name.startswith("layer")]


def explained(scorer, entry, pictures) -> Iterator[tuple[Attribution, VisionExample]]:
    exact = entry.name == "exact_shapley"
    budget = BUDGET if entry.takes_budget and not exact else None
    for example, players in pictures[: 2 if exact else None]:
        yield (
            attribute(scorer, None, players, example.answer, method=entry.name, budget=budget, progress=False),
            example,
        )


@pytest.mark.parametrize("entry", COALITION_METHODS, ids=lambda entry: entry.name)
def test_the_top_segment_is_the_true_one(scorer, answered, entry) -> None:
    hits = [hit for result, example in explained(scorer, entry, answered) for hit in found(result, example)]
    assert np.mean(hits) >= 0.9


@pytest.fixture(scope="module")
def asked(shipped) -> list[tuple[VisionExample, ImageInput]]:
    drawn = examples(np.random.default_rng(33), ASKED)
    return right_ones(shipped, [example for example in drawn if example.kind != "caption"])


@pytest.mark.parametrize("name", ["layer_integrated_gradients", "layer_gradient_shap"])
def test_gradients_find_the_segment_that_is_asked_for(scorer, asked, name) -> None:
    hits = [
        hit
        for example, players in asked
        for hit in found(
            attribute(scorer.inner, None, players, example.answer, method=POINTS[name], progress=False),
            example,
        )
    ]
    assert len(hits) >= 20
    assert np.mean(hits) >= 0.9


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_gradients_see_of_captions(scorer, captions, name) -> None:
    hits: list[bool] = []
    for example, players in captions[:4]:
        result = attribute(scorer.inner, None, players, example.answer, method=POINTS[name], progress=False)
        causes = causes_of_places(example)
        hits += found(result, example)
        hits += [
            int(np.argmax(result.values[row])) in causes[word] for row, word, _ in words_of(result) if word in causes
        ]
    assert len(hits) >= 24
    assert np.mean(hits) >= OTHERWISE[name]


@pytest.mark.parametrize("entry", COALITION_METHODS, ids=lambda entry: entry.name)
def test_the_top_segment_for_a_place_is_a_true_one(scorer, captions, entry) -> None:
    hits: list[bool] = []
    for result, example in explained(scorer, entry, captions):
        causes = causes_of_places(example)
        hits += [
            int(np.argmax(result.values[row])) in causes[word] for row, word, _ in words_of(result) if word in causes
        ]
    assert len(hits) >= 8
    assert np.mean(hits) >= 0.9


def test_most_answers_are_right(answered) -> None:
    assert len(answered) >= 0.8 * DRAWN
    assert {example.kind for example, _ in answered} == {"colour", "shape", "place", "content", "caption"}
