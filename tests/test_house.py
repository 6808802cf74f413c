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


EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', EXTENDING, re.MULTILINE | re.DOTALL))
"""What docs/extending.md says to write: whole files, and lines for files that are there."""
AFTER = {
    "llm_attr_widget/methods/registry.py": (
        "from llm_attr_widget.methods.banzhaf import Banzhaf\n",
        "COALITION_METHODS: tuple[Entry, ...] = (\n",
    ),
    "llm_attr_widget/inputs/__init__.py": ("from llm_attr_widget.inputs.making import PromptLike, make_input\n",),
    "llm_attr_widget/models/__init__.py": ("from llm_attr_widget.models.making import as_model\n",),
    "llm_attr_widget/widget/protocol.py": (
        '    locked_stretches: Annotated[tuple[str, ...], Formerly("locked")] = ()\n',
    ),
    "js/src/views/parts.ts": (
        'import { createSaved } from "./around/saved";\n',
        "const VIEWS: readonly MakeView[] = [",
    ),
}
"""Where in a file that is there each of its lines goes: after this text."""
PLAYED = """
import numpy as np
from llm_attr_widget import AttrWidget, TableModel, Target, attribute
from llm_attr_widget.inputs import NumberedInput
from llm_attr_widget.methods import METHODS
from llm_attr_widget.models import Together
from llm_attr_widget.types import Piece, Prompt
from llm_attr_widget.widget.typescript import typescript

class Bits:
    baseline, random, features = "absent", False, tuple("abcde")
    pieces = tuple(Piece(text, at) for at, text in enumerate(features))
    def render(self, coalitions, rng):
        return [Prompt(tuple(np.flatnonzero(row))) for row in coalitions]

# Pairs that interact: worked out by hand, a Shapley value is the feature's own part and half of each of its pairs.
rng = np.random.default_rng(3)
own, pairs = rng.normal(size=5), np.triu(rng.normal(size=(5, 5)), 1)
game = TableModel(lambda ids, _: [own[list(ids)].sum() + pairs[np.ix_(sorted(ids), sorted(ids))].sum()])
found = attribute(game, None, Bits(), Target((0,), ("x",)), method="both_ends", progress=False)
assert abs(found.values[0] - (own + (pairs + pairs.T).sum(axis=1) / 2)).max() < 1e-5
assert found.provenance.calls == METHODS["both_ends"].make(None).calls(5) == 12

class Words:
    all_special_ids, seen = (), ["?", "\\n", "1.", "2.", "tea", "milk", "cup"]
    def __call__(self, text, *, add_special_tokens=True):
        import re
        return {"input_ids": [self.seen.index(word) for word in re.findall(r"\\n|\\S+", text)]}
    def decode(self, ids):
        return " ".join(self.seen[i] for i in ids)
    def convert_ids_to_tokens(self, ids):
        return [self.seen[i] for i in ids]

asked = NumberedInput(Words(), "?", ("tea", "milk"))
whole, second, none = asked.render(np.array([[True, True], [False, True], [False, False]]), rng)
assert Words().decode(whole.ids) == "? \\n 1. tea \\n 2. milk"
assert Words().decode(second.ids) == "? \\n 1. milk"  # no gap
model = Together([4, 6, 4, 6, 5, 0], 7)  # tea cup tea cup milk ?
served = attribute(model, Words(), asked, Target((6,), ("cup",)), method="exact_shapley", progress=False)
mean = lambda ids: np.log(np.mean([{4: 3 / 9, 6: 1 / 9, 5: 1 / 8}.get(i, 1 / 7) for i in ids]))
gains = [mean(whole.ids) - mean(second.ids), mean((0, 1, 2, 4)) - mean((0,))]
assert abs(served.values[0, 0] - np.mean(gains)) < 1e-5
assert served.provenance.baseline == asked.baseline

w = AttrWidget(model, Words(), asked, Target((6,), ("cup",)), method="both_ends")
assert "both_ends" in [choice["name"] for choice in w.choices["methods"]]
w.run()
assert np.isfinite(w.wait(60).values).all()
assert w.strongest == 3 and w.trait_metadata("strongest", "sync")
print(typescript(), end="")
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
    for name, text in SHOWN.items():
        if name not in AFTER:
            (house / name).write_text(text, encoding="utf-8")
            continue
        lines = text.splitlines(keepends=True)
        for before, line in zip(AFTER[name], lines, strict=True):
            change(house / name, before, before + (line if before.endswith("\n") else f"{line.strip()} "))
    played = subprocess.run(
        [sys.executable, "-c", PLAYED],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr
    (house / "js" / "src" / "wire" / "protocol.ts").write_text(played.stdout, encoding="utf-8")
    assert "readonly strongest: number;" in played.stdout
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
