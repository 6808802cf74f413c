"""The main job, as its user meets it: the widget in a real JupyterLab, on the model that ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import ARTIFACTS, Lab
from tests.browser.widget import View, called

ROOT = Path(__file__).parents[2]
PROMPT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"
SETUP = f"""
from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text

model, tok = load_text()
prompt = {PROMPT!r}
"""
LONG = "w = AttrWidget(model, tok, prompt, method='permutation_shapley', granularity='token', budget=400_000)\nw"
READ = """dict(
    values=w.result.values.tolist(), errors=w.result.standard_errors.tolist(),
    features=w.result.features, outputs=w.result.outputs,
)"""

pytestmark = pytest.mark.timeout(240)


def widget(lab: Lab, code: str, setup: str = SETUP, **options: Any) -> View:
    """A notebook with the widget that the code makes as `w`."""
    lab.open([setup, code], **options)
    lab.run_cell(0)
    return View(lab.run_cell(1))


def record(name: str, milliseconds: float) -> None:
    """Keep a timing beside the pictures: looked at, not asserted."""
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / "timings.json"
    timings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**timings, name: round(milliseconds)}, indent=2) + "\n", encoding="utf-8")


def assert_tooltips_tell(result: dict[str, Any], view: View, cells: list[tuple[int, int]]) -> None:
    """Each cell's tooltip names its pair and has the result's numbers; both words are lit in the text."""
    for row, column in cells:
        view.point_at(row, column)
        tip = view.tip()
        feature, output = called(result["features"], column), called(result["outputs"], row)
        half = 0.5 * 10.0**-tip.decimals + 1e-6  # float32 on the way
        assert tip.title == f"{feature} → {output}"
        assert tip.value == pytest.approx(result["values"][row][column], abs=half)
        assert tip.error == pytest.approx(result["errors"][row][column], abs=half)
        whole = sum(abs(value) for value in result["values"][row])
        share = int(tip.facts["share of |row|"].removesuffix("%").replace("<", "").strip())
        assert share == pytest.approx(100 * abs(result["values"][row][column]) / whole, abs=1.0)
        assert view.lit("Prompt") == [result["features"][column].strip()]
        assert view.lit("Answer") == [result["outputs"][row].strip()]


def extremes(values: list[list[float]]) -> list[tuple[int, int]]:
    """The cells with the largest and the smallest value, and two corners."""
    cells = [(row, column) for row, line in enumerate(values) for column in range(len(line))]
    in_order = sorted(cells, key=lambda cell: values[cell[0]][cell[1]])
    return [in_order[-1], in_order[0], cells[0], cells[-1]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_quickstart_notebook_runs_and_shows_the_result(lab: Lab, dark: bool) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    lab.open_notebook(notebook, scale=2, dark=dark)
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for index in code:
        lab.run_cell(index)
    shows = next(index for index in code if "AttrWidget(" in notebook.cells[index].source)
    view = View(lab.outputs(shows))
    name = "dark" if dark else "light"
    lab.screenshot(f"quickstart-{name}-before", view.root)
    view.start_film()
    view.run_button.click()
    view.wait_for("finished")
    film = view.film()
    first = next(shot for shot in film if shot.coloured)
    record(f"run to first coloured matrix, {name} (ms)", first.at - next(s.at for s in film if s.event == "Run"))
    assert lab.evaluate("w.status") == "finished"
    result = lab.evaluate(READ)
    assert_tooltips_tell(result, view, extremes(result["values"])[1:] + extremes(result["values"])[:1])
    assert view.has_text_in_its_colour()
    lab.screenshot(f"quickstart-{name}", view.root)
    lab.screenshot(f"quickstart-{name}-window")


def test_the_matrix_is_seen_growing(lab: Lab) -> None:
    view = widget(lab, "w = AttrWidget(model, tok, prompt, method='permutation_shapley', budget=4000)\nw")
    view.start_film()
    view.run_button.click()
    view.wait_for("running")
    view.root.locator("[role=grid]").wait_for()
    lab.screenshot("running", view.root)
    view.wait_for("finished")
    film = view.film()
    between = {shot.print for shot in film if shot.phase == "running" and shot.coloured} - {film[-1].print}
    record("intermediate states seen", len(between))
    assert len(between) >= 5
    result = lab.evaluate(READ)
    assert_tooltips_tell(result, view, extremes(result["values"]))


def test_stop_ends_a_long_run_within_half_a_second_and_keeps_what_there_is(lab: Lab) -> None:
    view = widget(lab, LONG)
    view.start_film()
    known = "w.result is not None and __import__('math').isfinite(w.result.standard_errors.max())"
    for _ in range(3):
        view.run_button.click()
        view.wait_for("running")
        # The film may still show the run before: ask the kernel whether this one has something to keep.
        lab.until(lambda: lab.evaluate(known), bool)
        view.stop_button.click()
        view.wait_for("stopped")
    film = view.film()
    clicks = [shot.at for shot in film if shot.event.startswith("Stop")]
    ends = [next(shot.at for shot in film if shot.at > at and shot.phase == "stopped") for at in clicks]
    waits = [end - at for at, end in zip(clicks, ends, strict=True)]
    record("Stop to stopped, best of 3 (ms)", min(waits))
    assert len(waits) == 3
    assert min(waits) < 500  # best of three: the machine may be busy with something else
    assert lab.evaluate("[w.status, w.result.phase]") == ["stopped", "stopped"]
    assert 0 < lab.evaluate("w.result.provenance.calls") < 400_000
    result = lab.evaluate(READ)
    assert_tooltips_tell(result, view, extremes(result["values"]))
    lab.screenshot("stopped", view.root)


def test_a_second_view_shows_the_same_before_and_after_a_run(lab: Lab) -> None:
    view = widget(lab, "w = AttrWidget(model, tok, prompt, budget=400)\nw")
    during = View(lab.run_cell(lab.add_cell("w")))
    during.run_button.click()
    view.wait_for("finished")
    during.wait_for("finished")
    afterwards = View(lab.run_cell(lab.add_cell("w")))
    afterwards.wait_for("finished")
    result = lab.evaluate(READ)
    row, column = extremes(result["values"])[0]
    for each in (view, during, afterwards):
        assert_tooltips_tell(result, each, [(row, column)])
    lab.page.mouse.move(0, 0)
    lab.until(lambda: view.lit("Prompt"), lambda words: words == [])
    same = lab.until(lambda: {each.matrix() for each in (view, during, afterwards)}, lambda all_: len(all_) == 1)
    assert len(same) == 1
    lab.screenshot("second-view")


def test_markup_in_prompt_and_answer_is_shown_as_text(lab: Lab) -> None:
    attack = "<img src=x onerror=alert(1)>"
    marked = f"Dave lives in {attack} and is a <b>lawyer</b>. His"
    page = lab.open([SETUP, f"w = AttrWidget(model, tok, {marked!r}, target=' {attack}', budget=200)\nw"])
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    lab.run_cell(0)
    view = View(lab.run_cell(1))
    lab.screenshot("markup-before", view.root)
    view.run_button.click()
    view.wait_for("finished")
    expect(view.root.get_by_role("group", name="Prompt")).to_contain_text(attack)
    expect(view.root.get_by_role("group", name="Answer")).to_contain_text(attack)
    features = lab.evaluate("w.result.features")
    column = next(index for index, feature in enumerate(features) if "<" in feature or "img" in feature)
    view.point_at(0, column)
    assert features[column].strip() in view.tip().title
    assert view.root.locator("img, b:not(.law-tip b):has-text('lawyer')").count() == 0
    assert dialogs == []
    lab.screenshot("markup", view.root)


def test_an_error_is_told_in_plain_words_and_the_widget_runs_again(lab: Lab) -> None:
    view = widget(lab, "w = AttrWidget(model, tok, prompt, target='', method='leave_one_out')\nw")
    view.run_button.click()
    alert = view.root.get_by_role("alert")
    expect(alert.locator("p")).to_contain_text("target", ignore_case=True)  # the traceback below has the word, too
    expect(alert.locator("pre")).to_be_hidden()
    lab.screenshot("failed", view.root)
    assert lab.evaluate("w.status") == "failed"
    lab.run_cell(lab.add_cell("w.target = ' playing golf'"))
    view.run_button.click()
    view.wait_for("finished")
    expect(alert).to_be_hidden()
    assert lab.evaluate("w.result.outputs") != []
