"""The table of methods in README.md and docs/methods/index.md. `python -m tests.method_table` writes it anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import between, table
from llm_attr_widget.methods import METHODS

ROOT = Path(__file__).parents[1]
PAGES: Mapping[Path, str] = {
    ROOT / "README.md": "docs/methods/{page}.md",
    ROOT / "docs" / "methods" / "index.md": "{page}.md",
}
"""Where the table stands, and how a method's page is reached from there."""


def drawn(address: str) -> str:
    """A line for each method: its name, what a number is, the cost for n features, when to use it."""
    rows = [
        [f"[`{name}`]({address.format(page=name)})", entry.label, entry.cost, entry.when]
        for name, entry in METHODS.items()
    ]
    return table(["method", "a number is", "cost, in model calls", "when"], rows)


def main() -> None:
    for page, address in PAGES.items():
        text = page.read_text(encoding="utf-8")
        page.write_text(between(text, "methods", drawn(address)), encoding="utf-8")


if __name__ == "__main__":
    main()
