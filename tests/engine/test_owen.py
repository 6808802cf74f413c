"""Owen values along a text: paragraphs, sentences, phrases, words, from the prompt's own boundaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.inputs.text.cutting import units
from llm_attr_widget.methods import Owen
from llm_attr_widget.types import Piece
from tests.support import BitsInput, FunctionModel

PROMPT = "Ann sings. Bob reads.\nEve naps."
TREE = (((0, 1, 2), (3, 4, 5)), (6, 7, 8))
TARGET = Target((0,), (" x",))


@dataclass(frozen=True)
class Words(BitsInput):
    """A text's words; a prompt's ids are the numbers of those present."""

    words: tuple[str, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(Piece(word, i) for i, word in enumerate(self.words))


def words(text: str) -> Words:
    found = units(text, "word")
    return Words(len(found), words=found)


def orders(tree: object) -> Iterator[tuple[int, ...]]:
    """Every order that keeps all groups of the tree together."""
    if isinstance(tree, int):
        yield (tree,)
        return
    for arrangement in permutations(tree):  # type: ignore[call-overload]  # a tuple of nodes
        for parts in product(*(list(orders(node)) for node in arrangement)):
            yield tuple(feature for part in parts for feature in part)


TABLE = np.random.default_rng(1).normal(size=2**9)
MODEL = FunctionModel(lambda ids, _: [TABLE[sum(1 << i for i in ids)]])


def test_a_run_takes_the_texts_own_groups() -> None:
    found = attribute(MODEL, None, words(PROMPT), TARGET, method="owen", budget=3000, progress=False)
    assert isinstance(found.method, Owen)
    assert found.method.groups == TREE
    gains, count = np.zeros(9), 0
    for order in orders(TREE):
        row = 0
        for feature in order:
            gains[feature] += TABLE[row | 1 << feature] - TABLE[row]
            row |= 1 << feature
        count += 1
    assert count == 2 * 2 * 6**3
    off = found.sequence - gains / count
    assert np.abs(off / found.sequence_standard_errors).max() < 3.5
    assert np.abs(off).max() < 0.25
    assert found.gap == pytest.approx(0, abs=1e-5)


def test_groups_of_the_callers_own_and_features_without_a_text_stay_as_they_are() -> None:
    mine = Owen(groups=((0, 1, 2, 3, 4, 5, 6), (7, 8)), budget=40)
    assert attribute(MODEL, None, words(PROMPT), TARGET, method=mine, progress=False).method == mine
    bits = FunctionModel(lambda ids, _: [float(len(ids))])
    assert attribute(bits, None, BitsInput(5), TARGET, method="owen", progress=False).sequence == pytest.approx(1.0)


def test_a_saved_result_keeps_its_groups(tmp_path: Path) -> None:
    found = attribute(MODEL, None, words(PROMPT), TARGET, method="owen", progress=False)
    found.save(tmp_path / "owen.npz")
    assert Attribution.load(tmp_path / "owen.npz").method == found.method
    assert "groups" not in found.provenance.method


def test_a_thousand_words() -> None:
    """One pair of orders finds the word that matters, and everything adds up."""
    text = words("\n".join("The cat sat on the mat. A dog came." for _ in range(91)))
    assert text.count == 1001
    model = FunctionModel(lambda ids, _: [2.0 * (500 in ids) + 1e-3 * len(ids)], batch=512)
    found = attribute(model, None, text, TARGET, method="owen", budget=2002, progress=False)
    assert found.sequence[500] == pytest.approx(2.001, abs=1e-4)
    assert np.delete(found.sequence, 500) == pytest.approx(1e-3, abs=1e-4)
    assert found.gap == pytest.approx(0, abs=1e-3)
