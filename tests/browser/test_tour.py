"""One walk through the widget in a JupyterLab, on the quickstart's model: whatever it shows is the kernel's number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab
from tests.browser.test_lab import widget
from tests.browser.test_questions import button, number, stat
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(180)

RESULT = """dict(values=w.result.values.tolist(), sequence=w.result.sequence.tolist(), features=w.result.features,
    outputs=w.result.outputs, against=w.against, calls=w.result.provenance.calls)"""


class Tour:
    """The widget as its user goes through it, step by step."""

    def __init__(self, lab: Lab, view: View) -> None:
        self.lab, self.view, self.root = lab, view, view.root
        self.said = view.root.locator(".law-say[data-for]")
        self.drawer = view.root.locator(".law-drawer")

    def read(self) -> None:
        found = self.lab.evaluate(RESULT)
        self.values = np.array(found["values"])
        self.sequence = np.array(found["sequence"])
        self.features = [text.strip() for text in found["features"]]
        self.outputs = [text.strip() for text in found["outputs"]]

    def word(self, name: str, text: str) -> Locator:
        words = self.root.get_by_role("group", name=name).locator("[data-line]")
        return words.get_by_text(text, exact=True).first

    def assert_told(self, name: str, row: np.ndarray) -> None:
        """The text below the answer names the feature that speaks most for it, with its number."""
        best = int(np.argmax(row))
        expect(self.said).to_contain_text(f"Prompt painted for {name}.")
        found = re.search(r"Most for it: (\S+) \+(\d+\.\d+)", self.said.inner_text())
        assert found is not None, self.said.inner_text()
        assert found[1] == self.features[best]
        assert float(found[2]) == pytest.approx(row[best], abs=0.06)

    def run(self) -> None:
        self.view.run_button.click()
        self.lab.until(lambda: self.lab.evaluate("[w.status, w.result is not None]"), lambda now: now[0] == "finished")
        self.view.wait_for("finished")
        self.read()

    def words(self) -> None:
        """Hover, pin, Escape; a span."""
        golf = self.outputs.index("golf")
        self.word("Answer", "golf").hover()
        self.assert_told("“golf”", self.values[golf])
        self.word("Answer", "golf").click()
        expect(self.root.locator("[data-pin]")).to_have_text(["golf"])
        self.lab.page.keyboard.press("Escape")
        expect(self.root.locator("[data-pin]")).to_have_count(0)
        first, last = self.word("Answer", self.outputs[0]), self.word("Answer", "golf")
        first.hover()
        self.lab.page.mouse.down()
        last.hover()
        self.lab.page.mouse.up()
        self.lab.page.mouse.move(2, 2)
        self.assert_told(f"“{self.outputs[0]} golf”", self.values[: golf + 1].sum(axis=0))
        self.view.grid.press("Escape")
        self.assert_told("the whole answer", self.sequence)

    def groups(self) -> None:
        self.root.get_by_role("radio", name="sentence").click()
        expect(self.view.grid).to_have_attribute("aria-colcount", "2")
        self.view.point_at(0, 1)
        second = self.features.index("His")
        shown = self.view.tooltip.locator("b").first.inner_text()
        assert number(shown.split()[0]) == pytest.approx(self.values[0, second:].sum(), abs=0.006)
        self.view.grid.press("g")
        expect(self.root.get_by_role("radio", name="paragraph")).to_be_checked()
        self.root.get_by_role("radio", name="word").click()
        expect(self.view.grid).to_have_attribute("aria-colcount", str(len(self.features)))

    def keys(self) -> None:
        self.view.grid.press("/")
        self.lab.page.keyboard.type("lawyer")
        expect(self.root.get_by_role("group", name="Prompt").locator("[data-lit]")).to_have_text(["lawyer"])
        self.lab.page.keyboard.press("Escape")
        self.view.grid.press("?")
        expect(self.root.get_by_role("dialog", name="Keys")).to_be_visible()
        self.lab.page.keyboard.press("Escape")
        expect(self.root.get_by_role("dialog", name="Keys")).to_be_hidden()

    def what_if(self) -> None:
        button(self.view, "What if").click()
        lawyer = self.features.index("lawyer")
        self.drawer.locator(f"[data-feature='{lawyer}']").click()
        cards = self.drawer.locator(".law-changes > span")
        expect(cards).to_have_count(len(self.outputs))
        others = [i for i in range(len(self.features)) if i != lawyer]
        scored = self.lab.evaluate(
            f"[float(x) for part in w.result.game.scorer.score(w.result.game.input.render(__import__('numpy').array("
            f"[[i in {others} for i in range({len(self.features)})]]), None), w.result.target.ids) "
            "for x in part.log_probs[0]]"
        )
        said = self.drawer.locator(".law-whatif .law-say").inner_text()
        found = re.search(r"→ ([−\d.]+) nats", said)
        assert found is not None, said
        assert number(found[1]) == pytest.approx(sum(scored), abs=0.02)
        self.drawer.get_by_role("button", name="Close").click()

    def contrast(self) -> None:
        """Which words made it say golf rather than hiking? By what the page says alone."""
        self.word("Answer", "golf").click()
        expect(self.root.get_by_role("button", name="Why not another?")).to_be_hidden()
        self.root.get_by_role("button", name="Why “golf” and not…?").click()
        form = self.root.get_by_role("form", name="Contrast")
        assert form.get_by_role("combobox").evaluate("select => select.selectedOptions[0].text") == "“golf”"
        form.get_by_role("textbox").fill("hiking")
        self.lab.screenshot("tour-contrast-asked", self.root)
        form.get_by_role("button", name="Explain").click()
        assert self.root.evaluate("root => root.contains(document.activeElement)"), "keys still reach the widget"
        wanted = " ".join([*self.outputs[: self.outputs.index("golf")], "hiking"])
        asked = ["finished", f" {wanted}"]
        self.lab.until(lambda: self.lab.evaluate("[w.status, w.against]"), lambda now: now == asked)
        self.view.wait_for("finished")
        expect(self.root.get_by_role("group", name="Answer")).to_contain_text("golf / hiking")
        plain = self.values
        self.read()
        self.assert_told("“golf” rather than “hiking”", self.sequence)
        assert self.values[-1] == pytest.approx(self.sequence, abs=1e-6)  # what comes before is the same in both
        self.lab.screenshot("tour-contrast", self.root)
        self.root.get_by_role("button", name="End contrast").click()
        expect(self.root.get_by_role("group", name="Answer")).not_to_contain_text("hiking /")
        again = self.root.get_by_role("button", name="Why “golf” and not…?")
        expect(again, "the run on show has its pin back").to_be_visible()
        self.values = plain

    def compare(self) -> None:
        runs = self.root.get_by_role("button", name=re.compile("^Runs"))
        runs.click()
        kept = self.root.locator(".law-kept")
        expect(kept).to_have_count(2)
        kept.first.get_by_role("button", name=re.compile("^Compare")).click()
        self.word("Prompt", "lawyer").click()
        compare = self.root.get_by_role("group", name="Compare")
        compare.get_by_role("button", name="Show A − B").click()
        expect(compare.get_by_role("status")).to_contain_text("in both")
        expect(self.root.locator("[data-pin]")).to_have_text(["lawyer"])  # one selection, whatever is looked at
        compare.get_by_role("button", name="End comparing").click()
        expect(compare).to_be_hidden()
        expect(self.root.locator("[data-pin]")).to_have_text(["lawyer"])

    def recompute(self) -> None:
        """What was added up is run properly."""
        self.root.get_by_role("radio", name="sentence").click()
        self.root.get_by_role("button", name="Recompute by sentence").click()
        made = "[w.status, *(w.result and [w.result.provenance.granularity, len(w.result.features)] or [])]"
        self.lab.until(lambda: self.lab.evaluate(made), lambda now: now == ["finished", "sentence", 2])
        expect(self.root.locator(".law-notice:not(.law-saved)")).to_be_hidden()
        self.root.get_by_role("radio", name="word").click()

    def export(self, theme: str) -> None:
        for name, code in (("CSV", "to_csv()"), ("SVG", f"to_svg(theme={theme!r})")):
            self.root.get_by_role("button", name="Export").click()
            with self.lab.page.expect_download() as download:
                self.root.get_by_role("menuitem", name=name).click()
            assert Path(download.value.path()).read_bytes().decode() == self.lab.evaluate(f"w.history[0].result.{code}")

    def trust(self) -> None:
        """A long run: pause, resume, a quarter more, stop by key; then the check."""
        self.lab.run_cell(self.lab.add_cell("w.method, w.budget = 'permutation_shapley', 40_000"))
        self.view.run_button.click()
        self.view.wait_for("running")
        self.lab.until(lambda: self.lab.evaluate("w.result is not None and w.result.provenance.planned > 30_000"), bool)
        expect(self.root.locator("[data-pin]")).to_have_text(["lawyer"])  # numbers stream beneath it
        button(self.view, "Pause").click()
        self.view.wait_for("paused")
        expect(stat(self.view, "phase")).to_have_text("Paused")
        button(self.view, "+25%").click()
        button(self.view, "Resume").click()
        self.view.wait_for("running")
        expect(stat(self.view, "calls")).to_contain_text("/ 49,9", timeout=20_000)
        self.view.grid.press(".")
        self.view.wait_for("stopped")
        assert self.lab.evaluate("w.status") == "stopped"
        button(self.view, "Check").click()
        verdict = self.root.locator(".law-steps [data-tone]")
        verdict.wait_for(timeout=60_000)
        verdict.click()
        expect(self.drawer).to_contain_text(self.lab.evaluate("w.checks[-1]['verdict']"))
        self.lab.screenshot("tour-trust", self.root)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_walk_through_all_of_it(lab: Lab, theme: str) -> None:
    view = widget(lab, "w = AttrWidget(model, tok, prompt)\nw", dark=theme == "dark", scale=2)
    expect(view.root).to_have_attribute("data-theme", theme)
    tour = Tour(lab, view)
    tour.run()
    tour.words()
    tour.groups()
    tour.keys()
    tour.what_if()
    tour.contrast()
    tour.compare()
    tour.export(theme)
    tour.recompute()
    tour.trust()
