"""What the site is made of beside its pages: live examples, formulas, and what METHODS says of each method.

`{{ example NAME }}` in a page becomes the example of that name (`examples.py`), computed when the site is built; with
LAW_DOCS_EXAMPLES=0 its place is kept and nothing is computed. `{{ method NAME }}` becomes a method's facts, and a block
of code called `math` a formula, without a script or a font from elsewhere. `{{ notebooks }}` is the table of notebooks.
"""

from __future__ import annotations

import json
import os
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the package of this tree, whatever is installed
sys.path.insert(0, str(Path(__file__).parent))

from examples import EXAMPLES, made  # noqa: E402

from llm_attr_widget.methods import METHODS  # noqa: E402

MARK = re.compile(r"\{\{ (example|method) (\w+) \}\}")
HOME = "llm-attr-widget/llm_attr_widget/blob/main/notebooks"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Formulas are a kind of code block; pages that the menu does not name are guides."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fences["custom_fences"] = [{"name": "math", "class": "math", "format": formula}]
    guides = next(section["Guides"] for section in config.nav or () if "Guides" in section)
    guides += sorted(page for page in pages(config.docs_dir) if page not in named(config.nav))
    return config


def pages(folder: str) -> list[str]:
    """Every page, as the menu names it."""
    return [path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.md")]


def named(menu: Any) -> list[str]:
    """The pages that a menu names, at whatever depth."""
    if isinstance(menu, str):
        return [menu]
    parts = menu.values() if isinstance(menu, dict) else menu
    return [page for part in parts for page in named(part)]


def formula(source: str, *_: Any, **__: Any) -> str:
    """MathML, which browsers draw by themselves; each line a formula."""
    return "".join(f'<div class="law-formula">{convert(line, display="block")}</div>' for line in source.splitlines())


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The live examples are files of the site, too."""
    if os.environ.get("LAW_DOCS_EXAMPLES") != "0":
        for name in EXAMPLES:
            files.append(File.generated(config, f"examples/{name}.html", content=made(name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Marks become what they stand for."""
    depth = page.url.count("/")

    def put(mark: re.Match[str]) -> str:
        kind, name = mark.groups()
        if name not in (METHODS if kind == "method" else EXAMPLES):
            raise PluginError(f"{page.file.src_uri}: there is no {kind} {name!r}.")
        return facts(name) if kind == "method" else live(name, "../" * depth)

    return MARK.sub(put, markdown).replace("{{ notebooks }}", notebooks())


def notebooks() -> str:
    """A line for each notebook: its title, and what it says first."""
    lines = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        first = next(cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "markdown")
        title, _, rest = "".join(first["source"]).partition("\n")
        said = " ".join(rest.strip().partition("\n\n")[0].split())
        colab = f"[Colab](https://colab.research.google.com/github/{HOME}/{path.name})"
        lines.append(f"| [{title.lstrip('# ')}](https://github.com/{HOME}/{path.name}) ({colab}) | {said} |")
    return "\n".join(lines)


def facts(name: str) -> str:
    """What METHODS says of a method, as a table."""
    entry = METHODS[name]
    rows = [("Cost, in model calls", entry.cost), ("Promises", entry.promises), ("When", entry.when)]
    head = f"| A number is | {entry.label} |\n|---|---|\n"
    return head + "".join(f"| {said} | {text} |\n" for said, text in rows)


def live(name: str, up: str) -> str:
    """The example in a frame, and its own page."""
    title, height = EXAMPLES[name].title, EXAMPLES[name].height
    at = f"{up}examples/{name}.html"
    return (
        f'<iframe class="law-live" src="{at}" title="{escape(title)}" height="{height}" loading="lazy"></iframe>\n\n'
        f'<small>{escape(title)} <a href="{at}">Open it alone</a>. It was computed when this page was built.</small>\n'
    )
