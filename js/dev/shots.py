"""Pictures of the widget in every state, without a kernel: `python js/dev/shots.py [name ...]` writes js/dev/out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def hover(page: Page, row: int, column: int) -> None:
    grid = page.locator(".law-grid")
    at = {key: float(grid.get_attribute(f"data-{key}") or 0) for key in ("x0", "y0", "cell-width", "cell-height")}
    box = grid.bounding_box()
    if box is None:
        raise LookupError("Expected the grid to be on show, but it has no box.")
    x, y = at["x0"] + (column + 0.5) * at["cell-width"], at["y0"] + (row + 0.5) * at["cell-height"]
    page.mouse.move(box["x"] + x, box["y"] + y)


def mock(page: Page) -> None:
    page.locator(".law-flow[aria-label=Answer] span").nth(2).click()
    hover(page, 2, 8)


def zoomed(page: Page) -> None:
    for _ in range(5):
        page.get_by_role("button", name="Zoom in").click()
    hover(page, 252, 250)


def span(page: Page) -> None:
    words = page.locator(".law-flow[aria-label=Answer] [data-line]")
    words.nth(2).hover()
    page.mouse.down()
    words.nth(4).hover()
    page.mouse.up()
    page.mouse.move(5, 5)


def brush(page: Page) -> None:
    page.get_by_role("radio", name="sentence").click()
    page.get_by_role("button", name="View as table").click()


def dragged(page: Page) -> None:
    hover(page, 0, 3)
    page.mouse.down()
    hover(page, 2, 8)
    page.mouse.up()
    page.mouse.move(5, 5)


def contrast(page: Page) -> None:
    page.locator(".law-flow[aria-label=Answer] span").nth(2).click()
    page.get_by_role("button", name="Why").click()


# name: (query, width, what to do first)
SHOTS = {
    "empty": ("state=empty", 1088, None),
    "empty-dark": ("state=empty&dark", 1088, None),
    "running": ("state=running", 1088, mock),
    "running-dark": ("state=running&dark", 1088, mock),
    "finished": ("state=finished", 1088, None),
    "finished-dark": ("state=finished&dark", 1088, None),
    "stopped": ("state=stopped", 1088, None),
    "failed": ("state=failed", 1088, lambda page: page.locator("summary").click()),
    "failed-dark": ("state=failed&dark", 1088, None),
    "bar": ("state=running", 948, None),
    "narrow": ("state=finished", 448, None),
    "contrast": ("state=finished", 1088, contrast),
    "narrow-empty": ("state=empty", 448, None),
    "narrow-hover": ("state=running&dark", 448, lambda page: hover(page, 2, 8)),
    "five": ("state=finished&size=2x5", 1088, lambda page: hover(page, 1, 3)),
    "hundred": ("state=finished&size=30x100", 1088, lambda page: hover(page, 12, 40)),
    "large": ("state=finished&size=500x500", 1088, lambda page: hover(page, 212, 240)),
    "large-dark": ("state=finished&size=500x500&dark", 1088, None),
    "wide": ("state=finished&size=100x8000", 1088, None),
    "zoomed": ("state=finished&size=500x500", 1088, zoomed),
    "span": ("state=finished", 1088, span),
    "regrouped": ("state=finished", 1088, brush),
    "brush": ("state=finished", 1088, dragged),
    "narrow-running": ("state=running", 448, None),
    "chat": ("state=finished&chat", 1088, lambda page: page.locator(".law-fold").first.click()),
    "hatched": ("state=finished", 1088, lambda page: page.get_by_role("button", name="Signs").click()),
    "custom": ("state=finished", 1088, lambda page: page.get_by_role("button", name="custom").click()),
    "help": ("state=finished&dark", 1088, lambda page: page.locator(".law-grid").press("?")),
    "options": ("state=finished", 1088, lambda page: page.get_by_role("button", name="Options").click()),
}


def main(names: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    shutil.copy(HERE / "page.html", OUT / "page.html")
    build = ["node_modules/.bin/esbuild", "dev/harness.ts", "--bundle", "--format=esm", "--outfile=dev/out/harness.js"]
    subprocess.run([*build, "--log-level=warning"], cwd=HERE.parent, check=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(OUT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name in names or list(SHOTS):
            query, width, act = SHOTS[name]
            page = browser.new_page(viewport={"width": width, "height": 420}, device_scale_factor=1.5)
            page.on("console", lambda message: print(name, message.text))
            page.on("pageerror", lambda error: print(name, "ERROR", error))
            page.goto(f"http://127.0.0.1:{server.server_port}/page.html?{query}")
            page.wait_for_selector(".law")
            page.wait_for_timeout(700)
            if act:
                act(page)
            page.wait_for_timeout(150)
            page.screenshot(path=OUT / f"{name}.png", full_page=True)
            page.close()
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
