"""The documentation builds without a warning, has every public name and method, and what it shows works."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_attr_widget.cli.commands import parser
from llm_attr_widget.demo import TEXT_FOLDER, VISION_FOLDER, load_text
from llm_attr_widget.methods import METHODS
from tests import method_table
from tests.models.served import serving

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SITE = "https://llm-attr-widget.readthedocs.io/en/latest/"
FACES = (
    "", ".inputs", ".methods", ".models", ".models.huggingface", ".game", ".engine", ".result", ".export", ".widget",
    ".captum", ".tokens",
)  # fmt: skip


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "LAW_DOCS_EXAMPLES": "0", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    page = read(tmp_path / "methods" / "owen" / "index.html")
    assert "<math" in page
    assert 'src="../../examples/owen.html"' in page
    assert "{{" not in page
    assert "<li><strong>model</strong>: a Hugging Face model" in read(tmp_path / "api" / "run" / "index.html")
    assert (tmp_path / "llms.txt").exists()


def documented() -> Iterator[object]:
    """What the pages of the reference show."""
    for path in sorted((DOCS / "api").glob("*.md")):
        for name in re.findall(r"^::: ([\w.]+)", read(path), re.MULTILINE):
            parent, _, last = name.rpartition(".")
            try:
                yield getattr(importlib.import_module(parent), last)
            except AttributeError:
                yield importlib.import_module(name)


def test_every_public_name_is_on_a_page() -> None:
    shown = list(documented())
    modules = {item.__name__ for item in shown if isinstance(item, types.ModuleType)}
    missing = []
    for face in FACES:
        package = importlib.import_module(f"llm_attr_widget{face}")
        for name in package.__all__:
            item = getattr(package, name)
            home = getattr(item, "__module__", "")
            named = home.startswith("captum.") and f"`{name}`" in read(DOCS / "api" / "captum.md")
            if not (named or home in modules or any(item is one for one in shown)):
                missing.append(f"{package.__name__}.{name}")
    assert missing == []


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_page_with_formula_paper_promises_and_an_example(name: str) -> None:
    page = read(DOCS / "methods" / f"{name}.md")
    for part in (
        "```math",
        "## Promises",
        "## Does not promise",
        f"{{{{ method {name} }}}}",
        f"{{{{ example {name} }}}}",
    ):
        assert part in page
    assert re.search(r"(19|20)\d\d|definition", page), "whose method it is"


@pytest.mark.parametrize("path", method_table.PAGES, ids=lambda path: path.name)
def test_the_table_of_methods_is_what_the_package_says(path: Path) -> None:
    assert method_table.drawn(method_table.PAGES[path]) in read(path), "python -m tests.method_table writes it"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"```.*?```", "", read(path), flags=re.DOTALL))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (path.parent / link).exists()] == []


def test_the_index_for_language_models_leads_to_pages() -> None:
    links = re.findall(rf"{re.escape(SITE)}([\w/-]*)", read(DOCS / "llms.txt"))
    assert links
    pages = {path.relative_to(DOCS).with_suffix("").as_posix().removesuffix("/index") for path in PAGES}
    assert {link.rstrip("/") for link in links} <= pages


RUN = ("../README.md", "start.md", "concepts.md", "reading.md", "inputs.md", "targets.md", "saving.md")
TAUGHT = ("teaching/ten-minutes.md", "teaching/exercises.md")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [*RUN, *TAUGHT])
def test_what_a_page_shows_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    """On the models that ship; a GPU is a CPU here, and a model is quantised where bitsandbytes is installed."""
    from PIL import Image

    code = "\n".join(blocks(read(DOCS / name), "python"))
    assert code
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "picture.png")
    with serving(*load_text(), max_model_len=512) as served:
        for before, after in {
            '"MODEL"': repr(str(TEXT_FOLDER)),
            '"VLM"': repr(str(VISION_FOLDER)),
            "http://localhost:8000/v1": served.url,
            "picture.png": str(tmp_path / "picture.png"),
            '.to("cuda")': '.to("cpu")',
        }.items():
            code = code.replace(before, after)
        kept = [line for line in code.splitlines() if can_quantise() or not QUANTISES.search(line)]
        exec(compile("\n".join(kept), name, "exec"), {"__name__": "page"})


QUANTISES = re.compile(r"BitsAndBytesConfig\(|quantization_config=")


def can_quantise() -> bool:
    return importlib.util.find_spec("bitsandbytes") is not None


def test_lines_that_cannot_run_here_lack_a_library_and_nothing_else() -> None:
    """The README's quantised model, where bitsandbytes is not installed."""
    lines = [line for line in blocks(read(ROOT / "README.md"), "python")[0].splitlines() if QUANTISES.search(line)]
    assert len(lines) == 2
    if can_quantise():
        return
    before = "import transformers as hf\nfrom llm_attr_widget import AttrWidget\ntok, prompt = None, ''"
    code = "\n".join([before, *lines]).replace("MODEL", str(TEXT_FOLDER))
    with pytest.raises((ImportError, RuntimeError), match="bitsandbytes"):
        exec(compile(code, "README.md", "exec"), {})


COMMANDS = [
    line
    for path in [ROOT / "README.md", *PAGES]
    for line in re.findall(r"^(llm-attr-widget [^\n]+)$|`(llm-attr-widget [^`]+)`", read(path), re.MULTILINE)
]


@pytest.mark.parametrize("command", sorted({one or other for one, other in COMMANDS}))
def test_commands_are_of_this_program(command: str) -> None:
    assert parser().parse_args(shlex.split(command)[1:]).run
