"""Panel: the widget in an app, by ipywidgets_bokeh."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.hosts.measures import LONG, SETUP, SHORT, record, stops, streams_and_is_hovered_over
from tests.browser.hosts.packages import ANY, anywidget_js
from tests.browser.hosts.servers import free_port, serve
from tests.browser.lab import ARTIFACTS
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(400)
APP = f"""
import panel as pn
{SETUP}
pn.extension("ipywidgets")
w, v = {SHORT}, {LONG}
panes = [pn.pane.IPyWidget(widget, sizing_mode="stretch_width") for widget in (w, v)]
pn.Column(*panes).servable()
"""


def test_it_streams_and_stops(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    port = free_port()
    with serve(["panel", "serve", "app.py", "--port", str(port)], port, tmp_path, ready="/none") as url:
        page = browser.new_page(viewport={"width": 1280, "height": 960}, reduced_motion="reduce")
        for place in ("**/anywidget@*/**", "**/anywidget/**"):  # a CDN: answered from what is installed
            page.route(
                place, lambda route: route.fulfill(path=anywidget_js(), content_type="text/javascript", headers=ANY)
            )
        page.goto(f"{url}/app", timeout=90_000)
        page.locator(".law").nth(1).wait_for(timeout=90_000)
        seen = streams_and_is_hovered_over(View.at(page.locator(".law").nth(0)))
        stops(View.at(page.locator(".law").nth(1)))
        page.screenshot(path=ARTIFACTS / "host-panel.png")
        page.close()
    record("Panel", shows="light", states=seen, hover="yes", stop="yes", reload="a new session")
