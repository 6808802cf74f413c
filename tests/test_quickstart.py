"""The quickstart's first picture: the planted causes stand out, on one scale for all cells."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import numpy as np

from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.demo.text_world import QUICKSTART
from llm_attr_widget.export.style import nice_ceil

ROOT = Path(__file__).parents[1]
PLANTED = {" golf": " lawyer", " hiking": " Coast", " cooking": " lawyer"}


def first_prompt() -> str:
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    code = next(cell.source for cell in notebook.cells if "AttrWidget(" in cell.source)
    return re.findall(r'"(Dave [^"]*)"', code)[0]


def test_the_planted_causes_are_the_strongest_cells_of_the_first_picture() -> None:
    prompt = first_prompt()
    assert prompt.startswith(QUICKSTART)
    assert prompt in (ROOT / "README.md").read_text(encoding="utf-8")
    result = attribute(*load_text(), prompt, progress=False)
    limit = nice_ceil(float(np.abs(result.values).max()))
    cells = np.dstack(np.unravel_index(np.argsort(-np.abs(result.values), axis=None)[:3], result.values.shape))[0]
    assert {(result.outputs[row], result.features[column]) for row, column in cells} == set(PLANTED.items())
    for row, column in cells:
        assert result.values[row, column] > 0.5 * limit  # more than half of the colour there is
