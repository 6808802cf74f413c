"""What Python writes is what the widget's Export menu writes: js/tests/tables.test.ts reads the same files."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from llm_attr_widget.errors import InputError
from llm_attr_widget.export import matrix, tables
from llm_attr_widget.export.style import COLOURS, Theme
from llm_attr_widget.types import UNKNOWN_ERROR, Piece
from llm_attr_widget.widget.page import page

FOLDER = Path(__file__).parents[1] / "exports"


def content(name: str = "case") -> tables.Content:
    given: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    roles = given.pop("roles")
    arrays = {
        name: np.array(given.pop(key), dtype=float)
        for name, key in {
            "values": "values",
            "standard_errors": "errors",
            "ends": "ends",
            "sequence": "total",
            "sequence_standard_errors": "total_errors",
        }.items()
    }
    features, outputs = given.pop("features"), given.pop("outputs")
    pieces = [Piece(text, i, role) for i, (text, role) in enumerate(zip(features, roles, strict=True))]
    return tables.Content(**arrays, features=features, outputs=outputs, pieces=pieces, about=given)


def written(name: str) -> str:
    return (FOLDER / name).read_bytes().decode("utf-8")


@pytest.mark.parametrize("name", ["case", "formulas"])
def test_csv_is_the_front_ends(name: str) -> None:
    assert tables.to_csv(content(name)) == written(f"{name}.csv")


def test_no_text_is_a_formula_of_a_spreadsheet_unless_asked_for() -> None:
    one = content("formulas")
    safe, kept = (list(csv.DictReader(io.StringIO(tables.to_csv(one, formulas)))) for formulas in ("quoted", "kept"))
    assert [row["feature_text"] for row in kept[: len(one.features)]] == one.features
    for row, plain in zip(safe, kept, strict=True):
        for name in ("feature_text", "output_text"):
            assert row[name] == ("'" if plain[name].lstrip("\t\r\n")[:1] in tuple("=+-@＝＋－＠") else "") + plain[name]
        assert (row["value"], row["standard_error"]) == (plain["value"], plain["standard_error"])
    with pytest.raises(InputError, match="quoted"):
        tables.to_csv(one, "dropped")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["case", "hostile", "unknown"])
def test_latex_is_the_front_ends(name: str) -> None:
    assert tables.to_latex(content(name)) == written(f"{name}.tex")


def test_no_text_is_taken_for_a_command_of_latex() -> None:
    text = tables.to_latex(content("hostile"))
    # Line breaks take a star or a bracket after them, on the next line, too.
    assert re.search(r"\\\s*[\[*]", text) is None
    assert [line.split(" & ")[0] for line in text.splitlines()[3:6]] == ["{[}INST]", "{*}", "{-}{-}"]
    plain = re.sub(r"\\[&%$#_{}\\]", "", text)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert text.count("\n") == 11
    assert text.isprintable() or set(filter(lambda char: not char.isprintable(), text)) == {"\n"}


def test_json_can_be_written_whatever_the_texts() -> None:
    one = content("hostile")
    back = json.loads(tables.to_json(one).encode("utf-8"))
    assert (back["features"], back["outputs"]) == (one.features, one.outputs)


def test_json_says_what_the_front_ends_says() -> None:
    assert json.loads(tables.to_json(content())) == json.loads(written("written.json"))
    assert list(json.loads(tables.to_json(content()))) == list(json.loads(written("written.json")))


DRAWN = [*(("case", theme) for theme in get_args(Theme)), ("hostile", "light"), ("unknown", "light")]


@pytest.mark.parametrize(("name", "theme"), DRAWN)
def test_svg_is_the_front_ends(name: str, theme: Theme) -> None:
    assert matrix.to_svg(content(name), theme) == written(f"{name}-{theme}.svg")


@pytest.mark.parametrize("write", [tables.to_latex, matrix.to_svg])
def test_a_drawing_says_where_an_error_is_not_known(write: Callable[[tables.Content], str]) -> None:
    known = replace(content("unknown"), standard_errors=np.array([[0.1, 0.2], [0.1, 0.0]]))
    assert UNKNOWN_ERROR in write(content("unknown"))
    assert UNKNOWN_ERROR not in write(known)


def test_png_has_the_colours_of_the_numbers() -> None:
    image = np.asarray(Image.open(io.BytesIO(matrix.to_png(content()))).convert("RGB"), dtype=int)
    svg = written("case-light.svg")
    cells = re.findall(
        r'<path d="M([\d.]+),([\d.]+)h[^"]*" fill="rgb\((\d+),(\d+),(\d+)\)" transform="translate\(([\d.]+) ', svg
    )
    assert len(cells) == content().values.size
    top = float(re.findall(r'transform="translate\([\d.]+ ([\d.]+)\)"', svg)[0])
    for x, y, *colour, left in cells:
        across, down = round(2 * (float(left) + float(x) + 3)), round(2 * (top + float(y) + 3))
        np.testing.assert_allclose(image[down, across], [int(part) for part in colour], atol=2)


def test_small_cells_are_one_picture_in_which_no_hot_cell_hides() -> None:
    values = np.full((3, 2_500), 0.01)
    values[1, 1234] = -1.0
    one = replace(
        content(),
        values=values,
        standard_errors=np.zeros_like(values),
        sequence=values[0],
        sequence_standard_errors=np.zeros(2_500),
        features=[""] * 2_500,
    )
    found = re.search(r'<image [^>]*href="data:image/png;base64,([^"]*)"', matrix.to_svg(one))
    assert found is not None
    image = np.asarray(Image.open(io.BytesIO(b64decode(found[1]))), dtype=int)
    assert image.shape == (3, 834, 3)  # three cells share a pixel
    assert tuple(image[1, 1234 // 3]) == COLOURS["light"].against
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1, 1e-7, 3e21, 16777216.0])
def test_numbers_come_back_as_the_same_float32(value: float) -> None:
    one = tables.Content(
        np.array([[value]]), np.zeros((1, 1)), np.zeros((1, 2)), np.zeros(1), np.zeros(1), ["a"], ["b"], [], {}
    )
    back = np.float32(tables.to_csv(one).splitlines()[1].split(",")[4])
    np.testing.assert_equal(back, np.float32(value))


def test_markup_cannot_leave_the_page(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<title>{{title}}</title><script>{{content}}</script>", encoding="utf-8")
    for name in ("widget.js", "widget.css"):
        (tmp_path / name).write_text("", encoding="utf-8")
    evil = "</script><script>alert(1)</script>{{title}}"
    text = page(evil, tmp_path, {"prompt": evil, "values": np.ones(1, np.float32).tobytes()})
    assert text.count("</script>") == 1
    found = re.search("<script>(.*)</script>", text)
    assert found is not None
    assert json.loads(found[1])["state"] == {"prompt": evil, "values": {"base64": "AACAPw=="}, "has_model": False}
