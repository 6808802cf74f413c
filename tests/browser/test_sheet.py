"""Every state of the widget, each in a tile of one page: all of them are drawn, and say of themselves what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.sheet import OUT, open_sheet, take, tiles, write_page

pytestmark = pytest.mark.timeout(240)

# What each state must show, and must not.
SAYS = {
    "idle": ("What made the model say it?", "Stop"),
    "editing": ("not run yet", "Run with"),
    "queued": ("Waiting for another run on this model…", "not run yet"),
    "running": ("so far, ", "Finished"),
    "paused": ("Paused", "Waiting"),
    "stopped, pointed at": ("Stopped", "not run yet"),
    "failed": ("out of memory", "not run yet"),
    "finished": ("calls", "not run yet"),
    "stale: another method": ("Shown are the", "not run yet"),
    "no kernel": ("A saved picture", "Run with"),
    "saved in mid-run": ("from the middle of a run", "Asking the model"),
}
PHASES = {"queued": "running", "editing": "finished", "stopped, pointed at": "stopped", "saved in mid-run": "stopped"}


def test_every_state_is_drawn_and_says_what_it_is(browser: Browser, tmp_path: Path) -> None:
    columns, shown = tiles(lambda kind: "," not in kind.name)
    path = tmp_path / "sheet.html"
    write_page(path, columns, shown)
    page = open_sheet(browser, path)
    seen = page.evaluate("""() => [...document.querySelectorAll("figure")].map((figure) => {
      const root = figure.querySelector(".law");
      const canvas = root.querySelector(".law-grid canvas");
      const box = root.getBoundingClientRect();
      const wide = [...root.querySelectorAll("*")].filter((part) => part.checkVisibility() && !part.closest(".law-tip"))
        .filter((part) => part.getBoundingClientRect().right > box.right + 1).map((part) => part.className);
      const boxes = [...root.querySelectorAll(".law-flow, .law-editor textarea")];
      const cut = boxes.some((part) => part.scrollHeight > part.clientHeight + 1);
      return { name: figure.dataset.name, cut, phase: root.dataset.phase, said: root.innerText, wide,
               tip: [...root.querySelectorAll(".law-tip")].some((tip) => !tip.hidden),
               cells: canvas.width > 10 && canvas.closest("[data-empty]") === null };
    })""")
    assert len(seen) == len(shown) == len(SAYS) * len(columns)
    for tile, made in zip(seen, shown, strict=True):
        state = tile["name"].split(" · ")[0]
        if state.startswith("stopped") and made.traits["status"] == "finished":
            state = "finished"  # of one feature a run is over before it can be stopped
        says, never = SAYS[state]
        assert says in tile["said"], tile["name"]
        assert never not in tile["said"].splitlines(), tile["name"]
        assert tile["phase"] == PHASES.get(
            state, state.split(":")[0].replace("stale", "finished").replace("no kernel", "finished")
        )
        assert tile["cells"] == (state not in ("idle", "queued", "saved in mid-run")), tile["name"]
        assert tile["tip"] == made.point, tile["name"]
        assert tile["wide"] == [], tile["name"]
        assert not tile["cut"] or "500" in tile["name"], tile["name"]
    take(page, OUT)
    page.close()
