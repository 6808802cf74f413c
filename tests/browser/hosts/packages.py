"""Packages of npm that pages of other hosts ask a network for: fetched once beside the hosts' environments."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

from hatch_build import _find_npm  # pyright: ignore[reportPrivateUsage]  # npm as the build finds it
from tests.browser.hosts.servers import HOSTS

FOLDER = HOSTS.with_name(f"{HOSTS.name}-npm")
WANTED = {
    "@jupyterlab/services": "^7",
    "@vscode/jupyter-ipywidgets8": "^1",
    "esbuild": "^0.28",
    "requirejs": "^2.3.7",
}


ANY = {"Access-Control-Allow-Origin": "*"}


def anywidget_js() -> Path:
    """anywidget's own front end, as pip installed it."""
    return Path(sys.prefix) / "share" / "jupyter" / "nbextensions" / "anywidget" / "index.js"


@cache
def installed() -> Path:
    """The folder of the packages, `node_modules`."""
    if not (FOLDER / "node_modules" / "requirejs").is_dir():
        FOLDER.mkdir(exist_ok=True)
        package = {"name": "hosts", "private": True, "dependencies": WANTED}
        (FOLDER / "package.json").write_text(json.dumps(package), encoding="utf-8")
        command, env = _find_npm()
        subprocess.run([*command, "install", "--no-audit", "--no-fund"], cwd=FOLDER, env=dict(env), check=True)
    return FOLDER / "node_modules"


def require_js() -> Path:
    return installed() / "requirejs" / "require.js"


@cache
def vscode_page() -> dict[str, Path]:
    """What the page of test_vscode_manager.py loads, by address: VS Code's manager of widgets, over a real kernel."""
    modules, bundle = installed(), FOLDER / "vscode.js"
    entry = FOLDER / "entry.js"  # beside node_modules, where its imports are found
    entry.write_text(Path(__file__).with_name("vscode.js").read_text(encoding="utf-8"), encoding="utf-8")
    command, env = _find_npm()
    options = [f"--outfile={bundle}", "--bundle", "--format=iife", "--define:process.env={}", "--log-level=error"]
    esbuild = [*command, "exec", "--offline", "--", "esbuild", str(entry), *options]
    subprocess.run(esbuild, cwd=FOLDER, env=dict(env), check=True)
    (manager,) = (modules / "@vscode" / "jupyter-ipywidgets8").rglob("ipywidgets.js")
    return {
        "vscode.js": bundle,
        "ipywidgets.js": manager,
        "require.js": require_js(),
        "anywidget/index.js": anywidget_js(),
    }
