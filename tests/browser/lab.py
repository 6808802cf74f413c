"""A notebook in JupyterLab as a user has it: cells run, outputs seen, and the kernel's values to hold them against."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import nbformat
from playwright.sync_api import Browser, Locator, Page, Request, Route

from tests.browser.server import Server

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
WINDOW = {"width": 1280, "height": 960}
RUN_TIMEOUT = 60.0
# What a notebook of ours shows beside its title; the widget has no part in it.
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
T = TypeVar("T")

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
# The open notebook: shell.currentWidget can be null, so search.
PANEL = """
const panel = [...jupyterapp.shell.widgets("main")].find((widget) => widget.content?.widgets && widget.sessionContext);
"""


# What a kernel held is let go; what it has imported stays, as torch takes seconds.
TIDY = """
import gc
from ipywidgets import Widget
Widget.close_all()
get_ipython().run_line_magic("reset", "-f")
gc.collect()
"""


class Lab:
    """A notebook in a browser window, one after the other: JupyterLab and its kernel start once.

    The fixture `lab` gives each test a fresh notebook, its kernel emptied. After a test that fails, and where a kernel
    is still at work or gone, window and kernel are new ones.

    page_errors: uncaught errors in the page.
    outside_requests: addresses asked for beyond the server; they were refused.
    """

    def __init__(self, server: Server, browser: Browser) -> None:
        self._server = server
        self._browser = browser
        self._pages: dict[float, Page] = {}
        self._page: Page | None = None
        self.page_errors: list[str] = []
        self.outside_requests: list[str] = []

    @property
    def is_open(self) -> bool:
        return self._page is not None

    @property
    def page(self) -> Page:
        if self._page is None:
            raise RuntimeError("No notebook is open: call lab.open(cells) first.")
        return self._page

    def open(self, cells: Sequence[str], *, scale: float = 1.0, dark: bool = False) -> Page:
        """Write a notebook of these code cells and open it. scale: device pixels per CSS pixel."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        return self.open_notebook(notebook, scale=scale, dark=dark)

    def open_notebook(self, notebook: nbformat.NotebookNode, *, scale: float = 1.0, dark: bool = False) -> Page:
        """Open this notebook and wait until its kernel is idle."""
        notebook.metadata.setdefault("kernelspec", KERNEL)  # without it Lab asks which
        path = self._server.notebooks / "test.ipynb"
        nbformat.write(notebook, path)
        if scale not in self._pages:
            self._pages[scale] = self._window(scale)
        self._page = page = self._pages[scale]
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        page.evaluate(
            f"""async ([path, theme]) => {{
              await jupyterapp.commands.execute("docmanager:open", {{ path }});
              jupyterapp.shell.collapseLeft();
              await jupyterapp.commands.execute("apputils:change-theme", {{ theme }});
              {PANEL}
              await panel.context.ready;
              await panel.sessionContext.ready;
              await panel.sessionContext.session.kernel.info;
            }}""",
            [path.name, theme],
        )
        return page

    def _window(self, scale: float) -> Page:
        context = self._browser.new_context(viewport=WINDOW, device_scale_factor=scale, reduced_motion="reduce")
        context.route("**/*", self._refuse_outside)
        page = context.new_page()
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.goto(f"{self._server.url}/lab?reset&token={self._server.token}")
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate("() => jupyterapp.restored")
        return page

    def run_cell(self, index: int, *, wait: bool = True, timeout: float = RUN_TIMEOUT) -> Locator:
        """Run a cell and return its outputs. It is done when its prompt shows a number; an error in it is raised."""
        self.page.evaluate(
            f"""(index) => {{
              {PANEL}
              panel.content.activeCellIndex = index;
              panel.content.deselectAll();
              jupyterapp.shell.activateById(panel.id);
              void jupyterapp.commands.execute("notebook:run-cell");
            }}""",
            index,
        )
        if wait:
            self.wait_for_cell(index, timeout=timeout)
        return self.outputs(index)

    def wait_for_cell(self, index: int, *, timeout: float = RUN_TIMEOUT) -> None:
        self.page.wait_for_function(
            f"(index) => {{ {PANEL} return /\\d/.test(panel.content.widgets[index].promptNode.textContent); }}",
            arg=index,
            timeout=timeout * 1000,
        )
        errors = self.page.evaluate(
            f"""(index) => {{
              {PANEL}
              const outputs = panel.content.widgets[index].model.outputs.toJSON();
              const errors = outputs.filter((output) => output.output_type === "error");
              return errors.map((output) => output.traceback.join("\\n"));
            }}""",
            index,
        )
        if errors:
            raise AssertionError(f"Cell {index} failed:\n" + re.sub(r"\x1b\[[\d;]*m", "", "\n".join(errors)))

    def outputs(self, index: int) -> Locator:
        """The output area of a cell."""
        return self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"] .jp-Cell-outputArea')

    def add_cell(self, code: str) -> int:
        """Put a code cell at the end of the notebook; its index."""
        return self.page.evaluate(
            f"""(source) => {{
              {PANEL}
              const cells = panel.content.model.sharedModel;
              cells.insertCell(cells.cells.length, {{ cell_type: "code", source, metadata: {{ trusted: true }} }});
              return cells.cells.length - 1;
            }}""",
            code,
        )

    def evaluate(self, expression: str) -> Any:
        """Value of a Python expression in the kernel, by way of JSON. Waits while a cell is running."""
        reply = self.page.evaluate(
            f"""async (expression) => {{
              {PANEL}
              const kernel = panel.sessionContext.session.kernel;
              const content = {{ code: "", store_history: false, user_expressions: {{ value: expression }} }};
              return (await kernel.requestExecute(content).done).content.user_expressions.value;
            }}""",
            f"__import__('json').dumps({expression})",
        )
        if reply["status"] != "ok":
            raise AssertionError(f"{expression!r} failed in the kernel: {reply['ename']}: {reply['evalue']}")
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))

    def until(self, read: Callable[[], T], good: Callable[[T], bool], *, timeout: float = RUN_TIMEOUT) -> T:
        """Read again and again until the value is good; then that value."""
        deadline = time.monotonic() + timeout
        while not good(value := read()):
            if time.monotonic() > deadline:
                raise AssertionError(f"Not within {timeout:g} s; last seen: {value!r}")
            self.page.wait_for_timeout(50)
        return value

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Keep a picture as tests/artifacts/NAME.png, of one element or of the window."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        (of or self.page).screenshot(path=path)
        return path

    def put_away(self) -> None:
        """Close the notebook and empty its kernel, for the next."""
        if self._page is None:
            return
        page, self._page = self._page, None
        if not page.evaluate(
            f"""async (code) => {{
              {PANEL}
              const kernel = panel.sessionContext.session?.kernel;
              const idle = kernel?.status === "idle";
              if (idle) await kernel.requestExecute({{ code, silent: true }}).done;
              panel.context.model.dirty = false;
              panel.dispose();
              return idle;
            }}""",
            TIDY,
        ):
            self._server.shut_kernels_down()
        page.mouse.move(0, 0)
        page.set_viewport_size(WINDOW)

    def close(self) -> None:
        """Close the windows and end the kernel: the next notebook begins with new ones."""
        for page in self._pages.values():
            page.context.close()
        self._pages.clear()
        self._page = None
        self._server.shut_kernels_down()

    def _refuse_outside(self, route: Route, request: Request) -> None:
        if request.url.startswith((self._server.url, "data:", "blob:")):
            route.continue_()
        elif request.url == BADGE:
            route.fulfill(body='<svg xmlns="http://www.w3.org/2000/svg"/>', content_type="image/svg+xml")
        else:
            self.outside_requests.append(request.url)
            route.abort()
