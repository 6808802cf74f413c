"""Writes the table of docs/hosts.md from what `make test-hosts` saw: `python -m tests.browser.hosts.table`."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from tests.browser.hosts.measures import FILE
from tests.browser.hosts.servers import PYTHON

PAGE = Path(__file__).parents[3] / "docs" / "hosts.md"
COLUMNS = {
    "host": "Host",
    "shows": "Shows, in",
    "states": "States seen while streaming",
    "hover": "Hover",
    "stop": "Stop",
    "reload": "Reload in mid-run",
    "note": "And",
}
VERSIONS = ("jupyterlab", "notebook", "ipykernel", "ipywidgets", "anywidget", "voila", "marimo", "panel", "papermill")
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def main() -> None:
    seen = json.loads(FILE.read_text(encoding="utf-8"))
    rows = [{"host": host, **what} for host, what in sorted(seen.items())]
    lines = [" | ".join(str(row.get(column, "")) for column in COLUMNS) for row in rows]
    head = [" | ".join(COLUMNS.values()), " | ".join("---" for _ in COLUMNS)]
    table = "\n".join(f"| {line} |" for line in (*head, *lines))
    day = datetime.now(timezone.utc).date().isoformat()
    said = f"Run on {day}, headless Chromium on two cores: {', '.join(_versions())}.\n\n{table}\n"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{said}{END}{rest.partition(END)[2]}", encoding="utf-8")


def _versions() -> list[str]:
    code = f"from importlib.metadata import version\nfor name in {VERSIONS}: print(name, version(name))"
    return subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


if __name__ == "__main__":
    main()
