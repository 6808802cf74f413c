"""Any web server of the hosts' environment on a free port, with folders of its own; it ends with its test."""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.browser.server import OWN_FOLDERS
from tests.waiting import until

ROOT = Path(__file__).parents[3]
HOSTS = Path(os.environ.get("LAW_HOSTS", ROOT / ".venv" / "hosts"))
PYTHON = HOSTS / "bin" / "python"
PYTHON_6 = HOSTS.with_name(f"{HOSTS.name}-ipykernel6") / "bin" / "python"
START_TIMEOUT = 150.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path) -> dict[str, str]:
    """Nothing of the user's is read or left, and the package is this very checkout."""
    own = {name: str(folder / path) for name, path in OWN_FOLDERS.items()}
    more = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "xdg"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "xdg-data"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    return {**os.environ, **own, **more}


@contextmanager
def serve(
    arguments: Sequence[str], port: int, folder: Path, *, ready: str = "/", env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """`python -m` these arguments; the address, once it answers there, whatever it says. Its log is in the folder."""
    log = folder / "server.log"
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            urllib.request.urlopen(address + ready, timeout=60).read()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    with log.open("wb") as out:
        command = [str(PYTHON), "-m", *arguments]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=env or environment(folder), cwd=folder)
        try:
            until(lambda: answers() or process.poll() is not None, START_TIMEOUT)
            if process.poll() is not None:
                raise RuntimeError(f"{arguments[0]} did not start; its log:\n{log.read_text(encoding='utf-8')[-3000:]}")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=20)
