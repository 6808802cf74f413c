"""What the view does by itself, on a page without a kernel: text, groups, matrix, scales, keys."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from llm_attr_widget.export.style import nice_ceil
from tests.browser.pages import Saved, Shown, added
from tests.browser.widget import called

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def saved(text_page: Saved) -> Saved:
    return text_page


def test_hovering_paints_the_other_side_and_a_click_pins(shown: Shown, saved: Saved) -> None:
    nothing = shown.painted("Answer")
    shown.word("Answer", "golf").hover()
    shown.settle()
    for_golf = shown.painted("Prompt")
    shown.word("Prompt", "lawyer").hover()
    shown.settle()
    assert shown.painted("Answer") != nothing
    assert shown.painted("Prompt") != for_golf
    shown.word("Answer", "golf").click()
    shown.word("Answer", "hiking").click()
    assert shown.pins("Answer") == ["A: golf", "B: hiking"]
    shown.word("Answer", "playing").hover()
    shown.settle()
    assert shown.pins("Answer") == ["A: golf", "B: hiking"]  # a preview never takes the place of a pin
    for text in ("and", "cooking", "."):
        shown.word("Answer", text).click()
    assert [pin[0] for pin in shown.pins("Answer")] == list("BCDA")  # a fifth takes the oldest's letter
    shown.word("Answer", "hiking").click()
    assert len(shown.pins("Answer")) == 3
    shown.page.keyboard.press("Escape")
    shown.settle()
    assert shown.pins("Answer") == []


def test_the_words_for_golf_are_told_without_touching_a_control(shown: Shown, saved: Saved) -> None:
    said = shown.root.locator(".law-say[data-for]")
    limit = nice_ceil(float(np.abs(saved.result.values).max()))
    for word in ("playing", "golf"):
        row = saved.result.outputs.index(f" {word}")
        shown.word("Answer", word).hover()
        expect(said).to_contain_text(f"Prompt painted for “{word}”. Most for it:")
        values, errors = saved.result.values[row], saved.result.standard_errors[row]
        worth = np.flatnonzero((np.abs(values) >= 0.1 * limit) & (np.abs(values) >= 2 * errors))
        ranked = sorted(worth, key=lambda column: -values[column])
        told = [at for at in ranked if values[at] > 0][:3] + [at for at in ranked[::-1] if values[at] < 0][:2]
        assert said.locator("bdi").all_inner_texts() == [saved.columns[at] for at in told]
        for at in told:
            assert f"{called(saved.columns, at)} {values[at]:+.1f}".replace("-", "−") in said.inner_text()


def test_a_span_is_explained_by_adding_rows_and_control_adds_another(shown: Shown, saved: Saved) -> None:
    outputs = [text.strip() for text in saved.result.outputs]
    first, last, other = outputs.index("playing"), outputs.index("golf"), outputs.index("cooking")
    shown.drag(shown.word("Answer", "playing"), shown.word("Answer", "golf"))
    assert_told(shown, saved, list(range(first, last + 1)))
    shown.drag(shown.word("Answer", "cooking"), shown.word("Answer", "."), key="Control")
    assert_told(shown, saved, [*range(first, last + 1), *range(other, len(outputs))])
    shown.page.keyboard.press("Escape")
    expect(shown.root.locator(".law-say[data-for]")).to_contain_text("the whole answer")


def assert_told(shown: Shown, saved: Saved, rows: list[int]) -> None:
    total = added(saved.result, rows)
    best = int(np.argmax(total))
    said = shown.root.locator(".law-say[data-for]").inner_text()
    found = re.search(rf"Most for it: {re.escape(saved.columns[best])} \+([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) == pytest.approx(total[best], abs=0.06)


def test_regrouping_adds_columns_says_so_and_keeps_the_selection(shown: Shown, saved: Saved) -> None:
    shown.word("Answer", "golf").click()
    shown.root.get_by_role("radio", name="sentence").click()
    expect(shown.root.locator(".law-notice:not(.law-saved)")).to_contain_text("Added up here")
    expect(shown.view.grid).to_have_attribute("aria-colcount", "2")
    assert shown.pins("Answer") == ["A: golf"]
    row = saved.result.outputs.index(" golf")
    end = saved.columns.index("His")
    shown.page.mouse.move(*shown.cell(row, 1))
    shown.settle()
    assert shown.view.tooltip.locator("strong").inner_text().startswith("His personal")
    value = shown.view.tooltip.locator("b").first.inner_text().replace("−", "-")
    assert float(value.split()[0]) == pytest.approx(saved.result.values[row, end:].sum(), abs=0.006)
    # Without a kernel nothing finer than the run is offered: a word can't be split afterwards.
    expect(shown.root.get_by_role("radio", name="token")).to_have_count(0)
    shown.root.get_by_role("radio", name="word").click()
    expect(shown.root.locator(".law-notice:not(.law-saved)")).to_be_hidden()
    expect(shown.view.grid).to_have_attribute("aria-colcount", str(len(saved.columns)))


def test_a_pattern_or_a_drag_puts_words_together(shown: Shown, saved: Saved) -> None:
    count = len(saved.columns)
    shown.root.get_by_role("button", name="custom…").click()
    pattern = shown.root.get_by_role("textbox", name="Pattern")
    pattern.fill("(")
    pattern.press("Enter")
    expect(shown.root.get_by_role("form", name="Groups of your own")).to_contain_text("Invalid regular expression")
    pattern.fill("Palm Coast|personal interests")
    pattern.press("Enter")
    expect(shown.view.grid).to_have_attribute("aria-colcount", str(count - 2))
    pattern.press("Escape")
    shown.drag(shown.word("Prompt", "Dave"), shown.word("Prompt", "in"))
    expect(shown.view.grid).to_have_attribute("aria-colcount", str(count - 4))
    shown.page.mouse.move(*shown.cell(0, 0))
    shown.settle()
    assert shown.view.tooltip.locator("strong").inner_text() == "Dave lives in → playing"
    value = shown.view.tooltip.locator("b").first.inner_text().replace("−", "-")
    assert float(value.split()[0]) == pytest.approx(saved.result.values[0, :3].sum(), abs=0.006)
    shown.word("Prompt", "lawyer").hover()
    shown.page.mouse.down()
    for text in ("a", "is"):  # backwards, word by word, past columns that get other numbers on the way
        shown.word("Prompt", text).hover()
        shown.settle()
    shown.page.mouse.up()
    expect(shown.view.grid).to_have_attribute("aria-colcount", str(count - 6))
    shown.root.get_by_role("button", name="custom…").click()
    shown.root.get_by_role("button", name="No groups").click()
    shown.root.get_by_role("button", name="custom…").click()  # open, it would lie over the matrix
    shown.root.get_by_role("group", name="Prompt").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight"):
        shown.page.keyboard.press(key)
        shown.settle()
    for text in (",", "FL"):
        shown.page.keyboard.press("ArrowRight")
        shown.settle()
        assert shown.view.lit("Prompt") == [text]
    shown.page.mouse.move(*shown.cell(0, 2))
    shown.settle()
    assert shown.view.tooltip.locator("strong").inner_text() == "in Palm Coast → playing"


def test_zoom_pan_brush_and_fit(shown: Shown, saved: Saved) -> None:
    grid = shown.view.grid
    shown.page.mouse.move(*shown.cell(0, 0))
    shown.page.mouse.down()
    shown.page.mouse.move(*shown.cell(1, 2))
    shown.page.mouse.up()
    shown.settle()
    brushed = shown.root.locator(".law-say[data-for]").inner_text()
    total = saved.result.values[:2, :3].sum()
    found = re.search(r"2 × 3 cells brushed: together ([+−][\d.]+)", brushed)
    assert found is not None, brushed
    assert float(found[1].replace("−", "-")) == pytest.approx(total, abs=0.06)
    shown.page.mouse.move(*shown.cell(2, 4))
    shown.page.keyboard.down("Control")
    shown.page.mouse.wheel(0, -150)
    shown.page.keyboard.up("Control")
    shown.settle()
    assert float(grid.get_attribute("data-zoom") or 0) > 1.3
    before = float(grid.get_attribute("data-x0") or 0)
    x, y = shown.cell(2, 4)
    shown.page.keyboard.down(" ")
    shown.page.mouse.down()
    shown.page.mouse.move(x - 30, y)
    shown.page.mouse.up()
    shown.page.keyboard.up(" ")
    shown.settle()
    assert float(grid.get_attribute("data-x0") or 0) == pytest.approx(before - 30, abs=1)
    shown.page.mouse.dblclick(x, y)
    shown.settle()
    assert grid.get_attribute("data-zoom") == "1"


def test_the_plain_wheel_scrolls_the_page(shown: Shown) -> None:
    shown.page.set_viewport_size({"width": 1100, "height": 300})
    shown.page.mouse.move(*shown.cell(0, 0))
    shown.page.mouse.wheel(0, 120)
    shown.page.wait_for_function("() => scrollY > 0")
    assert shown.view.grid.get_attribute("data-zoom") == "1"


def test_scales_patterns_and_the_table_change_what_is_drawn(shown: Shown, saved: Saved) -> None:
    pictures = [shown.view.matrix()]
    for scale in ("row", "robust", "frozen"):
        shown.root.get_by_role("combobox", name="Colour scale").select_option(scale)
        shown.settle()
        pictures.append(shown.view.matrix())
    assert len(set(pictures[:3])) == 3
    assert "beyond the scale" in shown.root.locator(".law-matrix .law-legend").inner_text()
    shown.root.get_by_role("button", name="Signs").click()
    shown.settle()
    assert shown.view.matrix() != pictures[-1]
    shown.root.get_by_role("button", name="View as table").click()
    shown.settle()
    lines = shown.root.get_by_role("region", name="Largest values").locator("tbody tr")
    largest = np.argsort(-np.abs(saved.result.values), axis=None)[:20]
    for line, cell in zip(lines.all(), largest, strict=True):
        row, column = np.unravel_index(cell, saved.result.values.shape)
        told = line.locator("td").all_inner_texts()
        assert told[:2] == [saved.columns[column], saved.result.outputs[row].strip()]
        assert float(told[2].replace("−", "-")) == pytest.approx(saved.result.values[row, column], abs=0.006)


def test_every_key_of_the_list_moves_or_zooms_the_matrix(shown: Shown, saved: Saved) -> None:
    grid, live = shown.view.grid, shown.root.get_by_role("gridcell")
    rows, columns = saved.result.values.shape
    grid.focus()
    for key, cell in (
        ("ArrowLeft", (0, 0)),  # the first press enters the matrix
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("ArrowRight", (1, 2)),
        ("ArrowUp", (0, 2)),
        ("ArrowLeft", (0, 1)),
        ("End", (0, columns - 1)),
        ("PageDown", (rows - 1, columns - 1)),
        ("Home", (rows - 1, 0)),
        ("PageUp", (0, 0)),
        ("Control+End", (rows - 1, columns - 1)),
        ("Control+Home", (0, 0)),
    ):
        shown.page.keyboard.press(key)
        shown.settle()
        found = live.locator("..").get_attribute("aria-rowindex"), live.get_attribute("aria-colindex")
        assert found == tuple(str(place + 1) for place in cell), key
    zooms: list[float] = []
    for key in ("+", "+", "-", "0"):
        shown.page.keyboard.press(key)
        shown.settle()
        zooms.append(float(grid.get_attribute("data-zoom") or "nan"))
    assert zooms == pytest.approx([1.5, 2.25, 1.5, 1])
    shown.page.keyboard.press("?")
    named = shown.root.get_by_role("dialog", name="Keys").locator("dt").all_inner_texts()
    assert named[:3] == ["← ↑ → ↓", "Home, End", "Page ↑ ↓"]
    # These are pressed by the tests around, and by those of the picture and of what if.
    assert named[3:] == ["Enter", "Shift + arrows", "Esc", "+ − 0", "/", "g", ".", "O", "F2", "?"]


def test_everything_by_keyboard(shown: Shown, saved: Saved) -> None:
    press = shown.page.keyboard.press
    shown.view.grid.focus()
    for key in ("ArrowRight", "End", "ArrowDown"):
        press(key)
    shown.settle()
    live = shown.root.get_by_role("gridcell")
    expect(live).to_contain_text(f"{saved.columns[-1]} → {saved.result.outputs[1].strip()}: Shapley value")
    press("Enter")
    shown.settle()
    assert shown.pins("Prompt") == [f"A: {saved.columns[-1]}"]
    press("Shift+ArrowLeft")
    expect(shown.root.locator(".law-say[data-for]")).to_contain_text("1 × 2 cells brushed")
    press("/")
    shown.page.keyboard.type("lawyer")
    expect(shown.root.locator(".law-find")).to_contain_text("1 of 1")
    shown.settle()
    assert shown.view.lit("Prompt") == ["lawyer"]
    shown.root.get_by_role("searchbox").fill("ing")
    expect(shown.root.locator(".law-find")).to_contain_text("1 of 3")
    shown.settle()
    assert shown.view.lit("Answer") == ["playing"]
    press("Enter")
    expect(shown.root.locator(".law-find")).to_contain_text("2 of 3")
    shown.settle()
    assert shown.view.lit("Answer") == ["hiking"]
    press("Escape")
    answer = shown.root.get_by_role("group", name="Answer")
    answer.focus()
    press("ArrowRight")
    press("Shift+ArrowRight")
    expect(shown.root.locator(".law-say[data-for]")).to_contain_text("“playing")
    press("g")
    expect(shown.root.get_by_role("radio", name="phrase")).to_be_checked()
    press("?")
    expect(shown.root.get_by_role("dialog", name="Keys")).to_be_visible()
    press("Escape")
    expect(shown.root.get_by_role("dialog", name="Keys")).to_be_hidden()
    assert "Finished after" in shown.root.locator(".law-milestones").inner_text()
