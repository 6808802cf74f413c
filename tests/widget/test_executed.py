"""Notebooks executed as a whole (nbclient, and by it nbconvert and papermill) keep the result, wherever it ran."""

from __future__ import annotations

import base64
import contextvars
import re
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbconvert.exporters import HTMLExporter, LatexExporter

from llm_attr_widget import AttrWidget
from tests.support import BitsInput
from tests.widget.front import TARGET, Held, widget

MADE = """
import numpy as np
from llm_attr_widget import AttrWidget, TableModel, Target
from llm_attr_widget.types import Piece, Prompt

class Words:
    features = (" golf", " law")
    pieces = (Piece(" golf", 0), Piece(" law", 1))
    baseline, random = "left out", False
    def render(self, coalitions, rng):
        return [Prompt(tuple(np.flatnonzero(row).tolist())) for row in coalitions]

model = TableModel.of(np.array([[-9.0], [-5.0], [-8.0], [-1.0]]), tokens=(0, 1))
w = AttrWidget(model, None, Words(), Target((0,), (" yes",)))
w
"""
STATE = "application/vnd.jupyter.widget-state+json"
SHAPLEY = [5.5, 2.5]  # golf brings 4 alone and 7 after law, law brings 1 alone and 4 after golf


def executed(*codes: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return notebook


def state_of(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The widget's traits as the file has them, bytes in their places."""
    shown = notebook.cells[0].outputs[0]["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]
    widget = notebook.metadata["widgets"][STATE]["state"][shown]
    state = dict(widget["state"])
    for buffer in widget.get("buffers", ()):
        if len(buffer["path"]) == 1:
            state[buffer["path"][0]] = base64.b64decode(buffer["data"])
    return state


@pytest.fixture(scope="module")
def waited() -> nbformat.NotebookNode:
    return executed(MADE, "w.run(); w.wait()", "w.snapshot()")


def test_a_run_in_another_cell_is_kept_with_its_numbers_and_its_picture(waited: nbformat.NotebookNode) -> None:
    state = state_of(waited)
    assert state["status"] == "finished"
    assert state["chart"]["features"] == [" golf", " law"]
    assert state["progress"]["phase"] == "finished"
    np.testing.assert_allclose(np.frombuffer(state["values"], "<f4"), SHAPLEY)
    live, still = (output["data"] for output in waited.cells[0].outputs)
    assert "application/vnd.jupyter.widget-view+json" in live
    assert base64.b64decode(still["image/png"]).startswith(b"\x89PNG")
    assert "finished" in still["text/html"]
    assert "+5.50" in still["text/html"]


def test_other_forms_of_the_file_have_the_picture(waited: nbformat.NotebookNode) -> None:
    waited = nbformat.from_dict({**waited, "metadata": {}})  # as GitHub reads it
    page, _ = HTMLExporter().from_notebook_node(waited)
    assert len(re.findall("""<img alt=["']Shapley value of 2 features""", page)) == 2
    paper, more = LatexExporter().from_notebook_node(waited)
    assert len([name for name in more["outputs"] if name.endswith(".png")]) == 2
    assert paper.count("includegraphics") == 2
    assert "object at 0x" not in paper + page


ADDED = """
other = AttrWidget(model, None, Words(), Target((0,), (" yes",)))
other.run()
w.add(other.wait())
"""


@pytest.mark.parametrize("code", ["w.run()\nawait w.finished()", ADDED], ids=["finished", "add"])
def test_so_is_what_comes_by_other_ways(code: str) -> None:
    notebook = executed(MADE, code)
    state = state_of(notebook)
    assert state["status"] == "finished"
    np.testing.assert_allclose(np.frombuffer(state["values"], "<f4"), SHAPLEY)
    assert "image/png" in notebook.cells[0].outputs[1]["data"]


def test_the_last_word_goes_where_the_front_end_spoke_last_so_that_stop_comes_by_that_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kernel with subshells answers on the one that the last message of a widget left for."""
    cell = contextvars.ContextVar("cell", default="none")
    sent: list[tuple[str, bool]] = []
    w = widget()

    def kept(names: object = None) -> None:
        sent.append((cell.get(), isinstance(names, list)))

    def spoke() -> None:
        cell.set("subshell")
        w._handle_custom_msg({"kind": "hello"}, [])

    def waits() -> None:
        cell.set("the cell that waits")
        w.wait(60)

    contextvars.Context().run(spoke)
    w.run()
    w._worker.wait(60)
    monkeypatch.setattr(w, "send_state", kept)
    contextvars.Context().run(waits)
    assert sent == [("the cell that waits", True), ("subshell", False)]


def test_nothing_is_sent_again_while_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Held(3)
    w = AttrWidget(model, None, BitsInput(3), TARGET)
    w.run()
    sent: list[object] = []
    monkeypatch.setattr(w, "send_state", sent.append)
    w.wait(0.0)
    assert sent == []
    model.let_all()
    w.wait(60)
    assert sent
