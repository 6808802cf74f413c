"""Notebooks are committed with their results, run anywhere, and say which line to change for another model.

`python -m tests.notebooks` (a part of `make docs`) runs all of them; here only the quickest is run anew.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests.notebooks import FETCHED, FOLDER, executed

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NO_MODEL_TO_CHANGE = {"captum_llama2", "images"}
"""Their first lines say which class to load another model with."""


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def each(without: set[str] = frozenset()) -> pytest.MarkDecorator:
    chosen = [path for path in NOTEBOOKS if path.stem not in without]
    return pytest.mark.parametrize("path", chosen, ids=lambda path: path.stem)


@each()
def test_it_is_a_notebook_whose_code_can_be_compiled(path: Path) -> None:
    nbformat.validate(read(path))
    for cell in code(path):
        ast.parse(TransformerManager().transform_cell(cell.source))


@each()
def test_it_shows_results_without_a_kernel_and_no_errors(path: Path) -> None:
    cells = code(path)
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert all(cell.execution_count is not None for cell in cells), "python -m tests.notebooks runs it"
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert "widgets" not in read(path).metadata


@each()
def test_it_has_nothing_of_the_machine_that_ran_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"/(?:home|root|tmp|work|Users|usr|var)/[\w./-]+", text) == []
    assert "site-packages" not in text


@each()
def test_it_opens_in_colab_and_installs_itself_there(path: Path) -> None:
    first, install, *_ = read(path).cells
    address = "https://colab.research.google.com/github/llm-attr-widget/llm_attr_widget/blob/main/notebooks/"
    assert f"({address}{path.name})" in first.source
    assert install.cell_type == "code"
    assert '"google.colab" in sys.modules' in install.source
    assert '%pip install -q "llm_attr_widget[all] @ git+https://' in install.source, "figures, tables and captum, too"


@each(NO_MODEL_TO_CHANGE | FETCHED)
def test_it_names_the_one_line_to_change_for_another_model(path: Path) -> None:
    lines = [line for cell in code(path) for line in cell.source.splitlines()]
    assert sum("A Llama, a Qwen, a Gemma: change this line".casefold() in line.casefold() for line in lines) == 1


@each()
def test_links_lead_to_files_that_are_there(path: Path) -> None:
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    links = [link for text in texts for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.filterwarnings("ignore")  # jupyter_client's own event loop and ports, none of ours
def test_the_quickstart_runs_and_says_what_is_committed() -> None:
    path = FOLDER / "quickstart.ipynb"
    notebook = executed(path)
    now, before = (
        [
            output
            for cell in cells
            if cell.cell_type == "code"
            for output in cell.outputs
            if output.output_type == "stream"
        ]
        for cells in (notebook.cells, read(path).cells)
    )
    assert "Shapley value of" in now[-1].text
    said = [re.sub(r"[\d.]+", "", outputs[-1].text) for outputs in (now, before)]
    assert said[0] == said[1]


def test_all_are_listed_in_the_documentation() -> None:
    assert json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))["cells"]
    assert "{{ notebooks }}" in (FOLDER.parent / "docs" / "tutorials.md").read_text(encoding="utf-8")
