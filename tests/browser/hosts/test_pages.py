"""Pages without a kernel: `to_html` at 400 px and offline, a notebook by nbconvert with the widget in it, papermill."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Route

from tests.browser.hosts.measures import SETUP, SHORT, record
from tests.browser.hosts.servers import PYTHON, environment
from tests.browser.lab import ARTIFACTS
from tests.browser.pages import Saved, open_page

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_of_its_own_fits_a_phone_and_asks_for_nothing(text_page: Saved, browser: Browser, dark: bool) -> None:
    shown = open_page(browser, text_page.path, width=400, dark=dark)
    asked: list[str] = []
    shown.page.on("request", lambda request: asked.append(request.url))
    shown.page.reload()
    shown.settle()
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert shown.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert shown.root.get_attribute("data-theme") == ("dark" if dark else "light")
    shown.view.point_at(0, 1)
    assert "→" in shown.view.tip().title
    shown.page.screenshot(path=ARTIFACTS / f"host-page-{'dark' if dark else 'light'}.png")
    shown.page.close()
    record("`to_html`, 400 px, offline", shows="light, dark", states="–", hover="yes", stop="–", reload="–")


def notebook(folder: Path) -> Path:
    codes = [SETUP, f"w = {SHORT}\nw", "w.run(); w.wait()\nNone"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, folder / "in.ipynb")
    return folder / "in.ipynb"


def run(folder: Path, *arguments: str) -> None:
    command = [str(PYTHON), "-m", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_papermill_and_nbconvert_keep_the_result_of_a_run_in_another_cell(tmp_path: Path, browser: Browser) -> None:
    notebook(tmp_path)
    run(tmp_path, "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar")
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    saved = executed.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert [one["state"]["status"] for one in saved.values() if one["model_module"] == "anywidget"] == ["finished"]
    run(tmp_path, "nbconvert", "--to", "html", "out.ipynb")
    page = browser.new_page(viewport={"width": 1280, "height": 960})

    def refused(route: Route) -> None:
        route.continue_() if route.request.url.startswith(("file:", "data:", "blob:")) else route.abort()

    page.route("**/*", refused)
    page.goto((tmp_path / "out.html").as_uri())
    picture = page.locator(".jp-OutputArea-output img").first
    picture.wait_for()
    assert picture.evaluate("(image) => image.naturalWidth") > 200
    assert "finished" in page.locator("body").inner_text()
    page.screenshot(path=ARTIFACTS / "host-nbconvert.png")
    page.close()
    record(
        "papermill, nbconvert to HTML", shows="a still picture; the widget where its CDN can be reached",
        states="–", hover="–", stop="–", reload="–",
    )  # fmt: skip
