"""A chat edited in JupyterLab: each turn in its own field, and the run is of that chat, in its template."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab
from tests.browser.test_lab import widget
from tests.browser.test_questions import assert_accessible, button

pytestmark = pytest.mark.timeout(240)

MAKE = """chat = [
    {"role": "system", "content": "The user asks."},
    {"role": "user", "content": "Ivo has a robot. Who has a robot?"},
    {"role": "assistant", "content": "Ivo.", "name": "helper"},
    {"role": "user", "content": "Who?"},
]
w = AttrWidget(model, tok, chat, " Ivo", method="leave_one_out")
w"""
SAID = "''.join(piece.text for piece in w.result.pieces)"


def test_turns_are_edited_each_in_its_field_and_escape_takes_it_back(lab: Lab) -> None:
    view = widget(lab, MAKE, scale=2)
    first = view.root.get_by_role("textbox", name="Prompt: user").first
    expect(view.root.get_by_role("textbox", name="Prompt")).to_have_count(4)
    expect(first).to_have_value("Ivo has a robot. Who has a robot?")
    expect(view.root.get_by_text("Its name stays as it is given in Python.")).to_be_visible()
    view.run_button.click()
    view.wait_for("finished")
    before = lab.evaluate(SAID)

    button(view, "Edit").click()
    # A line end in a turn stays in that turn.
    view.root.get_by_role("textbox", name="Prompt: system").fill("The user asks.\nBe brief.")
    first.fill("Ivo had a robot. Who has a robot?")
    for theme, light in (("dark", "false"), ("light", "true")):
        lab.page.evaluate("light => document.body.setAttribute('data-jp-theme-light', light)", light)
        expect(view.root).to_have_attribute("data-theme", theme)
        assert_accessible(view)
        lab.screenshot(f"editing-{theme}", view.root)
    view.run_button.click()
    view.root.and_(lab.page.locator("[data-run='2'][data-phase=finished]")).wait_for(timeout=60_000)
    edited = before.replace("asks.", "asks.\nBe brief.").replace("Ivo has", "Ivo had")
    assert lab.evaluate(SAID) == edited

    button(view, "Edit").click()
    first.fill("Who?")
    expect(first).to_have_value("Who?")
    first.press("Escape")
    expect(first).to_be_hidden()
    prompt = "The user asks.\nBe brief.\nIvo had a robot. Who has a robot?\nIvo.\nWho?"
    lab.until(lambda: lab.evaluate("w.prompt"), lambda found: found == prompt)
