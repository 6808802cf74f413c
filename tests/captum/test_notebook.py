"""Captum's tutorial runs as it is, and its numbers are the package's."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "captum_llama2.ipynb"


@pytest.mark.filterwarnings("ignore")  # jupyter_client's own event loop and ports, none of ours
@pytest.mark.timeout(240)
def test_the_tutorial_runs_from_top_to_bottom():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=200, kernel_name="python3").execute(cwd=str(NOTEBOOK.parent))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kinds = [{name for output in cell.outputs for name in output.get("data", {})} for cell in cells]
    assert sum("image/png" in kind for kind in kinds) == 5 + 1  # the figures, and the widget as a still picture
    assert "Integrated gradients" in cells[-2].outputs[-1]["data"]["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in kinds[-1]
