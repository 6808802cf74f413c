"""The map in CONTRIBUTING.md is the tree on disk, and adding to one of its rooms takes what the page says."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_build import npm
from tests.house import PAGE, ROOT, TREES, drawn, on_disk, on_map
from tests.test_floors import LAW

TEXT = PAGE.read_text(encoding="utf-8")
MAP = on_map(TEXT)
DOCUMENTS = [ROOT / "README.md", PAGE, *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_map_is_the_tree_on_disk() -> None:
    names = {folder: sorted(names) for folder, (_, names) in MAP.items()}
    assert names == {folder: sorted(names) for folder, names in on_disk().items()}, "python -m tests.house draws it"
    assert drawn({folder: said for folder, (said, _) in MAP.items()}) in TEXT


def test_every_room_has_words() -> None:
    assert [folder for folder, (said, _) in MAP.items() if not said] == []


def test_the_page_states_the_laws_that_the_tests_keep() -> None:
    stated = [line.split() for line in TEXT.splitlines()]
    theirs = re.search(r'^const LAW = "(.*)";$', (ROOT / "js/tests/floors.test.ts").read_text("utf-8"), re.MULTILINE)
    assert theirs is not None
    for law in (LAW, theirs[1]):
        assert law.split() in stated


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w./]*(?:/|\.\w+))`", TEXT))))
def test_what_the_page_names_is_there(name: str) -> None:
    made_by_make = (".venv", "dist/", "tests/artifacts/")
    inside = [ROOT, ROOT / "llm_attr_widget"]
    assert name.startswith(made_by_make) or any((folder / name).exists() for folder in inside)


@pytest.mark.parametrize(
    ("room", "where"),
    [
        ("a method", "llm_attr_widget/methods/"),
        ("an input", "llm_attr_widget/inputs/"),
        ("a back end", "llm_attr_widget/models/"),
        ("how a family of models is scored", "llm_attr_widget/models/huggingface/"),
        ("an export format", "llm_attr_widget/export/"),
        ("a view", "js/src/views/"),
        ("a setting", "llm_attr_widget/widget/protocol.py"),
        ("why a number is what it is", "llm_attr_widget/game/"),
    ],
)
def test_a_newcomer_is_led_to_each_room(room: str, where: str) -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| {room} |")]
    assert f"`{where}`" in row.split("|")[2]


def shown_code(path: Path) -> str:
    """Lines that a page or a notebook shows as Python."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n".join("".join(cell["source"]) for cell in cells)
    return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))


def import_lines(path: Path) -> list[str]:
    line = r"^\s*((?:from|import) llm_attr_widget[\w.]*(?: import (?:\([^)]*\)|.*))?)"
    found = re.findall(line, shown_code(path), re.MULTILINE)
    return [re.sub(r"\s*#.*", "", line) for line in found]


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: path.name)
def test_every_import_that_is_shown_works(path: Path) -> None:
    for line in import_lines(path):
        (node,) = ast.parse(line).body
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert missing == [], f"{line} does not work"
        else:
            importlib.import_module(line.split()[1])


def test_pages_and_notebooks_do_show_imports() -> None:
    assert any(import_lines(path) for path in DOCUMENTS)
    assert all(import_lines(path) for path in NOTEBOOKS)


