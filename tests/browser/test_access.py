"""Zero violations in every state, light and dark; forced colours and reduced motion; nothing is left behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from llm_attr_widget import attribute
from llm_attr_widget.targets import Target
from tests.browser.pages import Shown, open_page, saved_in
from tests.support import BitsInput, table, table_model

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = Target(tuple(range(4)), tuple(f" t{i}" for i in range(4)))
    result = attribute(
        table_model(table(6, 4), 6), None, BitsInput(6), target, method="permutation_shapley", budget=40, progress=False
    )
    return saved_in(tmp_path_factory.mktemp("access"), result).path


def in_state(page: Path, **changes: Any) -> Path:
    """The page with other traits; those of `progress` are changed one by one."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'(?<=id="content">).*?(?=</script>)', text, re.DOTALL)
    assert found is not None
    content = json.loads(found[0])
    progress = changes.pop("progress", None)
    if progress:
        changes["progress"] = content["state"]["progress"] | progress
    content["state"] |= changes
    path = page.with_name(f"{changes.get('status', 'other')}.html")
    path.write_text(text.replace(found[0], json.dumps(content).replace("<", "\\u003c")), encoding="utf-8")
    return path


STATES: dict[str, dict[str, Any]] = {
    "finished": {"has_model": True},
    "empty": {"status": "idle", "chart": None, "progress": None, "has_model": True},
    "running": {
        "status": "running",
        "progress": {"phase": "running", "rate": 50.0, "seconds_left": 3.0},
        "has_model": True,
    },
    "stopped": {"status": "stopped", "progress": {"phase": "stopped"}},
    "failed": {"status": "failed", "progress": {"phase": "failed", "message": "Out of memory.", "traceback": "line 1"}},
}
ACTS: dict[str, Callable[[Shown], object]] = {
    "cell": lambda shown: shown.page.mouse.move(*shown.cell(1, 2)),
    "pinned": lambda shown: shown.words("Answer").first.click(),
    "help": lambda shown: shown.view.grid.press("?"),
    "find": lambda shown: shown.view.grid.press("/"),
    "custom": lambda shown: shown.root.get_by_role("button", name="custom…").click(),
    "table": lambda shown: shown.root.get_by_role("button", name="View as table").click(),
    "export": lambda shown: shown.root.get_by_role("button", name="Export").click(),
    "regrouped": lambda shown: shown.root.get_by_role("radio", name="sentence").click(),
    "zoomed": lambda shown: shown.view.grid.press("+"),
    "contrast": lambda shown: shown.root.get_by_role("button", name="Why not another?").click(),
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_any_state(page: Path, browser: Browser, dark: bool) -> None:
    found: dict[str, list[str]] = {}
    for name, changes in STATES.items():
        shown = open_page(browser, in_state(page, **changes), dark=dark)
        shown.settle()
        found[name] = shown.violations()
        shown.page.close()
    shown = open_page(browser, in_state(page, has_model=True), dark=dark)
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
    forced: Shown, page: Path, browser: Browser
) -> None:
    plain = open_page(browser, page)
    plain.settle()
    forced.settle()
    assert any(
        "repeating-linear-gradient" in paint for paint in forced.painted("Prompt") + forced.painted("Answer")
    ) or (forced.view.matrix() != plain.view.matrix())
    bar = ".law-progress div"
    moving = f"getComputedStyle(document.querySelector('{bar}')).transitionDuration"
    assert (plain.page.evaluate(moving), forced.page.evaluate(moving)) == ("0.12s", "0s")
    plain.page.close()


OPEN_AND_CLOSE = """async (times) => {
  const { esm, css, state } = JSON.parse(document.getElementById("content").textContent);
  const revive = (value) => Array.isArray(value) ? value.map(revive)
    : value === null || typeof value !== "object" ? value
    : typeof value.base64 === "string"
      ? new DataView(Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0)).buffer)
      : Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
  const traits = revive(state), listeners = new Set();
  const model = { get: (name) => traits[name], set() {}, save_changes() {}, send() {},
    on: (name, listener) => listeners.add(listener), off: (name, listener) => listeners.delete(listener) };
  const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  for (let time = 0; time < times; time++) {
    const { initialize, render } = widget();
    const end = initialize({ model });
    const el = document.body.appendChild(document.createElement("div"));
    const close = render({ model, el });
    await frame();
    close();
    el.remove();
    end();
  }
  await frame();
  return listeners.size;
}"""


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
