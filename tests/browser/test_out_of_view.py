"""Parts of the prompt left out of the view: by a pattern, by a click, by role; no number changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import expect

from llm_attr_widget import attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.types import Piece
from tests.browser.lab import ARTIFACTS
from tests.browser.pages import Saved, Shown, saved_in
from tests.support import BitsInput, FunctionModel

pytestmark = pytest.mark.timeout(120)

WORDS = ("Be", " brief", ".", "Who", " lives", " here", "?")
ROLES = ("system",) * 3 + ("user",) * 4
WEIGHTS = np.array([9.0, 0.5, 0.1, 1.0, 2.0, -1.5, 0.3])


@dataclass(frozen=True)
class Chat(BitsInput):
    count: int = len(WORDS)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(Piece(word, i, role) for i, (word, role) in enumerate(zip(WORDS, ROLES, strict=True)))

    @property
    def features(self) -> tuple[str, ...]:
        return WORDS


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    model = FunctionModel(lambda ids, _: [float(WEIGHTS[list(ids)].sum()) - 20, -1.0])
    result = attribute(model, None, Chat(), Target((0, 1), (" Dave", ".")), method="exact_shapley", progress=False)
    return saved_in(tmp_path_factory.mktemp("view"), result)


def columns(shown: Shown) -> int:
    shown.settle()
    return int(shown.view.grid.get_attribute("aria-colcount") or 0)


def limit(shown: Shown) -> str:
    return shown.root.locator(".law-matrix .law-legend").inner_text()


def test_what_a_pattern_matches_goes_and_comes_back(shown: Shown) -> None:
    before = limit(shown)
    shown.root.get_by_role("button", name="custom…").click()
    shown.root.get_by_role("textbox", name="Pattern").fill("Be|here")
    shown.root.get_by_role("button", name="Matches of the pattern: leave out of the view").click()
    assert columns(shown) == len(WORDS) - 2
    expect(shown.root.get_by_role("button", name="custom… (2 out of view)")).to_be_visible()
    assert limit(shown) != before  # the colours are for what is left
    assert shown.painted("Prompt")[0] != ""  # " brief" is the first that still has a number
    shown.root.get_by_role("button", name="Show all of the prompt again").click()
    assert columns(shown) == len(WORDS)
    assert limit(shown) == before


def test_what_was_clicked_goes(shown: Shown) -> None:
    shown.word("Prompt", "brief").click()
    shown.root.get_by_role("button", name="custom…").click()
    shown.root.get_by_role("button", name="Pinned: leave out of the view").click()
    assert columns(shown) == len(WORDS) - 1
    assert shown.pins("Prompt") == []
    shown.page.mouse.move(*shown.cell(0, 3))
    shown.settle()
    tip = shown.view.tip()
    assert tip.title == "lives → Dave"  # the fifth word is the fourth column now
    assert tip.value == pytest.approx(2.0)
    seen = np.abs(np.delete(WEIGHTS, 1))
    assert tip.facts["share of |what is in view|"] == f"{100 * 2 / seen.sum():.0f} %"
    shown.root.get_by_role("button", name="Show all of the prompt again").click()
    assert columns(shown) == len(WORDS)
    assert shown.pins("Prompt") == []  # it was lifted with its word


def test_a_role_goes(shown: Shown) -> None:
    shown.root.get_by_role("button", name="custom…").click()
    shown.root.get_by_role("button", name="system: leave out of the view").click()
    assert columns(shown) == 4
    shown.page.screenshot(path=ARTIFACTS / "out-of-view.png")
    shown.root.get_by_role("button", name="user: leave out of the view").click()
    assert columns(shown) > 0  # something is always left
