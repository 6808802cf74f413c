"""Notebooks with their results: `python -m tests.notebooks` runs them, or those named, and writes them back.

Widget state is left out (`metadata.widgets`): it holds the whole front end, and GitHub shows the pictures beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"

LIMIT = 120
"""Seconds that a cell may take."""

FETCHED = {"real_model"}
"""Run only where they are named, and as long as they like: their model is 253 MB, fetched from PyPI."""


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook, run from top to bottom in a kernel of its own. Raises CellExecutionError where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    limit = None if path.stem in FETCHED else LIMIT
    NotebookClient(notebook, timeout=limit, kernel_name="python3").execute(cwd=str(path.parent))
    return notebook


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without what differs from run to run and is no result: widget state, times, the kernel's version."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.outputs = list(_without_noise(cell.outputs))
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = output.text.replace(f"{FOLDER.parent}/", "")
    return notebook


def _without_noise(outputs: Iterable[nbformat.NotebookNode]) -> Iterable[nbformat.NotebookNode]:
    """Outputs without bars of progress and warnings; what is printed in one piece."""
    printed: nbformat.NotebookNode | None = None
    for output in outputs:
        live = output.get("data", {}).pop(VIEW, None)
        if (live and output.output_type == "display_data") or output.get("name") == "stderr":
            continue
        if output.output_type != "stream":
            printed = None
        elif printed is not None:
            printed.text += output.text
            continue
        else:
            printed = output
        yield output


def main(names: Iterable[str]) -> None:
    every = [path for path in sorted(FOLDER.glob("*.ipynb")) if path.stem not in FETCHED]
    for path in sorted(FOLDER / f"{name}.ipynb" for name in names) or every:
        nbformat.write(tidied(executed(path)), path)


if __name__ == "__main__":
    main(sys.argv[1:])
