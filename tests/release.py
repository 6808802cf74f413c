"""What goes to PyPI, tried as those get it who install it: `make release-check`.

Builds the sdist and from it the wheel, lets twine look at both, installs each into a new environment with no Node on
the PATH, and attributes an answer there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRIED = """
import sys
import llm_attr_widget
from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.demo import load_text
model, tokenizer = load_text()
result = attribute(model, tokenizer, "Dave is a lawyer. His interests include", " golf", progress=False)
assert result.gap < 1e-3, result.gap
page = AttrWidget.from_result(result).to_html()
assert "<script" in page and len(page) > 100_000
absent = [name for name in ("pandas", "matplotlib", "captum", "scipy") if name in sys.modules]
assert not absent, absent
print(llm_attr_widget.__version__, result.top(1))
"""


def main() -> None:
    """Ends with the first thing that is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dist = folder / "dist"
        without_node = _path_without_node(folder / "bin")
        _run([sys.executable, "-m", "build", str(ROOT), "--outdir", str(dist)], PATH=without_node)
        files = sorted(map(str, dist.iterdir()))
        _run([sys.executable, "-m", "twine", "check", "--strict", *files])
        for file in files:
            size = Path(file).stat().st_size / 1e6
            _say(f"{Path(file).name}, {size:.1f} MB: into a bare environment")
            home = folder / Path(file).name.replace(".", "_")
            venv.create(home, with_pip=True)
            python = str(home / ("Scripts" if os.name == "nt" else "bin") / "python")
            constraints = ["--constraint", str(ROOT / "constraints.txt")]
            _run([python, "-m", "pip", "install", "--quiet", *constraints, file], PATH=without_node)
            _run([python, "-m", "pip", "check"], PATH=without_node)
            _run([python, "-W", "error", "-c", TRIED], cwd=folder, PATH=without_node)


def _path_without_node(folder: Path) -> str:
    """A PATH with all that is on the PATH but Node and npm."""
    folder.mkdir()
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        for file in place.iterdir() if place.is_dir() else ():
            if file.name.split(".")[0] not in ("node", "npm", "npx") and not (folder / file.name).exists():
                (folder / file.name).symlink_to(file)
    return str(folder)


def _run(command: Sequence[str], *, cwd: Path | None = None, **environment: str) -> None:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, "PYTHONPATH": "", **environment}, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed with exit status {done.returncode}: see above.")


def _say(text: str) -> None:
    sys.stdout.write(f"== {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
