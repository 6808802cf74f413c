"""What large results and odd numbers need of the view: a minimap, words painted as they scroll into sight, glyphs."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.export.style import COLOURS, cell_colour, nice_ceil
from llm_attr_widget.game.targets import Target
from llm_attr_widget.widget.frames import float32
from tests.browser.pages import Saved, Shown, open_page, saved_in
from tests.browser.test_access import STREAM, in_state
from tests.support import BitsInput, FunctionModel

pytestmark = pytest.mark.timeout(120)

FEATURES, OUTPUTS = 600, 6
WEIGHTS = np.random.default_rng(5).uniform(0.2, 1.0, (OUTPUTS, FEATURES)) / FEATURES


def result_of(features: int) -> Attribution:
    """Every feature adds its weight: leave-one-out finds the weights."""
    model = FunctionModel(lambda ids, target: WEIGHTS[list(target)][:, list(ids)].sum(axis=1) - 1, batch=64)
    target = Target(tuple(range(OUTPUTS)), tuple(f" t{i}" for i in range(OUTPUTS)))
    return attribute(model, None, BitsInput(features), target, method="leave_one_out", progress=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return saved_in(tmp_path_factory.mktemp("large"), result_of(FEATURES))


def at(shown: Shown, name: str) -> float:
    """A number that the grid tells of itself."""
    return float(shown.view.grid.get_attribute(f"data-{name}") or "nan")


def test_a_zoomed_matrix_past_200_has_a_minimap_that_moves_it(shown: Shown, browser: Browser, tmp_path: Path) -> None:
    minimap, grid = shown.root.locator(".law-minimap"), shown.view.grid
    frame, whole = minimap.locator("i"), minimap.locator("canvas")
    expect(minimap).to_be_hidden()  # all of it is in sight
    start, room = at(shown, "x0"), at(shown, "cell-width") * FEATURES
    for _ in range(6):
        grid.press("+")
    expect(minimap).to_be_visible()
    seen = whole.evaluate("""(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((part, at) => at % 4 === 0 && part - data[at + 2] > 40).length / (data.length / 4);
    }""")
    assert seen > 0.95  # every feature speaks for the answer, so all of it is orange
    box = whole.bounding_box()
    assert box is not None
    for share in (0.8, 0.3):
        shown.page.mouse.click(box["x"] + share * box["width"], box["y"] + 3)
        shown.settle()
        width = at(shown, "cell-width") * FEATURES
        left, right = (start - at(shown, "x0")) / width, (start - at(shown, "x0") + room) / width
        assert (left + right) / 2 == pytest.approx(share, abs=0.02)
        framed = frame.bounding_box()
        assert framed is not None
        assert (framed["x"] - box["x"]) / box["width"] == pytest.approx(left, abs=0.03)
        assert (framed["x"] + framed["width"] - box["x"]) / box["width"] == pytest.approx(right, abs=0.05)
    zooms: list[float] = []
    for name in ("Zoom out", "Zoom in", "Fit: show the whole matrix"):
        shown.root.get_by_role("button", name=name).click()
        shown.settle()
        zooms.append(at(shown, "zoom"))
    assert zooms == pytest.approx([1.5**6 / 1.6, 1.5**6, 1])
    other = open_page(browser, saved_in(tmp_path, result_of(200)).path)
    for _ in range(6):
        other.view.grid.press("+")
    other.settle()
    assert at(other, "zoom") > 2
    expect(other.root.locator(".law-minimap")).to_be_hidden()
    other.page.close()


def test_words_that_scroll_into_sight_have_their_colours(shown: Shown, saved: Saved) -> None:
    values = saved.result.values.astype(np.float32).astype(float)
    limit = nice_ceil(float(np.abs(values).max()))
    script = """(words) => words.map((word) => {
      const box = word.closest(".law-flow").getBoundingClientRect(), place = word.getBoundingClientRect();
      const inside = place.top < box.bottom && place.bottom > box.top;
      return inside ? [Number(word.dataset.line), word.style.background] : null;
    }).filter((found) => found !== null)"""
    prompt = shown.root.get_by_role("group", name="Prompt")
    seen: set[int] = set()
    for row, top in ((1, 0), (2, 900), (3, 100_000), (4, 0)):
        shown.words("Answer").nth(row).hover()
        shown.settle()
        prompt.evaluate("(box, top) => { box.scrollTop = top; }", top)
        shown.settle()
        found = shown.words("Prompt").evaluate_all(script)
        assert len(found) > 10
        for column, paint in found:
            assert paint == "rgb({}, {}, {})".format(*cell_colour(values[row, column], 0, limit, COLOURS["light"]))
            seen.add(column)
    assert {0, FEATURES - 1} <= seen
    shown.view.grid.focus()
    shown.view.grid.press("End")
    shown.view.grid.press("End")
    shown.settle()
    assert shown.view.lit("Prompt") == [f"f{FEATURES - 1}"]
    assert FEATURES - 1 in [column for column, _ in shown.words("Prompt").evaluate_all(script)]


@pytest.mark.parametrize(
    ("value", "glyph"), [(np.nan, "–"), (np.inf, "+∞"), (-np.inf, "−∞")], ids=["nan", "infinite", "minus-infinite"]
)
def test_what_is_no_number_is_a_glyph(browser: Browser, tmp_path: Path, value: float, glyph: str) -> None:
    few = saved_in(tmp_path, result_of(5))
    odd = few.result.values.copy()
    odd[2, 3] = value
    shown = open_page(browser, in_state(few.path, values={"base64": b64encode(float32(odd)).decode()}))
    errors: list[str] = []
    shown.page.on("pageerror", lambda error: errors.append(str(error)))
    shown.page.mouse.move(*shown.cell(2, 3))
    shown.settle()
    assert shown.view.tooltip.locator("b").first.inner_text() == f"{glyph} nats"
    shown.root.get_by_role("button", name="Export").click()
    with shown.page.expect_download() as download:
        shown.root.get_by_role("menuitem", name="SVG").click()
    assert f">{glyph}<" in Path(download.value.path()).read_text(encoding="utf-8")
    shown.page.mouse.move(*shown.cell(1, 1))
    shown.settle()
    assert shown.view.tooltip.locator("b").first.inner_text().startswith("+0.")
    assert errors == []
    shown.page.close()


@pytest.mark.parametrize("width", [900, 1040, 1140, 1290])
@pytest.mark.parametrize("state", ["finished", "running"])
def test_the_bar_keeps_to_one_row(saved: Saved, browser: Browser, width: int, state: str) -> None:
    page = in_state(saved.path, has_model=True, method="permutation_shapley")
    shown = open_page(browser, page, width=width + 40)  # the page has margins of 20
    if state == "running":
        shown.page.evaluate(STREAM, state)
    shown.settle()
    expect(shown.root).to_have_attribute("data-phase", state)
    assert shown.root.evaluate("root => Math.round(root.getBoundingClientRect().width)") == width
    middles = shown.root.locator(".law-bar").evaluate("""(bar) => [...bar.querySelectorAll("button, select")]
      .filter((part) => part.offsetParent && !part.closest(".law-popover"))
      .map((part) => { const { top, bottom } = part.getBoundingClientRect(); return (top + bottom) / 2; })""")
    assert len(middles) > 8
    assert max(middles) - min(middles) < 3
    shown.page.close()
