"""One JupyterLab for all browser tests, with folders of its own: nothing of the user's is read or left."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import until

START_TIMEOUT = 90.0
SETTINGS = {
    # No question about news, nothing fetched: it would cover the notebook.
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


OWN_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}


@dataclass(frozen=True)
class Server:
    """url: ends without a slash. notebooks: the folder that the server shows. log: what it printed."""

    url: str
    token: str
    notebooks: Path
    log: Path

    def answers(self) -> bool:
        try:
            self._api("GET", "status")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def shut_kernels_down(self) -> None:
        """Each kernel holds a copy of torch: end them between tests."""
        for session in self._api("GET", "sessions"):
            self._api("DELETE", f"sessions/{session['id']}")
        for kernel in self._api("GET", "kernels"):  # those of no notebook
            self._api("DELETE", f"kernels/{kernel['id']}")

    def _api(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or "null")


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[Server]:
    """Start it below `folder`; end it and its kernels afterwards."""
    notebooks, runtime, log = folder / "notebooks", folder / "runtime", folder / "jupyter.log"
    for path in (notebooks, runtime):
        path.mkdir()
    for name, settings in SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings), encoding="utf-8")
    token = secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
        f"--ServerApp.root_dir={notebooks}",
        f"--IdentityProvider.token={token}",
        "--LabApp.extension_manager=readonly",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=_environment(folder), cwd=notebooks)
        try:
            server = Server(_url(process, runtime, log), token, notebooks, log)
            _wait_for(server, process)
            yield server
            server.shut_kernels_down()
        finally:
            process.terminate()
            process.wait(timeout=30)


def _environment(folder: Path) -> Mapping[str, str]:
    own = {name: str(folder / path) for name, path in OWN_FOLDERS.items()}
    # The virtual environment's kernel, whatever kernels the user has at home.
    return {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1"}


def _url(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Where it listens, which it writes into its runtime folder: the port is the first free one."""
    file = runtime / f"jpserver-{process.pid}.json"

    def written() -> bool:
        return file.is_file() and file.read_text(encoding="utf-8").endswith("}")

    until(lambda: written() or process.poll() is not None, START_TIMEOUT)
    if not written():
        raise RuntimeError(f"JupyterLab did not start; its log:\n{log.read_text(encoding='utf-8')}")
    return f"http://127.0.0.1:{json.loads(file.read_text(encoding='utf-8'))['port']}"


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    until(lambda: server.answers() or process.poll() is not None, START_TIMEOUT)
    if process.poll() is not None:
        raise RuntimeError(f"JupyterLab does not answer; its log:\n{server.log.read_text(encoding='utf-8')}")
