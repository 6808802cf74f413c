"""marimo: the widget by `mo.ui.anywidget` and as it is, as an app and in the editor; cells follow its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.hosts.measures import LONG, PROMPT, SHORT, goes_on, looks, record, stops, streams_and_is_hovered_over
from tests.browser.hosts.servers import free_port, serve
from tests.browser.lab import ARTIFACTS
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(400)
APP = f"""
import marimo
app = marimo.App()
@app.cell
def _():
    import marimo as mo
    from llm_attr_widget import AttrWidget
    from llm_attr_widget.demo import load_text
    model, tok = load_text()
    prompt = {PROMPT!r}
    return AttrWidget, model, mo, prompt, tok
@app.cell
def _(AttrWidget, model, mo, prompt, tok):
    w = mo.ui.anywidget({SHORT})
    w
    return (w,)
@app.cell
def _(AttrWidget, model, mo, prompt, tok):
    v = mo.ui.anywidget({LONG})
    v
    return (v,)
@app.cell
def _(AttrWidget, model, prompt, tok):
    plain = {SHORT}
    plain
    return (plain,)
@app.cell
def _(mo, w):
    mo.md(f"status of w: {{w.value['status']}}")
    return
if __name__ == "__main__":
    app.run()
"""


@pytest.fixture(params=[("run", "light"), ("edit", "dark")], ids="-".join)
def host(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[tuple[str, str, Page]]:
    mode: Literal["run", "edit"]
    mode, theme = request.param
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    settings = tmp_path / "xdg" / "marimo" / "marimo.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[runtime]\nauto_instantiate = true\n[display]\ntheme = "{theme}"\n', encoding="utf-8")
    port = free_port()
    command = ["marimo", "-q", mode, "app.py", "--headless", "--no-token", "-p", str(port)]
    with serve([*command, *(["--skip-update-check"] if mode == "edit" else [])], port, tmp_path) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 960}, reduced_motion="reduce")
        page.goto(url, timeout=60_000)
        page.locator(".law").nth(2).wait_for(timeout=120_000)
        yield mode, theme, page
        page.screenshot(path=ARTIFACTS / f"host-marimo-{mode}.png")
        page.close()


def outputs(page: Page, number: int) -> View:
    """The widgets in the order of the app's cells."""
    return View.at(page.locator(".law").nth(number))


def test_it_streams_stops_and_tells_other_cells(host: tuple[str, str, Page]) -> None:
    mode, theme, page = host
    w = outputs(page, 0)
    said = page.locator(".paragraph", has_text="status of w:")
    expect(said).to_contain_text("idle")
    seen = streams_and_is_hovered_over(w)
    looks(w, theme)
    expect(said).to_contain_text("finished")
    plain = streams_and_is_hovered_over(outputs(page, 2))
    long = outputs(page, 1)
    stops(long)
    long.run_button.click()
    long.wait_for("running")
    page.reload()
    page.locator(".law").nth(2).wait_for(timeout=120_000)
    again = outputs(page, 1)
    if mode == "edit":
        goes_on(again)
    else:
        again.wait_for("idle")
    record(
        f"marimo {mode}",
        shows=theme, states=min(seen, plain), hover="yes", stop="yes",
        reload="goes on" if mode == "edit" else "a new session", note='`w.value["status"]` follows',
    )  # fmt: skip
