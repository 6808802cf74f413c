"""The map of the house in CONTRIBUTING.md, and the house itself. `python -m tests.house` writes the map anew.

Of a folder that the map has, what is said of it stays; a new one comes without words, which a test does not let pass.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
TREES = {"llm_attr_widget": (".py",), "js/src": (".ts", ".css"), "training": (".py",)}
BLOCK = re.compile(r"(?<=```text map\n).*?(?=```)", flags=re.DOTALL)


def on_disk() -> dict[str, list[str]]:
    """Folder → names of the code in it, without endings. A style sheet goes by the name of its view."""
    found: dict[str, list[str]] = {}
    for tree, endings in TREES.items():
        for path in sorted((ROOT / tree).rglob("*")):
            if path.suffix in endings and path.is_file():
                names = found.setdefault(path.parent.relative_to(ROOT).as_posix(), [])
                if path.stem not in names and path.stem != "__init__":
                    names.append(path.stem)
    return found


def on_map(page: str) -> dict[str, tuple[str, list[str]]]:
    """Folder → what is said of it, and the names that the map has in it."""
    block = BLOCK.search(page)
    if block is None:
        raise ValueError("CONTRIBUTING.md has no block of code that begins with ```text map")
    found: dict[str, tuple[str, list[str]]] = {}
    for line in block[0].splitlines():
        if line.startswith(" "):
            found[list(found)[-1]][1].extend(line.split())
        else:
            folder, _, said = line.partition("/ ")
            found[folder] = (said.strip(), [])
    return found


def drawn(said: dict[str, str]) -> str:
    """The map as text: what each folder is for, and below it what is in it."""
    lines: list[str] = []
    for folder, names in on_disk().items():
        lines.append(f"{folder}/ {said.get(folder, '')}".rstrip())
        lines += textwrap.wrap(" ".join(names), width=112, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    said = {folder: words for folder, (words, _) in on_map(page).items()}
    PAGE.write_text(BLOCK.sub(lambda _: drawn(said), page), encoding="utf-8")


if __name__ == "__main__":
    main()
