"""The notebook about images runs from top to bottom, and shows what it says."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "images.ipynb"


@pytest.mark.filterwarnings("ignore")  # jupyter_client's own event loop and ports, none of ours
@pytest.mark.timeout(300)
def test_it_runs_and_draws_its_pictures() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=240, kernel_name="python3").execute(cwd=str(NOTEBOOK.parent))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [{name for output in cell.outputs for name in output.get("data", {})} for cell in cells]
    assert sum("image/png" in names for names in shown) == 8
    assert "application/vnd.jupyter.widget-view+json" in shown[2]
    assert "split in four" in cells[7].outputs[0]["text"]
