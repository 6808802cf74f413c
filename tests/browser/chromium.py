"""Finds a Chromium for the browser tests, and gets one where there is none: `python -m tests.browser.chromium`.

In this order: LAW_CHROMIUM, the system's, Debian's package (as root, or with sudo that asks nothing), Playwright's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
# Nothing that phones home, no GPU: pictures are the same everywhere, and root (containers) needs --no-sandbox.
OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
)
HELP = (
    "The browser tests need Chromium, and none could be found or installed. Install it (Debian: apt install chromium), "
    "or run `python -m playwright install --with-deps chromium`, or name one: LAW_CHROMIUM=/path/to/chromium."
)


def system_chromium() -> str | None:
    """Path of the Chromium that LAW_CHROMIUM names or that the system has."""
    named = os.environ.get("LAW_CHROMIUM")
    if named is not None:
        return named
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    return found or (str(MAC) if MAC.exists() else None)


def launch(playwright: Playwright) -> Browser:
    """Start it headless, with a new profile."""
    return playwright.chromium.launch(executable_path=system_chromium(), args=list(OPTIONS))


def works() -> bool:
    """Whether one starts: being there is not enough (Ubuntu's chromium is a note that says to use snap)."""
    with sync_playwright() as playwright:
        try:
            launch(playwright).close()
        except Error as error:
            print(str(error).strip().splitlines()[0], file=sys.stderr)
            return False
    return True


def ensure() -> None:
    """Return once a Chromium starts, having installed one if need be; else exit with what to do."""
    if works():
        return
    if "LAW_CHROMIUM" in os.environ:
        raise SystemExit(f"LAW_CHROMIUM={os.environ['LAW_CHROMIUM']} does not start. {HELP}")
    for commands in (
        _debian(),
        [[sys.executable, "-m", "playwright", "install", *_with_system_packages(), "chromium"]],
    ):
        for command in commands:
            print("Getting Chromium:", " ".join(command), flush=True)
        if commands and all(subprocess.run(command, check=False).returncode == 0 for command in commands) and works():
            return
    raise SystemExit(HELP)


def _debian() -> list[list[str]]:
    release = Path("/etc/os-release")
    lines = release.read_text(encoding="utf-8").splitlines() if release.is_file() else []
    prefix = _administrator()
    if "ID=debian" not in lines or shutil.which("apt-get") is None or prefix is None:
        return []
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    return [
        [*prefix, *environment, "apt-get", "update", "--quiet"],
        [
            *prefix,
            *environment,
            "apt-get",
            "install",
            "--quiet",
            "--yes",
            "--no-install-recommends",
            "chromium",
            "fonts-liberation",
        ],
    ]


def _with_system_packages() -> list[str]:
    """Playwright can install the libraries its Chromium needs, but asks for a password unless we are allowed to."""
    return (
        ["--with-deps"] if sys.platform == "linux" and shutil.which("apt-get") and _administrator() is not None else []
    )


def _administrator() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo, or None where neither works."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    allowed = shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0
    return sudo if allowed else None


if __name__ == "__main__":
    ensure()
