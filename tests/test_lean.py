"""The package is quick to import and small to install: what one export needs comes with an extra, and is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from llm_attr_widget.errors import CapabilityError, MissingPackage
from tests.test_habits import project

ROOT = Path(__file__).parents[1]
HEAVY = (
    *("torch", "transformers", "captum", "anywidget", "ipywidgets", "IPython", "matplotlib", "pandas", "scipy"),
    *("sklearn", "skimage", "PIL", "icu4py", "sentencex", "jinja2", "tqdm", "resvg_py", "openai", "ray"),
)
BASE = (
    *("anywidget", "icu4py", "ipywidgets", "jinja2", "numpy", "pillow", "regex", "resvg-py", "sentencex"),
    *("torch", "tqdm", "traitlets", "transformers"),
)


def test_importing_the_package_loads_none_of_these() -> None:
    code = f"import sys, llm_attr_widget; print(*[name for name in {HEAVY} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.split() == []


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[>=<!;, ]", requirement)[0] for requirement in requirements}


def test_the_base_asks_for_no_more_than_these() -> None:
    """Whatever else is wanted gets an extra: a new name here is a decision, and megabytes for everybody."""
    assert names(project()["dependencies"]) == set(BASE)
    extras = project()["optional-dependencies"]
    assert names(extras["captum"]) == {"captum"}
    assert names(extras["plots"]) == {"matplotlib"}
    assert names(extras["tables"]) == {"pandas"}
    assert extras["all"] == ["llm_attr_widget[captum,images,plots,tables]"]


NEEDS = {
    "plots": ("matplotlib", "result.plot_token_attr()"),
    "plots ": ("matplotlib", "result.plot_seq_attr()"),
    "tables": ("pandas", "result.to_dataframe()"),
    "captum": ("captum", "__import__('llm_attr_widget.captum')"),
}
RESULT = """
from llm_attr_widget import Target, attribute
from tests.support import BitsInput, table, table_model
target = Target((0, 1), (" a", " b"))
result = attribute(table_model(table(3, 2), 3), None, BitsInput(3), target, method="leave_one_out", progress=False)
"""
EXPORTS = "result.to_csv(), result.to_json(), result.to_latex(), result.to_html(), result.to_svg(), result.to_png()"


def without(package: str, code: str) -> str:
    """What Python says where the package is not installed."""
    script = f"""
import sys
sys.modules[{package!r}] = None
{RESULT}
{code}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout + done.stderr


@pytest.mark.parametrize("extra", NEEDS)
def test_what_needs_an_extra_names_the_command_that_installs_it(extra: str) -> None:
    package, code = NEEDS[extra]
    said = without(package, code)
    assert f"needs {package}" in said
    assert f"pip install 'llm_attr_widget[{extra.strip()}]'" in said
    assert "MissingPackage" in said.splitlines()[-1]


def test_every_other_export_and_the_still_picture_need_none() -> None:
    blocked = ["matplotlib", "pandas", "captum", "scipy", "skimage"]
    more = "".join(f"sys.modules[{name!r}] = None\n" for name in blocked)
    shown = "from llm_attr_widget import AttrWidget\nAttrWidget.from_result(result).snapshot()\nprint('all')"
    code = f"{more}{EXPORTS}\n{shown}"
    assert without("pandas", code).strip() == "all"


def test_a_missing_package_is_an_import_error_too() -> None:
    assert issubclass(MissingPackage, ImportError)
    assert issubclass(MissingPackage, CapabilityError)
