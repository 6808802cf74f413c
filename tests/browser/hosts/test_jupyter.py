"""JupyterLab on both generations of ipykernel, and Notebook 7: run, stop, reload in mid-run, and what a file keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.hosts.measures import LONG, SETUP, SHORT, goes_on, looks, record, stops, streams_and_is_hovered_over
from tests.browser.hosts.servers import PYTHON, PYTHON_6, free_port, serve
from tests.browser.lab import PANEL, WINDOW, Lab
from tests.browser.server import Server
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(400)


class Classic(Lab):
    """Notebook 7, or JupyterLab, of the hosts' environment."""

    place = "notebooks"

    def open_notebook(self, notebook: nbformat.NotebookNode, *, scale: float = 1.0, dark: bool = False) -> object:
        path = self._server.notebooks / "test.ipynb"
        nbformat.write(notebook, path)
        context = self._browser.new_context(viewport=WINDOW, device_scale_factor=scale, reduced_motion="reduce")
        context.route("**/*", self._refuse_outside)
        self._page = page = context.new_page()
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.goto(f"{self._server.url}/{self.place}/{path.name}?token={self._server.token}")
        self.ready()
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        return page

    def ready(self) -> None:
        self.page.wait_for_function(
            f"() => {{ if (!window.jupyterapp) return false; {PANEL} return panel?.isVisible; }}",
        )
        self.page.evaluate(
            f"""async () => {{
              {PANEL}
              await panel.context.ready;
              await panel.sessionContext.ready;
              await panel.sessionContext.session.kernel.info;
            }}"""
        )

    def saved(self) -> nbformat.NotebookNode:
        """Save the notebook; what its file holds then."""
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        return nbformat.read(self._server.notebooks / "test.ipynb", as_version=4)


class JupyterLab(Classic):
    place = "lab/tree"


KERNELS = {"ipykernel7": PYTHON, "ipykernel6": PYTHON_6}
APPS = {"notebook": ("notebook", "JupyterNotebookApp"), "lab": ("jupyterlab", "LabApp")}
KINDS = {"notebook": Classic, "lab": JupyterLab}
CASES = [("lab", "ipykernel7"), ("lab", "ipykernel6"), ("notebook", "ipykernel7")]


@pytest.fixture(params=CASES, ids="-".join)
def host(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[tuple[str, str, Classic]]:
    app, kernel = request.param
    module, option = APPS[app]
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name, python in KERNELS.items():
        spec = tmp_path / "data" / "kernels" / name / "kernel.json"
        spec.parent.mkdir(parents=True)
        subshells = {"supported_features": ["kernel subshells"]} if name == "ipykernel7" else {}
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        about = {"argv": argv, "display_name": name, "language": "python", "metadata": {"debugger": False, **subshells}}
        spec.write_text(json.dumps(about), encoding="utf-8")
    port = free_port()
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    more = [
        f"--ServerApp.root_dir={notebooks}",
        "--IdentityProvider.token=tok",
        f"--{option}.expose_app_in_browser=True",
    ]
    with serve([module, *options, *more], port, tmp_path, ready="/api/status?token=tok") as url:
        lab = KINDS[app](Server(url, "tok", notebooks, tmp_path / "server.log"), browser)
        yield app, kernel, lab
        lab.close()
        assert lab.page_errors == [], "uncaught errors in the page"


def cells(kernel: str, *codes: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    return notebook


def test_it_runs_stops_survives_a_reload_and_leaves_a_picture(host: tuple[str, str, Classic]) -> None:
    app, kernel, lab = host
    lab.open_notebook(cells(kernel, SETUP, f"w = {SHORT}\nw", f"v = {LONG}\nv"))
    lab.run_cell(0)
    view = View(lab.run_cell(1))
    seen = streams_and_is_hovered_over(view)
    looks(view, "light")
    expect(lab.outputs(1).locator("img")).to_have_count(1)  # drawn a moment after the end
    expect(lab.outputs(1).locator("img")).to_be_hidden()
    lab.screenshot(f"host-{app}-{kernel}")
    kept = [output["data"] for output in lab.saved().cells[1].outputs]
    assert [("image/png" in data, "<table>" in data.get("text/html", "")) for data in kept] == [
        (False, False),
        (True, True),
    ]
    long = View(lab.run_cell(2))
    stops(long)
    lab.page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", "JupyterLab Dark")
    expect(long.root).to_have_attribute("data-theme", "dark")
    long.run_button.click()
    long.wait_for("running")
    lab.saved()
    lab.page.reload()
    lab.ready()
    goes_on(View(lab.outputs(2)))
    record(
        f"{'JupyterLab' if app == 'lab' else 'Notebook'}, {kernel.replace('ipykernel', 'ipykernel ')}",
        shows="light, dark", states=seen, hover="yes", stop="yes", reload="goes on",
        note="a still picture stays in the file",
    )  # fmt: skip


def test_a_file_without_widget_state_shows_its_picture_when_it_is_opened_anew(host: tuple[str, str, Classic]) -> None:
    _, kernel, lab = host
    lab.open_notebook(cells(kernel, SETUP, f"w = {SHORT}\nw"))
    lab.run_cell(0)
    view = View(lab.run_cell(1))
    view.run_button.click()
    view.wait_for("finished")
    expect(lab.outputs(1).locator("img")).to_have_count(1)
    file = lab.saved()
    assert "widgets" not in file.metadata
    lab.close()
    lab.open_notebook(file)
    picture = lab.outputs(1).locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.naturalWidth") > 200
    expect(lab.outputs(1)).to_contain_text("nats: finished")
    lab.screenshot("host-reopened-without-state")
