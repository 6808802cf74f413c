"""A conversation in several scripts, in a real browser: turns fold, right-to-left words stand and are hit right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import expect

from llm_attr_widget import attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.types import Coalitions, Piece, Prompt
from tests.browser.pages import Saved, Shown, saved_in
from tests.support import FunctionModel

pytestmark = pytest.mark.timeout(120)

PIECES = (
    Piece("<|start|>", 0, "template"), Piece("user\n", 1, "template"),
    Piece("דוד", 2, "user"), Piece(" הוא", 3, "user"), Piece(" עורך", 4, "user"), Piece("。", 5, "user"),
    Piece("高尔夫", 6, "user"), Piece(" a\u0007b", 7, "user"), Piece("\t", 8, "user"),
    Piece("<|end|>", 9, "template"),
)  # fmt: skip
WEIGHTS = np.array([[0.5, 0.25, 3.0, -1.0, 0.5, 0.0, 2.0, 1.0, 0.0, 0.125], [0, 0, 0, 0, 0, 0, -2.0, 0, 0, 1.0]])


@dataclass(frozen=True)
class Chat:
    """Every piece is a feature; a prompt's ids are those present."""

    pieces: tuple[Piece, ...] = PIECES
    features: tuple[str, ...] = tuple(piece.text for piece in PIECES)
    baseline: str = "left out"
    random: bool = False

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        del rng
        return [Prompt(tuple(np.flatnonzero(row).tolist())) for row in coalitions]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    model = FunctionModel(lambda ids, target: WEIGHTS[list(target)][:, list(ids)].sum(axis=1) - 9)
    target = Target((0, 1), (" هو", " golf"))
    result = attribute(model, None, Chat(), target, method="exact_shapley", progress=False)
    return saved_in(tmp_path_factory.mktemp("texts"), result)


def test_turns_fold_and_the_template_keeps_its_mass(shown: Shown, saved: Saved) -> None:
    np.testing.assert_allclose(saved.result.values, WEIGHTS, atol=1e-6)
    prompt = shown.root.get_by_role("group", name="Prompt")
    folds = prompt.locator(".law-fold")
    # What stands on a fold is drawn by the style sheet, so that copied text stays the text.
    labels = [fold.get_attribute("data-label") or "" for fold in folds.all()]
    assert [label.split()[0] for label in labels] == ["+3", "+1"]  # a mark, a word, a line end; a mark
    whole = WEIGHTS.sum(axis=0)
    masses = [float(label.split()[1].replace("−", "-")) for label in labels]
    assert masses == pytest.approx([whole[:2].sum(), whole[9]], abs=0.06)
    expect(shown.word("Prompt", "<|start|>")).to_be_hidden()
    folds.first.click()
    expect(shown.word("Prompt", "<|start|>")).to_be_visible()
    turn = prompt.locator(".law-role")
    expect(shown.word("Prompt", "דוד")).to_be_visible()
    turn.click()
    expect(shown.word("Prompt", "דוד")).to_be_hidden()
    turn.click()
    expect(shown.word("Prompt", "דוד")).to_be_visible()


def test_words_from_right_to_left_stand_and_are_hit_in_that_order(shown: Shown) -> None:
    words = [shown.word("Prompt", text) for text in ("דוד", "הוא", "עורך")]
    boxes = [word.bounding_box() for word in words]
    assert all(box is not None for box in boxes)
    lefts = [box["x"] for box in boxes if box]
    assert lefts == sorted(lefts, reverse=True)
    for word, text in zip(words, ("דוד", "הוא", "עורך"), strict=True):
        word.hover()
        shown.settle()
        assert shown.view.lit("Prompt") == [text]
    first, second = (shown.word("Answer", text).bounding_box() for text in ("هو", "golf"))
    assert first is not None
    assert second is not None
    assert first["x"] > second["x"]  # an answer that begins from right to left goes on to the left
    shown.word("Prompt", "高尔夫").hover()
    shown.settle()
    assert shown.view.lit("Prompt") == ["高尔夫"]
    shown.page.mouse.move(*shown.cell(0, 2))
    shown.settle()
    assert shown.view.tooltip.locator("strong").inner_text() == "דוד → هو"


def test_white_space_and_control_characters_are_seen(shown: Shown) -> None:
    glyphs = shown.root.get_by_role("group", name="Prompt").locator("[data-glyph]")
    assert [glyph.get_attribute("data-glyph") for glyph in glyphs.all()] == ["␇", "⇥"]
    drawn = glyphs.first.evaluate("node => getComputedStyle(node, '::before').content")
    assert drawn == '"␇"'
