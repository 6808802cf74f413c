"""A page of its own has no kernel: it says so at once, of when it is, and offers nothing that needs one."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from playwright.sync_api import Browser, expect

from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text
from tests.browser.conftest import PROMPT
from tests.browser.pages import Saved, Shown, open_page
from tests.browser.test_access import in_state

NEED_A_KERNEL = ("Run", "Stop", "Pause", "What if", "Check", "+25%", "Continue", "Edit", "Write", "Lock")


@pytest.fixture(scope="module")
def widget() -> AttrWidget:
    """With its model: everything can be asked of it, but not from a page."""
    made = AttrWidget(*load_text(), PROMPT, " golf.", budget=64)
    made.run()
    made.wait(60)
    return made


@pytest.fixture(scope="module")
def saved(widget: AttrWidget, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    path = tmp_path_factory.mktemp("saved") / "page.html"
    widget.to_html(path)
    assert widget.result is not None
    assert widget.chart["askable"]
    return Saved(widget.result, path)


def test_an_exported_page_says_what_it_is_and_offers_no_dead_buttons(shown: Shown, widget: AttrWidget) -> None:
    said = shown.root.locator(".law-saved")
    expect(said).to_contain_text("no kernel answers")
    made = datetime.fromisoformat(widget.made_at)
    assert abs((datetime.now(timezone.utc) - made).total_seconds()) < 3600
    assert shown.page.evaluate("(made) => new Date(made).toLocaleString()", widget.made_at) in said.inner_text()
    shown.words("Prompt").nth(3).click()
    for name in NEED_A_KERNEL:
        expect(shown.root.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(shown.root.get_by_role("button", name="Export")).to_be_visible()


def test_one_saved_in_the_middle_of_its_first_run_waits_for_nothing(saved: Saved, browser: Browser) -> None:
    page = in_state(saved.path, status="running", chart=None, progress=None)
    shown = open_page(browser, page)
    shown.settle()
    expect(shown.root.locator(".law-saved")).to_contain_text("from the middle of a run")
    expect(shown.root).to_have_attribute("aria-busy", "false")
    expect(shown.root).to_contain_text("No numbers were saved")
    for name in NEED_A_KERNEL:
        expect(shown.root.get_by_role("button", name=name, exact=True)).to_have_count(0)
    shown.page.close()
