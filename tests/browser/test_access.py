"""Zero violations in every state, light and dark; forced colours and reduced motion; nothing is left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from llm_attr_widget import Attribution, attribute
from llm_attr_widget.export.style import nice_ceil
from llm_attr_widget.game.targets import Target
from tests.browser.pages import Shown, open_page, saved_in
from tests.support import BitsInput, table, table_model

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def result() -> Attribution:
    target = Target(tuple(range(4)), tuple(f" t{i}" for i in range(4)))
    return attribute(
        table_model(table(6, 4), 6), None, BitsInput(6), target, method="permutation_shapley", budget=40, progress=False
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, result: Attribution) -> Path:
    return saved_in(tmp_path_factory.mktemp("access"), result).path


ANSWERED = 'send() { setTimeout(() => this.set("chart", this.get("chart"))); }'


def in_state(page: Path, **changes: Any) -> Path:
    """The page with other traits; those of `progress` and `chart` are changed one by one.

    With has_model, its host passes on what is sent and a kernel answers: with what there is, as after a hello.
    """
    text = page.read_text(encoding="utf-8")
    found = re.search(r'(?<=id="content">).*?(?=</script>)', text, re.DOTALL)
    assert found is not None
    content = json.loads(found[0])
    for name in ("progress", "chart"):
        if changes.get(name):
            changes[name] = content["state"][name] | changes[name]
    content["state"] |= changes
    path = page.with_name(f"{changes.get('status', 'other')}.html")
    head, tail = text.split(found[0])
    if changes.get("has_model"):
        tail, passed_on = re.subn(r"send\(\) *\{[^{}]*\}", ANSWERED, tail)
        assert passed_on == 1
    path.write_text(head + json.dumps(content).replace("<", "\\u003c") + tail, encoding="utf-8")
    return path


# Makes `widget` (the module) and `model` (what a host gives it, with its listeners) from what the page holds.
FROM_THE_PAGE = """
  const { esm, css, state } = JSON.parse(document.getElementById("content").textContent);
  const revive = (value) => Array.isArray(value) ? value.map(revive)
    : value === null || typeof value !== "object" ? value
    : typeof value.base64 === "string"
      ? new DataView(Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0)).buffer)
      : Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
  const traits = revive(state), listeners = new Set(), heard = {};
  const model = { get: (name) => traits[name], set() {}, save_changes() {}, send() {},
    on(name, listener) { listeners.add(listener); (heard[name] ??= []).push(listener); },
    off: (name, listener) => listeners.delete(listener) };
  const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
