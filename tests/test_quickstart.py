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


def first_call() -> tuple[str, str]:
    """Prompt and value function of the notebook's first widget."""
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    code = next(cell.source for cell in notebook.cells if "AttrWidget(" in cell.source)
    (prompt,) = re.findall(r'prompt = "([^"]*)"', code)
    (value,) = re.findall(r'AttrWidget\(model, tok, prompt, value="(\w+)"\)', code)
    return prompt, value


def test_the_planted_causes_are_the_strongest_cells_of_the_first_picture() -> None:
    prompt, value = first_call()
    assert prompt == QUICKSTART
    result = attribute(*load_text(), prompt, value=value, progress=False)
    limit = nice_ceil(float(np.abs(result.values).max()))
    strong = np.argwhere(np.abs(result.values) > 0.5 * limit)  # more than half of the colour there is
    seen = {(result.outputs[row], result.features[column]) for row, column in strong}
    # "playing" is what any prompt that ends like this goes on with.
    assert seen == {*PLANTED.items(), (" playing", " include")}
    others = sorted(np.abs(result.values).ravel())[: -len(seen)]
    assert max(others) < 0.2 * limit
