"""The public names, pinned: adding or losing one is a decision, and a line in CHANGELOG.md."""

from __future__ import annotations

import doctest
import inspect
import pydoc
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

import llm_attr_widget

NAMES = """
    METHODS AttrWidget Attribution AttributionError CapabilityError ChatInput HuggingFaceModel ImageInput InputError
    Interrupted Ledger LedgerError MethodError OpenAIModel ProtocolError RayModel ScoreError Separated TableModel Target
    TargetError TemplateInput TextInput TokenInput Update attribute compare extend further inputs load_ledger methods
    models refine run
"""


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert sorted(llm_attr_widget.__all__) == sorted(NAMES.split())
    assert all(getattr(llm_attr_widget, name) is not None for name in NAMES.split())


def test_what_is_loaded_later_is_listed_too() -> None:
    assert set(NAMES.split()) <= set(dir(llm_attr_widget))
    assert {"HuggingFaceModel", "OpenAIModel", "RayModel"} <= set(dir(llm_attr_widget.models))
    with pytest.raises(AttributeError, match="has no attribute 'OpenAiModel'"):
        _ = llm_attr_widget.OpenAiModel  # type: ignore[attr-defined]  # the mistake under test


def test_models_that_need_no_torch_do_not_bring_it() -> None:
    code = (
        "import sys, llm_attr_widget as law; law.OpenAIModel, law.TableModel, law.refine; print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


EXAMPLES = {name: getattr(llm_attr_widget, name) for name in NAMES.split() if not name.endswith("Error")}
EXAMPLES = {name: item for name, item in EXAMPLES.items() if inspect.isfunction(item) or name == "AttrWidget"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_public_function_has_an_example_that_holds(name: str) -> None:
    item = EXAMPLES[name]
    found = doctest.DocTestFinder(recurse=False).find(item, name, globs={})
    examples = [test for test in found if test.examples]
    assert examples, f"{name} has no example: write one with >>> in its docstring"
    outcome = [doctest.DocTestRunner(verbose=False).run(test) for test in examples]
    assert sum(result.failed for result in outcome) == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_parameter_of_a_public_function_is_told(name: str) -> None:
    item = EXAMPLES[name]
    doc = inspect.getdoc(item) or ""
    told = set(re.findall(r"\b\w+\b", " ".join(re.findall(r"([\w, ]+):", doc)))) | ({"self"})
    parameters = set(inspect.signature(item).parameters)
    shared = {"attribute"} if "Other arguments are those of `attribute`" in doc else set()
    known = set(inspect.signature(llm_attr_widget.attribute).parameters) if shared else set()
    assert parameters - told - known == set()


def test_help_names_every_method() -> None:
    for door in (llm_attr_widget.attribute, llm_attr_widget.run):
        assert all(re.search(rf"\b{name}\b", door.__doc__ or "") for name in llm_attr_widget.METHODS)


def test_help_on_the_widget_leads_with_ours() -> None:
    said = pydoc.plain(pydoc.render_doc(llm_attr_widget.AttrWidget))
    assert said.index("Which parts of the prompt made the model say this") < said.index("Method resolution order")
    assert "Public constructor" not in said[: said.index("inherited from")]


def test_the_version_is_the_same_everywhere() -> None:
    assert llm_attr_widget.__version__ == version("llm_attr_widget")