"""
# One more frame, as a kernel sends it: of a run that goes on, in the place of the widget that was there.
STREAM = f"""async (phase) => {{
  {FROM_THE_PAGE}
  document.querySelector(".law").remove();
  const {{ initialize, render }} = widget();
  initialize({{ model }});
  render({{ model, el: document.getElementById("widget") }});
  const run = traits.chart.run + 1, chart = {{ ...traits.chart, run }};
  const progress = {{ ...traits.progress, run, phase, rate: 50, seconds_left: 3 }};
  const frame = {{ kind: "frame", seq: 1, run, chart, progress, first_row: 0, rows: chart.outputs.length }};
  const buffers = ["values", "errors", "ends", "sequence", "sequence_errors"].map((name) => traits[name]);
  window.tell = (event, buffers) => {{ for (const listener of heard["msg:custom"]) listener(event, buffers); }};
  window.tell(frame, buffers);
  model.send = () => setTimeout(() => window.tell(frame, buffers));  // a kernel that has nothing new to say
}}"""

STATES: dict[str, dict[str, Any]] = {
    "finished": {"has_model": True},
    "empty": {"status": "idle", "chart": None, "progress": None, "has_model": True},
    "starting": {"status": "running", "progress": {"phase": "running"}, "has_model": True},
    "stopped": {"status": "stopped", "progress": {"phase": "stopped"}},
    "failed": {"status": "failed", "progress": {"phase": "failed", "message": "Out of memory.", "traceback": "line 1"}},
}
PHASES = ("running", "paused")  # with numbers: these come in frames
ACTS: dict[str, Callable[[Shown], object]] = {
    "cell": lambda shown: shown.page.mouse.move(*shown.cell(1, 2)),
    "pinned": lambda shown: shown.words("Answer").first.click(),
    "pinned in the prompt": lambda shown: shown.words("Prompt").first.click(),
    "help": lambda shown: shown.view.grid.press("?"),
    "find": lambda shown: shown.view.grid.press("/"),
    "custom": lambda shown: shown.root.get_by_role("button", name="custom…").click(),
    "table": lambda shown: shown.root.get_by_role("button", name="View as table").click(),
    "export": lambda shown: shown.root.get_by_role("button", name="Export").click(),
    "regrouped": lambda shown: shown.root.get_by_role("radio", name="sentence").click(),
    "zoomed": lambda shown: shown.view.grid.press("+"),
    "options": lambda shown: shown.root.get_by_role("button", name="Options").click(),
    "runs": lambda shown: shown.root.get_by_role("button", name="Runs").click(),
    "edited": lambda shown: shown.root.get_by_role("combobox", name="Method").select_option("lime"),
    "signs": lambda shown: shown.root.get_by_role("button", name="Signs").click(),
    "contrast": lambda shown: shown.root.get_by_role("button", name="Why not another?").click(),
}


# Nodes that reach beyond the widget or, where they float above it, beyond the window.
BEYOND = """() => {
  const right = document.querySelector(".law").getBoundingClientRect().right;
  const limit = (node) => node.closest(".law-popover, .law-tip, .law-help") ? innerWidth : right;
  return [...document.querySelectorAll(".law *")].filter((node) => node.offsetParent
    && getComputedStyle(node).clipPath === "none"
    && (node.getBoundingClientRect().right > limit(node) + 1 || node.getBoundingClientRect().left < -1))
    .map((node) => node.className || node.tagName);
}"""


def test_nothing_overflows_400_pixels_in_any_state(page: Path, browser: Browser) -> None:
    found: dict[str, list[str]] = {}

    def look(shown: Shown, name: str) -> None:
        shown.settle()
        found[name] = shown.page.evaluate(BEYOND)
        if not shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found[name].append("the page scrolls sideways")

    for name, changes in STATES.items():
        shown = open_page(browser, in_state(page, **changes), width=400)
        look(shown, name)
        shown.page.close()
    shown = open_page(browser, in_state(page, has_model=True), width=400)
    for phase in PHASES:
        shown.page.evaluate(STREAM, phase)
        look(shown, phase)
    shown.page.reload()
    for name, act in ACTS.items():
        act(shown)
        look(shown, name)
        shown.page.keyboard.press("Escape")
    shown.page.close()
    assert {name: nodes for name, nodes in found.items() if nodes} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_any_state(page: Path, browser: Browser, dark: bool) -> None:
    found: dict[str, list[str]] = {}
    for name, changes in STATES.items():
        shown = open_page(browser, in_state(page, **changes), dark=dark)
        shown.settle()
        found[name] = shown.violations()
        shown.page.close()
    shown = open_page(browser, in_state(page, has_model=True), dark=dark)
    for phase in PHASES:
        shown.page.evaluate(STREAM, phase)
        shown.settle()
        expect(shown.root).to_have_attribute("data-phase", phase)
        found[phase] = shown.violations()
    shown.page.reload()
    for name, act in ACTS.items():
        act(shown)
        shown.settle()
        found[name] = shown.violations()
        shown.page.keyboard.press("Escape")
    shown.page.close()
    assert [f"{name}: {each}" for name, violations in found.items() for each in violations] == []


def test_axe_sees_what_is_wrong(page: Path, browser: Browser) -> None:
    shown = open_page(browser, page)
    shown.root.evaluate("root => root.append(document.createElement('button'))")
    assert any("button-name" in violation for violation in shown.violations())
    shown.page.close()


@pytest.fixture
def forced(page: Path, browser: Browser) -> Iterator[Shown]:
    shown = open_page(browser, page, forced=True)
    yield shown
    shown.page.close()


def test_forced_colours_bring_patterns_and_reduced_motion_no_motion(
    forced: Shown, page: Path, browser: Browser, result: Attribution
) -> None:
    plain = open_page(browser, page)
    plain.settle()
    forced.settle()
    limit = nice_ceil(float(np.abs(result.sequence).max()))
    against = [value < -0.03 * limit for value in result.sequence]  # what is smaller stays unpainted
    assert any(against)
    assert ["repeating-linear-gradient" in paint for paint in forced.painted("Prompt")] == against
    assert ["repeating-linear-gradient" in paint for paint in plain.painted("Prompt")] == [False] * len(against)
    bar = ".law-progress div"
    moving = f"getComputedStyle(document.querySelector('{bar}')).transitionDuration"
    assert (plain.page.evaluate(moving), forced.page.evaluate(moving)) == ("0.12s", "0s")
    plain.page.close()


OPEN_AND_CLOSE = f"""async (times) => {{
  {FROM_THE_PAGE}
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  let left = 0;
  for (let time = 0; time < times; time++) {{
    const {{ initialize, render }} = widget();
    const end = initialize({{ model }});
    const el = document.body.appendChild(document.createElement("div"));
    const close = render({{ model, el }});
    await frame();
    close();
    left += el.childNodes.length;
    el.remove();
    end();
  }}
  await frame();
  return listeners.size + left;
}}"""
OPEN_ONE_MORE = f"""async () => {{
  {FROM_THE_PAGE}
  const {{ initialize, render }} = widget();
  initialize({{ model }});
  render({{ model, el: document.body.appendChild(document.createElement("div")) }});
}}"""


def test_fifty_cycles_leave_no_listener_no_node_and_no_worker(page: Path, browser: Browser) -> None:
    shown = open_page(browser, page)
    shown.settle()
    tools = shown.page.context.new_cdp_session(shown.page)

    def counts() -> dict[str, int]:
        tools.send("HeapProfiler.collectGarbage")
        return tools.send("Memory.getDOMCounters")

    shown.page.evaluate(OPEN_AND_CLOSE, 2)
    before = counts()
    assert shown.page.evaluate(OPEN_AND_CLOSE, 50) == 0
    after = counts()
    assert after["jsEventListeners"] <= before["jsEventListeners"]
    assert after["nodes"] - before["nodes"] < 50  # one widget alone has hundreds
    assert shown.page.evaluate("document.querySelectorAll('canvas').length") == shown.root.locator("canvas").count()
    assert shown.page.workers == []
    shown.page.close()


def test_two_widgets_on_a_page_do_not_disturb_each_other(page: Path, browser: Browser) -> None:
    shown = open_page(browser, page)
    shown.page.evaluate(OPEN_ONE_MORE)
    widgets = shown.page.locator(".law")
    expect(widgets).to_have_count(2)
    one, other = widgets.all()

    def marked(widget: Locator) -> tuple[int, int, int]:
        """Words lit and pinned, and whether the list of keys is open."""
        shown.settle()
        keys = widget.get_by_role("dialog", name="Keys")
        return widget.locator("[data-lit]").count(), widget.locator("[data-pin]").count(), int(keys.is_visible())

    for widget, beside in ((one, other), (other, one)):
        widget.get_by_role("group", name="Prompt").locator("[data-line]").first.click()
        assert (marked(widget), marked(beside)) == ((1, 1, 0), (0, 0, 0))
        shown.page.mouse.move(1, 1)
        beside.get_by_role("grid").press("Escape")
        assert (marked(widget), marked(beside)) == ((1, 1, 0), (0, 0, 0))
        widget.get_by_role("grid").press("?")
        assert (marked(widget), marked(beside)) == ((1, 1, 1), (0, 0, 0))
        shown.page.keyboard.press("Escape")
        widget.get_by_role("radio", name="sentence").click()
        expect(beside.get_by_role("radio", name="token", exact=True)).to_be_checked()
        widget.get_by_role("radio", name="token", exact=True).click()
        widget.get_by_role("grid").press("Escape")
        assert (marked(widget), marked(beside)) == ((0, 0, 0), (0, 0, 0))
    ids = shown.page.evaluate("[...document.querySelectorAll('.law [id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids)) > 2
    shown.page.close()


def test_the_strip_tells_what_the_run_is_at(page: Path, browser: Browser, result: Attribution) -> None:
    shown = open_page(browser, page)
    shown.page.evaluate(STREAM, "running")
    told = {name: shown.root.locator(f"[data-stat={name}]") for name in ("calls", "left", "said", "settled")}
    expect(told["calls"]).to_contain_text(f"calls {result.provenance.calls}")
    expect(told["left"]).to_have_text("50/s · 3.0 s left")
    expect(told["said"]).to_have_text(str(result.status))
    expect(told["settled"]).to_contain_text("%")
    shown.page.close()
