"""Pause, go further, check, ask what if, watch numbers settle, keep, compare and contrast runs: in JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab
from tests.browser.test_lab import READ, SETUP, assert_tooltips_tell, extremes, widget
from tests.browser.widget import View

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = pytest.mark.timeout(240)

ASKED = """__import__('numpy').exp(w.result.game.scorer and [
    float(x) for batch in w.result.game.scorer.score(w.result.game.input.render(
        __import__('numpy').array([[i not in {absent} for i in range(len(w.result.features))]]), None),
        w.result.target.ids) for x in batch.log_probs[0]]).tolist()"""


def stat(view: View, name: str) -> Locator:
    return view.root.locator(f"[data-stat={name}]")


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def largest(values: NDArray[np.float64]) -> tuple[int, int]:
    """Row and column of the largest |value|."""
    row, column = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    return int(row), int(column)


def button(view: View, name: str) -> Locator:
    return view.root.get_by_role("button", name=name, exact=True)


def assert_accessible(view: View) -> None:
    """No violation that axe-core finds in the widget as it stands."""
    page = view.root.page
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = view.root.evaluate("async (root) => (await axe.run(root)).violations.map((v) => [v.id, v.nodes[0].html])")
    assert found == []


def test_a_run_is_paused_resumed_extended_checked_and_asked_what_if(lab: Lab) -> None:
    view = widget(lab, "w = AttrWidget(model, tok, prompt, method='permutation_shapley', budget=12_000)\nw", scale=2)
    view.run_button.click()
    view.wait_for("running")
    lab.until(lambda: lab.evaluate("w.result is not None and w.result.provenance.calls > 200"), bool)
    button(view, "Pause").click()
    view.wait_for("paused")
    held = "__import__('llm_attr_widget.widget.worker', fromlist=['turn_on']).turn_on(model)._free.locked()"
    lab.until(lambda: lab.evaluate(held), lambda taken: not taken)  # the batch under way has ended
    expect(stat(view, "phase")).to_have_text("Paused")
    assert lab.evaluate("w.status") == "paused"
    assert 200 < lab.evaluate("w.result.provenance.calls") < 12_000
    lab.screenshot("paused", view.root)
    # What is shown on hold came in frames: traits are for runs that ended.
    on_hold = lab.evaluate(READ)
    assert_tooltips_tell(on_hold, view, extremes(on_hold["values"]))
    button(view, "+25%").click()
    button(view, "Resume").click()
    view.wait_for("running")
    expect(stat(view, "calls")).to_contain_text("/ 14,9", timeout=20_000)
    expect(stat(view, "settled")).to_be_visible()
    view.stop_button.click()
    view.wait_for("stopped")

    result = lab.evaluate("dict(v=w.result.values.tolist(), f=w.result.features, o=w.result.outputs)")
    view.point_at(*largest(np.array(result["v"])))
    lab.page.mouse.down()
    lab.page.mouse.up()
    view.root.locator(".law-open").click()
    drawer = view.root.locator(".law-drawer")
    expect(drawer.locator("svg path.law-line")).to_have_count(1)
    lab.screenshot("convergence", view.root)

    button(view, "Check").click()
    verdict = view.root.locator(".law-steps [data-tone]")
    verdict.wait_for(timeout=60_000)
    verdict.click()
    found = lab.evaluate("w.checks[-1]")
    expect(drawer).to_contain_text(found["verdict"])
    for figure, told in (("rank correlation", "rank_correlation"), ("R²", "r_squared")):
        line = drawer.locator("dl > div").filter(has_text=figure).locator("dd")
        assert number(line.inner_text()) == pytest.approx(found[told], abs=0.0051)
    lab.screenshot("check", view.root)
    assert_accessible(view)

    button(view, "What if").click()
    lawyer = next(i for i, text in enumerate(result["f"]) if "lawyer" in text)
    drawer.locator(f"[data-feature='{lawyer}']").click()
    cards = drawer.locator(".law-changes > span")
    expect(cards).to_have_count(len(result["o"]))
    after = lab.evaluate(ASKED.format(absent=[lawyer]))
    shown = [card.split("→")[1].split()[0] for card in drawer.locator(".law-changes span > span").all_inner_texts()]
    for text, probability in zip(shown, after, strict=True):
        if re.fullmatch(r"[\d.]+", text):
            assert number(text) == pytest.approx(probability, abs=0.006, rel=0.06)
    expect(drawer.locator(".law-writes")).to_be_visible()
    # Every order of the method ends with all parts but one: the ledger knows.
    expect(drawer.locator(".law-whatif .law-say")).to_contain_text("Known from the run, no model call.")
    drawer.locator(f"[data-feature='{lawyer}']").dblclick()
    box = drawer.get_by_role("textbox", name="Other words")
    box.fill("teacher")
    box.press("Enter")
    expect(drawer.locator(f"[data-feature='{lawyer}']")).to_have_attribute("data-state", "replaced")
    expect(drawer.locator("[aria-busy=true]")).to_have_count(0)
    expect(drawer.locator(".law-whatif .law-say")).to_contain_text("One model call.")
    lab.screenshot("what-if", view.root)
    assert_accessible(view)


def test_runs_are_kept_restored_compared_and_contrasted(lab: Lab) -> None:
    made = "w = AttrWidget(model, tok, prompt, budget=200)\nw"
    view = widget(lab, made, dark=True, scale=2)
    view.run_button.click()
    view.wait_for("finished")
    first = view.matrix()
    view.root.get_by_role("combobox", name="Method").select_option("lime")
    view.run_button.click()
    lab.until(lambda: lab.evaluate("[w.status, len(w.history)]"), lambda now: now == ["finished", 2])
    view.wait_for("finished")
    lab.until(view.matrix, lambda now: now != first)
    second = view.matrix()

    runs = view.root.get_by_role("button", name=re.compile("^Runs"))
    runs.click()
    kept = view.root.locator(".law-kept")
    expect(kept).to_have_count(2)
    box = kept.last.get_by_role("textbox")
    box.fill("with Shapley")
    box.press("Tab")
    lab.screenshot("runs", view.root)
    assert_accessible(view)
    kept.last.get_by_role("button", name=re.compile("^Show")).click()
    lab.until(view.matrix, lambda now: now == first)
    now = ["with Shapley", "shapley"]
    lab.until(lambda: lab.evaluate("[w.history[0].name, w.method]"), lambda found: found == now)

    runs.click()
    kept.first.get_by_role("button", name=re.compile("^Compare")).click()
    compare = view.root.get_by_role("group", name="Compare")
    expect(compare).to_be_visible()
    assert lab.evaluate("w.comparing") == [2, 1]
    ranks = lab.evaluate(
        "float(__import__('scipy.stats').stats.spearmanr(*[entry.result.values.ravel() for entry in w.history])[0])"
    )
    expect(compare.get_by_role("status")).to_contain_text(f"rank correlation {ranks:.2f}")
    lab.screenshot("compare-a", view.root)
    compare.get_by_role("button", name="Show A − B").click()
    newer, older = np.array(lab.evaluate("[entry.result.values.tolist() for entry in w.history]"))
    most = largest(older - newer)
    view.point_at(*most)
    shown = view.root.get_by_role("tooltip").locator("b").first.inner_text()
    assert number(shown.split()[0]) == pytest.approx((older - newer)[most], abs=0.006)
    lab.screenshot("compare-difference", view.root)
    assert_accessible(view)
    flips = set()
    for _ in range(2):
        before = view.matrix()
        compare.get_by_role("button", name="Blink").click()
        flips.add(lab.until(view.matrix, lambda now, before=before: now != before))
    assert len(flips) == 2
    compare.get_by_role("button", name="End comparing").click()
    expect(compare).to_be_hidden()
    lab.until(view.matrix, lambda now: now in (first, second))

    view.root.get_by_role("button", name="Edit").click()
    view.root.get_by_role("textbox", name="Answer", exact=True).fill(" golf")
    view.root.get_by_role("textbox", name="Why not this answer").fill(" hiking")
    view.run_button.click()
    lab.until(lambda: lab.evaluate("[w.status, len(w.history)]"), lambda now: now == ["finished", 3])
    sums = lab.evaluate("[float(w.result.sequence.sum()), *map(float, w.result.sequence_ends)]")
    assert sums[0] == pytest.approx(sums[1] - sums[2], abs=1e-3) or lab.evaluate("not w.result.adds_up")
    assert lab.evaluate("w.chart['explains']") == "log_odds"
    lab.screenshot("contrast", view.root)
    assert_settings_and_texts_are_those_of_the_next_run(lab, view)


def assert_settings_and_texts_are_those_of_the_next_run(lab: Lab, view: View) -> None:
    view.root.get_by_role("button", name="Options").click()
    for name, good in (("Budget", "150"), ("Trials", "2"), ("Seed", "7")):
        box = view.root.get_by_role("spinbutton", name=name)
        for text in (good, "-3"):  # what makes no sense shows the last good one again
            box.fill(text)
            box.press("Tab")
        expect(box).to_have_value(good)
    view.root.get_by_role("button", name="Options").press("Escape")
    view.root.get_by_role("button", name="Edit").click()
    view.root.get_by_role("textbox", name="Why not this answer").fill("")
    view.root.get_by_role("textbox", name="Answer", exact=True).fill("")
    button(view, "Write").click()
    written = lab.until(lambda: lab.evaluate("w.target"), lambda now: now not in (None, "", " golf"))
    expect(view.root.get_by_role("textbox", name="Answer", exact=True)).to_have_value(written)
    view.root.get_by_role("textbox", name="Prompt").press("Control+Enter")
    lab.until(lambda: lab.evaluate("[w.status, len(w.history)]"), lambda now: now == ["finished", 4])
    assert lab.evaluate("[w.result.provenance.seed, w.budget, w.trials, w.against]") == [7, 150, 2, None]
    assert lab.evaluate("''.join(w.result.outputs)") == written


def test_results_are_shown_without_their_model_and_compared_from_python(lab: Lab) -> None:
    setup = SETUP + (
        "from llm_attr_widget import attribute, compare, Attribution\n"
        "a = attribute(model, tok, prompt, ' surfing, golf and cooking.', budget=200, progress=False)\n"
        "b = attribute(model, tok, prompt.replace('lawyer', 'teacher'), ' surfing, golf and cooking.', budget=200,"
        " progress=False)\n"
        "a.save('a.npz')\n"
    )
    view = widget(lab, "w = AttrWidget.from_result(Attribution.load('a.npz'))\nw", setup=setup, scale=2)
    view.wait_for("finished")
    expect(view.run_button).to_be_hidden()
    expect(button(view, "What if")).to_be_hidden()
    values = np.array(lab.evaluate("w.result.values.tolist()"))
    view.point_at(*largest(values))
    assert view.tip().value == pytest.approx(values[largest(values)], abs=0.006)
    lab.screenshot("from-result", view.root)
    both = View(lab.run_cell(lab.add_cell("c = compare(a, b, names=('lawyer', 'teacher'))\nc")))
    both.wait_for("finished")
    expect(both.root.get_by_role("group", name="Compare").get_by_role("status")).to_contain_text(
        "15 of 17 parts in both"
    )
    both.root.get_by_role("button", name="Show A − B").click()
    expect(both.root.get_by_role("button", name="Show A − B")).to_have_attribute("aria-pressed", "true")
    lab.screenshot("compare-from-python", both.root)