TOYS = {
    "llm_attr_widget/methods/toy.py": """
from llm_attr_widget.methods.ablation import LeaveOneOut
class Toy(LeaveOneOut):
    label = "Toy"
""",
    "llm_attr_widget/inputs/toy.py": """
from llm_attr_widget.types import Piece, Prompt
class ToyInput:
    baseline, random = "toys put away", False
    features = (" bear", " ball", " kite")
    pieces = tuple(Piece(text, at) for at, text in enumerate(features))
    def render(self, coalitions, rng):
        return [Prompt(tuple(at for at, there in enumerate(row) if there)) for row in coalitions]
""",
    "llm_attr_widget/models/toy.py": """
import numpy as np
from llm_attr_widget.types import Scored
class ToyModel:
    name = "toy"
    def score(self, prompts, target):
        sums = [[-9.0 + (1 + at) * sum(prompt.ids) for at in range(len(target))] for prompt in prompts]
        yield Scored(range(len(prompts)), np.array(sums, dtype=np.float32))
""",
}
LINES = {
    "llm_attr_widget/methods/registry.py": {
        "from llm_attr_widget.methods.sparse import Sparse\n": "from llm_attr_widget.methods.toy import Toy\n",
        "COALITION_METHODS: tuple[Entry, ...] = (\n": (
            '    Entry("toy", "For play.", "n + 1", "At play.", lambda _: Toy(), takes_budget=False),\n'
        ),
    },
    "llm_attr_widget/inputs/__init__.py": {
        "from llm_attr_widget.inputs.text.tokens import TokenInput\n": (
            "from llm_attr_widget.inputs.toy import ToyInput as ToyInput\n"
        )
    },
    "llm_attr_widget/models/__init__.py": {
        "from llm_attr_widget.models.making import as_model\n": (
            "from llm_attr_widget.models.toy import ToyModel as ToyModel\n"
        )
    },
    "llm_attr_widget/widget/protocol.py": {
        '    locked_stretches: Annotated[tuple[str, ...], Formerly("locked")] = ()\n': "    loudness: int = 3\n"
    },
    "js/src/views/parts.ts": {
        'import { createSaved } from "./around/saved";\n': 'import { createToy } from "./around/toy";\n',
        "const VIEWS: readonly MakeView[] = [": "createToy, ",
    },
}
"""What is added to files that are there: after a line of each, another one."""
PLAYED = """
from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.inputs import ToyInput
from llm_attr_widget.models import ToyModel
from llm_attr_widget.game.targets import Target
from llm_attr_widget.widget.typescript import typescript
target = Target((0, 1), ("a", "b"))
found = attribute(ToyModel(), None, ToyInput(), target, method="toy", progress=False)
plain = attribute(ToyModel(), None, ToyInput(), target, method="leave_one_out", progress=False)
assert abs(found.values - plain.values).max() < 1e-9
assert abs(found.values - [[0, 1, 2], [0, 2, 4]]).max() < 1e-5
assert found.provenance.baseline == "toys put away"
w = AttrWidget(ToyModel(), None, ToyInput(), target, method="toy")
assert "toy" in [choice["name"] for choice in w.choices["methods"]]
w.run()
assert abs(w.wait(60).values - plain.values).max() < 1e-9
assert w.loudness == 3 and w.trait_metadata("loudness", "sync")
print(typescript(), end="")
"""
VIEW = """
import "./toy.css";
import { element } from "../../style/dom";
import type { MakeView } from "../view";

export const createToy: MakeView = ({ document }) => {
  const root = element(document, "p", { class: "law-toy" });
  return {
    element: root,
    update({ state }) {
      root.textContent = String(state.settings.loudness);
    },
  };
};
"""


def copied(folder: Path) -> Path:
    """The package and the front end's sources, in a house of their own."""
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for tree in TREES:
        shutil.copytree(ROOT / tree, folder / tree, ignore=ignored)
    for name in ("js/package.json", "js/package-lock.json", "js/tsconfig.json"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "js" / "node_modules").symlink_to(ROOT / "js" / "node_modules", target_is_directory=True)
    return folder


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{path.name} has no longer one place for {before!r}"
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_method_an_input_a_back_end_a_setting_and_a_view_take_what_the_page_says(tmp_path: Path) -> None:
    """A file each, its style sheet beside a view, and a line; a setting is a line in the protocol, and its use."""
    house = copied(tmp_path)
    for name, code in TOYS.items():
        (house / name).write_text(code, encoding="utf-8")
    for name, lines in LINES.items():
        for before, line in lines.items():
            change(house / name, before, before + line)
    played = subprocess.run(
        [sys.executable, "-c", PLAYED],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    source = house / "js" / "src"
    (source / "wire" / "protocol.ts").write_text(played.stdout, encoding="utf-8")
    assert "readonly loudness: number;" in played.stdout
    (source / "views" / "around" / "toy.css").write_text(".law-toy { color: red; }\n", encoding="utf-8")
    (source / "views" / "around" / "toy.ts").write_text(VIEW, encoding="utf-8")
    npm(house, "exec", "--", "tsc", "--project", ".")


PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "llm_attr_widget").rglob("__init__.py")
)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_says_what_it_offers_and_has_it(name: str) -> None:
    package = importlib.import_module(name)
    assert (package.__doc__ or "").strip(), f"{name} says nothing of itself"
    offered = list(getattr(package, "__all__", ()))
    assert sorted(set(offered)) == sorted(offered)
    assert [one for one in offered if not hasattr(package, one)] == []
    assert set(offered) <= set(dir(package))
    # A function may not hide the file of its name.
    hidden = [one for one in offered if importlib.util.find_spec(f"{name}.{one}") and callable(getattr(package, one))]
    assert hidden == []
