"""A notebook of another host than JupyterLab, simulated: see notebook.js. It needs Chromium and a Jupyter server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, Route

from tests.browser.server import Server
from tests.browser.widget import View

Mode = Literal["free", "cell", "strict", "vscode"]
HERE = Path(__file__).parent


class Notebook:
    """One notebook on a kernel of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, code: str) -> None:
        """Run a cell to its end. An error in it is raised."""
        self.page.evaluate("(code) => window.run(code)", code)

    def start(self, code: str) -> None:
        """Run a cell, and do not wait for its end."""
        self.page.evaluate("(code) => void window.run(code)", code)

    def view(self, number: int = 0) -> View:
        """The widget in the output of that number, in sight: what is out of it gets no frames to draw in."""
        frame = self.page.locator("iframe").nth(number)
        frame.scroll_into_view_if_needed()
        return View(frame.content_frame.locator("body"))

    def outputs(self) -> Locator:
        """Of a host that has no frames."""
        return self.page.locator("#out > div")

    def seen(self) -> dict[str, int]:
        """How many messages of widgets came through and how many were dropped, and the bytes of the heaviest."""
        return self.page.evaluate("() => window.seen")


@contextmanager
def notebook(server: Server, browser: Browser, mode: Mode, *, dark: bool = False) -> Iterator[Notebook]:
    """The page has the server's own address: nothing needs to be allowed to reach its kernels."""
    page = browser.new_page(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/simulated/*.js", _answer)
    asked = {"mode": mode, "token": server.token, **({"dark": "yes"} if dark else {})}
    try:
        # The server has no such page, but one that says so, from its own address: browsers let no other to its sockets.
        page.goto(f"{server.url}/simulated")
        content = (HERE / "notebook.html").read_text(encoding="utf-8")
        page.set_content(content.replace("{{asked}}", json.dumps(asked)))
        page.locator("body[data-ready]").wait_for(state="attached")
        yield Notebook(page)
    finally:
        page.close()
        server.shut_kernels_down()
    assert errors == [], "uncaught errors in the page"


def _answer(route: Route) -> None:
    file = HERE / route.request.url.partition("?")[0].rpartition("/")[2]
    route.fulfill(body=file.read_text(encoding="utf-8"), content_type="text/javascript")
