"""The floors of the house: a file imports only from lower ones, and heavy libraries only where they are at home."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "llm_attr_widget"
# Lowest first: what stands before a `<` knows nothing of what comes after it, and rooms beside each other (`|`) nothing
# of each other. A name is a file or a folder of the package.
LAW = """
    errors < picture < types < tokens < inputs | methods | models | export
    < game < result < engine < captum | demo | widget < cli < __init__ < __main__
"""
FLOORS = tuple(tuple(room.strip() for room in floor.split("|")) for floor in LAW.split("<"))
TORCH = ("models/huggingface/*.py", "methods/gradients.py", "captum/*.py", "demo/*.py", "cli/loading.py")
HOMES = {
    "torch": TORCH,
    "transformers": TORCH,
    "captum": ("captum/*.py",),
    "anywidget": ("widget/*.py",),
    "ipywidgets": ("widget/*.py",),
    "ray": ("models/replicas.py",),
    "openai": ("models/served/server.py",),
}
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))


def imported(code: str, module: str) -> set[str]:
    """Absolute names of all that the code of a module imports, wherever in it and however it is spelt."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), module.rpartition(".")[0])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names |= {part.value for part in node.args[:1] if isinstance(part, ast.Constant)}
    return names


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def part_of(name: str) -> str:
    """The file or folder of the package that a name leads to; what is neither comes from `__init__`."""
    part = [*name.split("."), "__init__"][1]
    return part if any(part in names for names in FLOORS) else "__init__"


def broken_floors(code: str, module: str) -> set[str]:
    """What the module imports from its own floor or a higher one, its own folder aside."""
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    here = part_of(module)
    ours = {name for name in imported(code, module) if name.startswith(f"{PACKAGE}.")}
    return {name for name in ours if part_of(name) != here and floor[part_of(name)] >= floor[here]}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_file_imports_only_from_lower_floors(path: Path) -> None:
    part = module_of(path).split(".")[1]
    assert any(part in names for names in FLOORS), f"{part} is new in the house: give it a floor in FLOORS"
    assert broken_floors(path.read_text(encoding="utf-8"), module_of(path)) == set()


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    name = path.relative_to(ROOT / PACKAGE).as_posix()
    libraries = {name.split(".")[0] for name in imported(path.read_text(encoding="utf-8"), module_of(path))}
    assert {
        library for library in libraries & set(HOMES) if not any(fnmatch(name, home) for home in HOMES[library])
    } == set()


def test_no_file_imports_itself_by_a_detour() -> None:
    modules = {module_of(path): path for path in FILES}
    graph = {
        module: imported(path.read_text(encoding="utf-8"), module) & set(modules) for module, path in modules.items()
    }
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    "line",
    [
        "import llm_attr_widget.engine.run",
        "import llm_attr_widget.engine.run as later",
        "from llm_attr_widget import engine",
        "from llm_attr_widget import AttrWidget",
        "from llm_attr_widget.engine.run import attribute",
        "from .. import engine",
        "from ..engine.run import attribute",
        "def inside():\n    from llm_attr_widget import engine",
        "if TYPE_CHECKING:\n    from ..engine.run import attribute",
        "importlib.import_module('llm_attr_widget.engine.run')",
    ],
)
def test_every_spelling_is_seen(line: str) -> None:
    assert broken_floors(line, f"{PACKAGE}.methods.lime")


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "captum", "anywidget", "ipywidgets", "matplotlib", "pandas", "sklearn")
    code = f"import sys, {PACKAGE}; print(*[name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.split() == []
