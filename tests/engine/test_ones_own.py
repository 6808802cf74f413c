"""An input, a method and a back end of a test's own work everywhere, with no entry anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import AttrWidget, Target, attribute, extend, refine
from llm_attr_widget.inputs import TemplateInput, locked_in
from llm_attr_widget.inputs.changed.reworded import reworded
from llm_attr_widget.methods import fit
from llm_attr_widget.types import Coalitions, Estimate, Piece, Prompt, Scored, Values
from tests.inputs.kinds import tokenizer_of

TARGET = Target((7, 8), (" a", " b"))
WEIGHTS = np.array([3.0, -1.0, 0.5, 2.0])


class Weighing:
    """A back end: each token id of a prompt weighs something, and every target token has their sum as its log-prob."""

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        sums = [[WEIGHTS[list(prompt.ids)].sum() - 9.0] * len(target) for prompt in prompts]
        yield Scored(range(len(prompts)), np.array(sums, dtype=np.float32).reshape(len(prompts), len(target)))


@dataclass(frozen=True)
class Ids:
    """An input with the five members that it must have: numbers, which are there or are not."""

    count: int = 4
    baseline: str = "left out"
    random: bool = False

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(Piece(f" n{i}", i) for i in range(self.count))

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f" n{i}" for i in range(self.count))

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        return [Prompt(tuple(np.flatnonzero(row).tolist())) for row in coalitions]


class Halves:
    """Keeps the difference that each feature makes to the empty prompt."""

    def __init__(self, features: int, outputs: int) -> None:
        self._table = np.full((features + 1, outputs), np.nan)

    def add(self, coalitions: Coalitions, values: Values) -> None:
        for row, value in zip(coalitions, values, strict=True):
            if row.sum() <= 1:
                self._table[np.argmax(row) if row.any() else -1] = value

    def estimate(self) -> Estimate | None:
        found = (self._table[:-1] - self._table[-1]).T
        return None if np.isnan(found).any() else Estimate(found, np.zeros_like(found))


@dataclass(frozen=True)
class OneByOne:
    """A method: each feature alone, against nothing."""

    name: str = field(default="one_by_one", init=False)
    label: str = field(default="lone gain", init=False)
    adds_up: bool = field(default=False, init=False)
    sampled: bool = field(default=False, init=False)

    def calls(self, features: int) -> int:
        return features + 1

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        yield np.vstack([np.zeros(features, dtype=bool), np.eye(features, dtype=bool)])

    def fold(self, features: int, outputs: int) -> Halves:
        return Halves(features, outputs)


@dataclass(frozen=True)
class Divided(Ids):
    """An input that can be refined: a feature split is one that cannot be split again."""

    divisible: tuple[int, ...] = (0, 1, 2, 3)
    units: str = "number"

    def split(self, features: Sequence[int]) -> Divided:
        left = tuple(i for i in self.divisible if i not in features)
        return Divided(divisible=left, units=f"number, {sorted(features)} split")


def test_a_method_an_input_and_a_back_end_of_ones_own_in_attribute() -> None:
    for method in (OneByOne(), OneByOne, "exact_shapley", "owen", "kernel_shap"):
        result = attribute(Weighing(), None, Ids(), TARGET, method=method, progress=False)
        np.testing.assert_allclose(result.values, [WEIGHTS, WEIGHTS], atol=1e-5)
        assert result.provenance.granularity == "feature"
    assert fit(OneByOne(), *played()).values.tolist() == [WEIGHTS.tolist()]


def played() -> tuple[Coalitions, Values]:
    design = next(OneByOne().design(4, np.random.default_rng(0)))
    return design, (design @ WEIGHTS)[:, None]


def test_they_work_in_the_widget_with_locks_and_what_if() -> None:
    w = AttrWidget(Weighing(), None, Ids(), TARGET, method=OneByOne())
    assert w.method == "custom"
    assert w.choices["methods"][-1]["label"] == "lone gain"
    w.run()
    np.testing.assert_allclose(w.wait(30).values[0], WEIGHTS, atol=1e-5)
    w.locked_stretches = ["", " n0", " n1 n2 n3"]
    assert w.locked == [" n0"]
    w.run()
    held = w.wait(30)
    assert held.features == (" n1", " n2", " n3")
    np.testing.assert_allclose(held.values[0], WEIGHTS[1:], atol=1e-5)
    assert held.ends[0, 1] == pytest.approx(WEIGHTS[0] - 9.0)
    sent: list[Any] = []
    w.send = lambda message, buffers=None: sent.append((message, buffers))
    w._on_message(w, {"kind": "what_if", "ask": 1, "run": 2, "absent": [0], "replaced": []}, [])
    w._questions.wait(30)
    message, buffers = sent[-1]
    assert message["kind"] == "what_if"
    after = np.frombuffer(buffers[1], dtype="<f4")
    np.testing.assert_allclose(after, WEIGHTS.sum() - WEIGHTS[1] - 9.0, atol=1e-5)


def test_an_input_of_ones_own_is_refined_and_a_result_extended() -> None:
    rounds = refine(Weighing(), None, Divided(), TARGET, budget=60, splits=1, progress=False)
    assert [each.provenance.granularity for each in rounds][1].startswith("number, [0, 3] split")
    first = attribute(Weighing(), None, Ids(), TARGET, method="permutation_shapley", budget=20, progress=False)
    more = extend(first, progress=False)
    assert more.provenance.calls > first.provenance.calls
    np.testing.assert_allclose(more.values[0], WEIGHTS, atol=1e-5)


def test_what_is_held_stays_however_often_it_is_locked() -> None:
    once = locked_in(Ids(), [" n0", " n1", " n2 n3"])
    twice = locked_in(once, [" n0 n1 n2", " n3", ""])
    assert twice.features == (" n0", " n2")
    rendered = twice.render(np.array([[False, False], [True, False]]), np.random.default_rng(0))
    assert [prompt.ids for prompt in rendered] == [(1, 3), (0, 1, 3)]


def test_slots_of_a_template_can_be_reworded() -> None:
    words = tokenizer_of("byte_bpe")
    made = TemplateInput(words, "{} lives in {}.", ["Dave", "Rome"])
    other = reworded(made, {1: "Oslo"})
    everyone = np.ones((1, 2), dtype=bool)
    assert words.decode(other.render(everyone, np.random.default_rng(0))[0].ids).endswith("Dave lives in Oslo.")
