"""Every exporter gives its text or bytes, or writes them: one rule for all of them, the widget's page too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.errors import AttributionError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.result.attribution import Attribution
from tests.support import BitsInput, table, table_model

EXPORTERS = ("to_csv", "to_html", "to_json", "to_latex", "to_png", "to_svg")
TEXTS = ("café", "[INST]", "日\r\n本", "half \ud83d", "</b>")


class Odd(BitsInput):
    """Features whose texts are hard to write."""

    @property
    def features(self) -> tuple[str, ...]:
        return TEXTS


@pytest.fixture(scope="module")
def result() -> Attribution:
    target = Target((0, 1), (" a", "é"))
    return attribute(table_model(table(5, 2), 5), None, Odd(5), target, method="leave_one_out", progress=False)


@pytest.fixture(scope="module")
def doors(result: Attribution) -> dict[str, Callable[..., Any]]:
    shown = AttrWidget.from_result(result)
    return {name: getattr(result, name) for name in EXPORTERS} | {"page": shown.to_html}


def written(content: str | bytes) -> bytes:
    """As a file holds it: half a pair is no character."""
    return content if isinstance(content, bytes) else content.replace("\ud83d", "\ufffd").encode("utf-8")


@pytest.mark.parametrize("name", [*EXPORTERS, "page"])
@pytest.mark.parametrize("kind", [str, Path])
def test_with_a_path_it_is_written_and_without_returned(
    name: str, kind: type, doors: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    path = tmp_path / f"a file of {name}"
    path.write_text("what was there before")
    content = doors[name]()
    assert isinstance(content, bytes if name == "to_png" else str)
    assert content == doors[name](None)
    assert doors[name](kind(path)) is None
    assert path.read_bytes() == written(content)
    assert doors[name](path=kind(path)) is None
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", [*EXPORTERS, "page"])
def test_its_docstring_says_so(name: str, doors: dict[str, Callable[..., Any]]) -> None:
    doc = inspect.getdoc(doors[name]) or ""
    assert f"Returns the {'bytes' if name == 'to_png' else 'text'}, or writes" in doc
    assert "to `path`" in doc
    first = next(iter(inspect.signature(doors[name]).parameters.values()))
    assert (first.name, first.default) == ("path", None)


def test_no_exporter_is_left_out() -> None:
    found = {name for kind in (Attribution, AttrWidget) for name in vars_of(kind) if name.startswith("to_")}
    assert found - {"to_dataframe"} == set(EXPORTERS)


def vars_of(kind: type) -> set[str]:
    return {name for base in kind.__mro__ if base.__module__.startswith("llm_attr_widget") for name in vars(base)}


@pytest.mark.parametrize("name", ["to_svg", "to_png"])
def test_drawings_take_a_theme_by_its_name(name: str, result: Attribution, tmp_path: Path) -> None:
    draw = getattr(result, name)
    dark, light = draw(theme="dark"), draw()
    assert dark != light
    draw(tmp_path / "dark", theme="dark")
    assert (tmp_path / "dark").read_bytes() == written(dark)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(
    doors: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    for write in doors.values():
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "nowhere" / "file")


class Cells(HTMLParser):
    """Titles of the page and of its cells; tags that are open at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.titles += [value or "" for name, value in attrs if name == "title"]


def test_a_still_page_has_every_number_and_no_script(result: Attribution) -> None:
    page = Cells()
    page.feed(result.to_html())
    page.close()
    assert page.tags[:4] == ["html", "head", "meta", "title"]
    assert "script" not in page.tags
    shown = [float(title.rpartition(": ")[2].replace("−", "-")) for title in page.titles]
    assert shown == pytest.approx(result.values.ravel().tolist(), abs=5e-5)


def test_a_widget_without_a_result_has_no_page(tmp_path: Path) -> None:
    with pytest.raises(AttributionError, match="nothing to write yet"):
        AttrWidget(None).to_html()
    with pytest.raises(AttributionError, match="nothing to write yet"):
        AttrWidget(None).to_html(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []
