"""Voila: a notebook as a page."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from tests.browser.hosts.measures import LONG, SETUP, SHORT, looks, record, stops, streams_and_is_hovered_over
from tests.browser.hosts.packages import require_js
from tests.browser.hosts.servers import environment, free_port, serve
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_shows_streams_and_stops(browser: Browser, tmp_path: Path, theme: str) -> None:
    codes = [SETUP, f"w = {SHORT}\nw", f"v = {LONG}\nv"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "page.ipynb")
    port = free_port()
    command = ["voila", str(tmp_path / "page.ipynb"), "--no-browser", f"--port={port}", f"--theme={theme}"]
    env = environment(tmp_path)
    with serve([*command, "--Voila.port_retries=0"], port, tmp_path, ready="/voila/static/none", env=env) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 960}, reduced_motion="reduce")
        page.route("**/require.min.js", lambda route: route.fulfill(path=require_js(), content_type="text/javascript"))
        page.goto(url, timeout=120_000)
        page.locator(".law").nth(1).wait_for(timeout=120_000)
        view = View.at(page.locator(".law").nth(0))
        seen = streams_and_is_hovered_over(view)
        looks(view, theme)
        stops(View.at(page.locator(".law").nth(1)))
        page.screenshot(path=Path(__file__).parents[2] / "artifacts" / f"host-voila-{theme}.png")
        page.close()
    record("Voila", shows="light, dark", states=seen, hover="yes", stop="yes", reload="a new session")
