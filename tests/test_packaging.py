"""The bundle travels with the package: sdist and wheel carry it, and a wheel made from the sdist needs no Node."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[1]
BUNDLE = {"widget.js", "widget.css", "page.html", "sources.sha256"}
MODEL = {"config.json", "model.safetensors", "tokenizer.json"}


def hatchling(target: str, source: Path, out: Path) -> Path:
    """Build, with nothing on the PATH."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    done = subprocess.run(command, cwd=source, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl" if target == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    assert hatch_build.is_fresh(ROOT), "build the front end first: python hatch_build.py"
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(hatchling("sdist", ROOT, folder)) as archive:
        # The first releases of Python 3.10 and 3.11 (Debian's own) have no filters yet, and later ones warn without.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(folder)
    return next(path for path in folder.iterdir() if path.is_dir())


def test_the_wheel_of_the_sdist_needs_no_node_and_has_bundle_model_and_types(unpacked: Path, tmp_path: Path) -> None:
    names = set(zipfile.ZipFile(hatchling("wheel", unpacked, tmp_path)).namelist())
    assert not (unpacked / "js" / "node_modules").exists()
    assert {f"llm_attr_widget/widget/static/{name}" for name in BUNDLE} <= names
    assert {f"llm_attr_widget/demo/text/{name}" for name in MODEL} <= names
    assert "llm_attr_widget/py.typed" in names
    assert [name for name in names if not name.startswith(("llm_attr_widget/", "llm_attr_widget-"))] == []


@pytest.mark.parametrize(
    "change", ["js/src/index.ts", "js/package-lock.json", "llm_attr_widget/widget/static/widget.js"]
)
def test_a_bundle_is_stale_once_its_sources_change_or_it_is_gone(unpacked: Path, tmp_path: Path, change: str) -> None:
    copy = Path(shutil.copytree(unpacked, tmp_path / "copy"))
    assert hatch_build.is_fresh(copy)
    file = copy / change
    if change.endswith(".js"):
        file.unlink()
    else:
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert not hatch_build.is_fresh(copy)


def test_only_a_stale_bundle_asks_for_node_and_only_where_there_is_none(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(unpacked, tmp_path / "copy"))
    monkeypatch.setenv("PATH", "")

    def asked() -> list[str]:
        return hatch_build.FrontEnd(str(copy), {}, None, None, str(tmp_path), "wheel").dependencies()

    assert asked() == []
    (copy / "llm_attr_widget" / "widget" / "static" / "widget.js").unlink()
    assert asked() == [hatch_build.NODE_WHEEL]


def test_the_bundle_is_small_and_brings_all_it_needs() -> None:
    assert hatch_build.is_fresh(ROOT), "build the front end first: python hatch_build.py"
    static = ROOT / "llm_attr_widget" / "widget" / "static"
    script, style = ((static / name).read_text(encoding="utf-8") for name in ("widget.js", "widget.css"))
    assert len(script.encode()) + len(style.encode()) < 160_000
    hosts = set(re.findall(r"https?://([^/\"'`\s)]+)", script + style))
    assert hosts == {"www.w3.org"}  # names of XML spaces, never asked for anything
    assert re.findall(r"\beval\(|\bnew Function\b|\bimportScripts\b", script) == []
    assert "@import" not in style
