"""The harness itself, on the smallest anywidget there is: cells run, values come back, clicks reach the kernel."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab

COUNTER = """
import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = '''
    function render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = `count ${model.get("count")}`; };
      button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
      model.on("change:count", show);
      show();
      el.append(button);
    }
    export default { render };
    '''
    count = traitlets.Int(1).tag(sync=True)
counter = Counter()
counter
"""


def test_a_widget_is_shown_and_its_clicks_reach_the_kernel(lab: Lab) -> None:
    lab.open([COUNTER, "counter.count = 10"])
    button = lab.run_cell(0).get_by_role("button", name="count")
    expect(button).to_have_text("count 1")
    button.click()
    assert lab.until(lambda: lab.evaluate("counter.count"), lambda count: count > 1) == 2
    lab.run_cell(1)
    expect(button).to_have_text("count 10")
    lab.screenshot("harness")


def test_an_error_in_a_cell_or_an_expression_fails_the_test(lab: Lab) -> None:
    lab.open(["1 / 0"])
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.run_cell(0)
    with pytest.raises(AssertionError, match="NameError"):
        lab.evaluate("nothing_of_this_name")


def test_a_request_to_the_outside_is_refused_and_noted(lab: Lab) -> None:
    page = lab.open([])
    page.evaluate("fetch('https://example.org/').catch(() => {})")
    assert lab.until(lambda: lab.outside_requests, bool) == ["https://example.org/"]
    lab.outside_requests.clear()
