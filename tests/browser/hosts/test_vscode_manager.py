"""VS Code's own manager of widgets (@vscode/jupyter-ipywidgets8) in its dark looks; VS Code itself can not run here."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.hosts.measures import LONG, SETUP, SHORT, goes_on, looks, record, stops, streams_and_is_hovered_over
from tests.browser.hosts.packages import vscode_page
from tests.browser.lab import ARTIFACTS
from tests.browser.server import Server
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(400)
PAGE = """
<!doctype html>
<html lang="en">
<body class="vscode-dark" data-vscode-theme-kind="vscode-dark"
      style="background:#1e1e1e;color:#ccc;--vscode-editor-background:#1e1e1e">
<div id="out"></div>
<script>window.asked = {{asked}};</script>
<script src="/hosts/require.js"></script>
<script>require.config({ paths: { anywidget: "/hosts/anywidget/index" } });</script>
<script type="module">
  const { activate } = await import("/hosts/ipywidgets.js");
  activate();
  await new Promise((done) => {
    const script = document.createElement("script");
    script.src = "/hosts/vscode.js";
    script.onload = done;
    document.head.append(script);
  });
  await window.start();
</script>
"""


def opened(page: Page, server: Server, **more: str) -> None:
    """As a page of the server's, so that it may use its sockets."""
    page.goto(f"{server.url}/hosts")
    asked = json.dumps({"token": server.token, **more})
    page.set_content(PAGE.replace("{{asked}}", asked))
    page.locator("body[data-ready]").wait_for(state="attached", timeout=60_000)


def answer(route: Route) -> None:
    files = vscode_page()
    route.fulfill(path=files[route.request.url.partition("/hosts/")[2]], content_type="text/javascript")


def test_it_streams_stops_and_survives_that_its_page_is_made_anew(server: Server, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 960}, reduced_motion="reduce")
    page.route("**/hosts/**", answer)
    opened(page, server)
    run = "(code) => window.run(code)"
    page.evaluate(run, SETUP)
    page.evaluate(run, f"w = {SHORT}\nw")
    w = View.at(page.locator(".law").nth(0))
    assert (
        page.locator("body").evaluate("(body) => getComputedStyle(body).getPropertyValue('--jp-layout-color0')").strip()
    )
    expect(w.root).to_have_css("background-color", "rgb(30, 30, 30)")
    seen = streams_and_is_hovered_over(w)
    looks(w, "dark")
    page.screenshot(path=ARTIFACTS / "host-vscode.png")
    page.evaluate(run, f"v = {LONG}\nv")
    v = View.at(page.locator(".law").nth(1))
    stops(v)
    v.run_button.click()
    v.wait_for("running")
    opened(page, server, kernel=page.evaluate("() => window.kernel.id"))
    page.evaluate(run, "v")
    goes_on(View.at(page.locator(".law").nth(0)))
    page.close()
    server.shut_kernels_down()
    record("VS Code's manager of widgets", shows="dark", states=seen, hover="yes", stop="yes", reload="goes on")
