"""A file is whole or as it was, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget.game.atomic import whole_file
from llm_attr_widget.game.ledger import KEY_BYTES, Ledger


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def half_written(path: Path) -> None:
    with whole_file(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt


def ledger(rows: int) -> Ledger:
    rng = np.random.default_rng(rows)
    return Ledger(
        rng.random((rows, 9)) < 0.5,
        rng.normal(size=(rows, 2)).astype(np.float32),
        np.zeros(rows, np.int32),
        "game",
        rng.integers(256, size=(rows, KEY_BYTES), dtype=np.uint8),
    )


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    ledger(5).save(path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left"):
        ledger(7).save(path)
    assert len(Ledger.load(path)) == 5
    assert names(tmp_path) == ["run.npz"]


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """Files of more than 100 kB cannot be written in this process."""
    path = tmp_path / "run.npz"
    ledger(5).save(path)
    code = (
        "import resource, sys\n"
        "from tests.game.test_atomic import ledger\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: ledger(20_000).save(sys.argv[1])\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert "File too large" in done.stdout
    assert done.stderr == ""
    assert len(Ledger.load(path)) == 5
    assert names(tmp_path) == ["run.npz"]


def test_an_interrupt_within_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        half_written(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions and links are POSIX")
def test_links_and_permissions_stay(tmp_path: Path) -> None:
    target, link, new = tmp_path / "target.npz", tmp_path / "link.npz", tmp_path / "new.npz"
    ledger(5).save(target)
    target.chmod(0o640)
    link.symlink_to(target)
    ledger(6).save(link)
    assert link.is_symlink()
    assert len(Ledger.load(target)) == 6
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        ledger(5).save(new)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 120 + ".npz")
    ledger(3).save(path)
    assert len(Ledger.load(path)) == 3
