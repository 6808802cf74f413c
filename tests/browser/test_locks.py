"""A part of the prompt locked by a click or a pattern, in JupyterLab: it is present in all that the model is asked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab
from tests.browser.test_lab import widget
from tests.browser.test_questions import assert_accessible, button
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(240)

MAKE = "w = AttrWidget(model, tok, prompt, method='permutation_shapley', budget=120)\nw"
# Whether a word is in each prompt that the model was asked about: every coalition of the ledger, rendered again.
ASKED = """[{word!r} in tok.decode(p.ids) for p in
    w.result.game.input.render(w.result.ledger.coalitions, __import__('numpy').random.default_rng(0))]"""


def asked_with(lab: Lab, word: str) -> list[bool]:
    found = lab.evaluate(ASKED.format(word=word).replace("\n", " "))
    assert len(found) > 50
    return found


def features(lab: Lab) -> list[str]:
    return [text.strip() for text in lab.evaluate("w.result.features")]


def word(view: View, text: str) -> Locator:
    return view.root.get_by_role("group", name="Prompt").locator("span").get_by_text(text, exact=True)


def run(lab: Lab, view: View, press: Locator) -> None:
    number = int(view.root.get_attribute("data-run") or 0)
    press.click()
    view.root.and_(lab.page.locator(f"[data-run='{number + 1}'][data-phase=finished]")).wait_for(timeout=60_000)


def test_what_is_locked_is_in_every_coalition_until_it_is_unlocked(lab: Lab) -> None:
    view = widget(lab, MAKE, scale=2)
    view.run_button.click()
    view.wait_for("finished")
    assert "lawyer" in features(lab)
    assert {True, False} == set(asked_with(lab, " lawyer"))

    # By keyboard from the word to its lock: nothing needs a mouse.
    prompt = view.root.get_by_role("group", name="Prompt")
    prompt.focus()
    for _ in range(1 + features(lab).index("lawyer")):
        prompt.press("ArrowRight")
    prompt.press("Enter")
    lock = view.root.get_by_role("button", name="Lock: this part is always present")
    lock.focus()
    lock.press("Enter")
    expect(word(view, "lawyer")).to_have_attribute("data-locked", "")
    assert lab.until(lambda: lab.evaluate("w.locked"), bool) == [" lawyer"]
    assert_accessible(view)
    lab.screenshot("locked", view.root)

    run(lab, view, button(view, "Run again"))
    assert "lawyer" not in features(lab)
    assert set(asked_with(lab, " lawyer")) == {True}
    assert {True, False} == set(asked_with(lab, " Coast"))
    expect(word(view, "lawyer")).to_have_attribute("data-locked", "")
    expect(button(view, "Run again")).to_be_hidden()

    # It stays when the features are cut otherwise: here, and in a run of its own.
    view.root.get_by_role("radio", name="sentence").click()
    expect(word(view, "lawyer")).to_have_attribute("data-locked", "")
    view.root.get_by_role("radio", name="token").click()
    run(lab, view, view.run_button)
    assert set(asked_with(lab, " lawyer")) == {True}
    assert lab.evaluate("w.result.provenance.granularity") == "token"
    assert lab.evaluate("''.join(w.result.features)").find("lawyer") < 0

    button(view, "Unlock lawyer").click()
    expect(view.root.locator("[data-locked]")).to_have_count(0)
    view.root.get_by_role("radio", name="word").click()
    run(lab, view, view.run_button)
    assert "lawyer" in features(lab)
    assert {True, False} == set(asked_with(lab, " lawyer"))
    assert lab.evaluate("w.locked") == []

    # An older run is shown with what was locked in it, and another prompt has nothing locked.
    button(view, "Runs 4").click()
    view.root.locator("[data-run='2']").get_by_text("Show").click()
    expect(word(view, "lawyer")).to_have_attribute("data-locked", "")
    button(view, "Edit").click()
    view.root.get_by_role("textbox", name="Prompt").fill("Nina is a lawyer. She likes")
    lab.until(lambda: lab.evaluate("[w.prompt, w.locked]"), lambda found: found == ["Nina is a lawyer. She likes", []])


def test_matches_of_a_pattern_are_locked_and_a_part_is_hidden(lab: Lab) -> None:
    view = widget(lab, MAKE)
    view.run_button.click()
    view.wait_for("finished")
    view.root.get_by_role("button", name="custom…").click()
    view.root.get_by_role("textbox", name="Pattern").fill("Palm Coast|FL")
    view.root.get_by_role("button", name="Matches of the pattern: lock").click()
    expect(button(view, "Unlock Palm Coast")).to_be_visible()
    expect(button(view, "Unlock FL")).to_be_visible()
    view.root.get_by_role("button", name="custom…").click()
    run(lab, view, view.run_button)
    for text in ("Palm", "Coast", "FL"):
        assert set(asked_with(lab, text)) == {True}
    assert {True, False} == set(asked_with(lab, "lawyer"))

    columns = int(view.grid.get_attribute("aria-colcount") or 0)
    word(view, "lawyer").click()
    view.root.get_by_role("button", name="Hide: leave this part out").click()
    expect(view.grid).to_have_attribute("aria-colcount", str(columns - 1))
    mass = lab.evaluate("float(w.result.sequence[[t.strip() for t in w.result.features].index('lawyer')])")
    expect(view.root.locator(".law-locks")).to_contain_text(f"1 out of view, together {mass:+.2f} nats")
    lab.screenshot("hidden", view.root)
    button(view, "Show what is out of view").click()
    expect(view.grid).to_have_attribute("aria-colcount", str(columns))
    view.root.get_by_role("button", name="custom…").click()
    button(view, "Unlock all of the prompt").click()
    expect(view.root.locator("[data-locked]")).to_have_count(0)
