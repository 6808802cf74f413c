"""One result, and what every output makes of it: the same colours, the same scale, the same labels."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from dataclasses import replace
from html import unescape
from typing import Any, get_args
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from llm_attr_widget.export import matrix
from llm_attr_widget.export.figures import png, sequence_figure, token_figure
from llm_attr_widget.export.html import html_picture
from llm_attr_widget.export.style import BAR_LIMIT, COLOURS, Theme, cell_colour, nice_ceil, ramp, shorten, widest
from llm_attr_widget.export.style import feature_label as feature
from llm_attr_widget.export.style import token_label as token
from llm_attr_widget.export.tables import Content
from tests.export.test_tables import content

LARGEST = [1.17, 2.0, 0.0131, 640.0, 3e-7]
SHARES = np.array([[-1, -0.5, -0.1, -0.01], [1, 0.5, 0.1, 0.01], [0, np.nan, 0.3, -0.001], [0.7, 0.1, -0.7, -0.1]])
ERRORS = np.array([[0.0] * 4] * 3 + [[0.8, 0.06, 0.2, np.nan]])
SVG = "{http://www.w3.org/2000/svg}"


def grid(largest: float) -> Content:
    values, errors = SHARES * largest, ERRORS * largest
    total = np.nansum(values, axis=0)
    texts = ["a", " b", "c", "d"]
    return replace(
        content(),
        values=values,
        standard_errors=errors,
        sequence=total,
        sequence_standard_errors=total * 0,
        features=texts,
        outputs=texts,
    )


def wanted(of: Content, theme: Theme = "light") -> NDArray[np.int64]:
    """`(cells, 3)`: from the table, by the largest value."""
    limit = nice_ceil(float(np.nanmax(np.abs(of.values))))
    pairs = zip(of.values.ravel().tolist(), of.standard_errors.ravel().tolist(), strict=True)
    return np.array([cell_colour(value, error, limit, COLOURS[theme]) for value, error in pairs])


def figure_of(of: Content) -> Any:
    return token_figure(
        of.values, of.standard_errors, of.features, of.outputs, name=of.about["label"], unit=of.about["unit"]
    )


def html_of(of: Content) -> str:
    names = {name: of.about["label" if name == "name" else name] for name in ("name", "unit")}
    return html_picture(of.values, of.standard_errors, of.features, of.outputs, **names, about="finished")


def in_figure(of: Content) -> NDArray[np.int64]:
    """Rendered, read beside the middle of each cell, where its number may stand."""
    figure = figure_of(of)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())
    axes, height = figure.axes[0], len(drawn)
    places = [axes.transData.transform((column - 0.35, row - 0.35)) for row, column in np.ndindex(of.values.shape)]
    return np.array([drawn[height - 1 - int(y), int(x), :3] for x, y in places], dtype=int)


def in_svg(of: Content, theme: Theme) -> NDArray[np.int64]:
    cells = re.findall(r'<path d="M[^"]*a[^"]*" fill="rgb\((\d+),(\d+),(\d+)\)" tr', matrix.to_svg(of, theme))
    return np.array(cells, dtype=int)


def in_png(of: Content, theme: Theme) -> NDArray[np.int64]:
    image = np.asarray(Image.open(io.BytesIO(matrix.to_png(of, theme))).convert("RGB"), dtype=int)
    svg = matrix.to_svg(of, theme)
    boxes = re.findall(
        r'<path d="M([\d.]+),([\d.]+)h[^"]*a[^"]*" fill="[^"]*" transform="translate\((\S+) (\S+)\)', svg
    )
    return np.array(
        [image[int(2 * (float(y) + float(dy) + 3)), int(2 * (float(x) + float(dx)))] for x, y, dx, dy in boxes]
    )


def in_html(of: Content, theme: Theme) -> NDArray[np.int64]:
    name = {"light": "background", "dark": "--dark"}[theme]
    cells = re.findall(r"<td [^>]*style='([^']*)'", html_of(of))
    return np.array(
        [re.findall(r"\d+", re.findall(rf"(?:^|;){name}:rgb\(([^)]*)\)", cell)[0]) for cell in cells], dtype=int
    )


@pytest.mark.parametrize("largest", LARGEST)
def test_a_value_has_one_colour(largest: float) -> None:
    of = grid(largest)
    np.testing.assert_allclose(in_figure(of), wanted(of), atol=1)
    for theme in get_args(Theme):
        np.testing.assert_array_equal(in_svg(of, theme), wanted(of, theme))
        np.testing.assert_allclose(in_png(of, theme), wanted(of, theme), atol=1)
        np.testing.assert_array_equal(in_html(of, theme), wanted(of, theme))


def test_thousands_of_small_cells_have_their_colours_too() -> None:
    values = np.linspace(-1.17, 1.17, 3 * 1_001).reshape(3, 1_001)
    of = replace(
        grid(1), values=values, standard_errors=values * 0, sequence=values[0], sequence_standard_errors=values[0] * 0,
        features=["x"] * 1_001, outputs=["y"] * 3,
    )  # fmt: skip
    svg = matrix.to_svg(of)
    (picture,) = re.findall(r'href="data:image/png;base64,([^"]*)"', svg)
    image = np.asarray(Image.open(io.BytesIO(b64decode(picture))), dtype=int)
    np.testing.assert_allclose(image.reshape(-1, 3), wanted(of), atol=1)


def test_a_tenth_of_the_limit_is_the_widgets_colour() -> None:
    """By hand: 244, 244, 243 on the way to 214, 96, 20 by 0.1 ** 0.75."""
    of = grid(1.2)
    np.testing.assert_array_equal(wanted(of)[6], [239, 218, 203])
    np.testing.assert_allclose(in_figure(of)[6], [239, 218, 203], atol=1)


@pytest.mark.parametrize(
    ("largest", "end"), [(1.17, "1.2"), (2.0, "2"), (0.0131, "0.015"), (640.0, "800"), (3e-7, "3e-7")]
)
def test_the_scale_has_one_end(largest: float, end: str) -> None:
    of = grid(largest)
    bar = figure_of(of).axes[1]
    ticks = [text.get_text() for text in bar.get_yticklabels()]
    assert ticks == [f"−{end} against", "0", f"for +{end}"]
    np.testing.assert_allclose(bar.get_yticks(), [-float(end), 0, float(end)])
    assert bar.get_ylabel() == "Shapley value, nats"
    svg, html = matrix.to_svg(of), unescape(html_of(of))
    for said in (f"−{end} against", f"for +{end}"):
        assert f">{said}<" in svg
        assert f">{said}" in html


def test_the_bars_of_a_figure_have_the_colours_of_the_widgets() -> None:
    sequence, errors = np.array([1.17, -0.5, 0.3, 0.0, np.nan]), np.array([0.1, 0.1, 0.2, 0.0, np.nan])
    figure = sequence_figure(sequence, errors, list("abcde"), name="Shapley value", unit="nats")
    wanted = [cell_colour(v, e, BAR_LIMIT * 1.2, COLOURS["light"]) for v, e in zip(sequence, errors, strict=True)]
    found = [255 * np.array(to_rgb(bar.get_facecolor())) for bar in figure.axes[0].patches]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("name", ["case", "hostile"])
def test_a_text_has_one_label(name: str) -> None:
    of = content(name)
    columns, rows = [shorten(feature(text)) for text in of.features], [shorten(token(text)) for text in of.outputs]
    figure = figure_of(of)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == columns
    assert [text.get_text() for text in axes.get_yticklabels()] == rows
    bars = sequence_figure(of.sequence, of.sequence_standard_errors, of.features, name="", unit="").axes[0]
    assert [text.get_text() for text in bars.get_xticklabels()] == columns
    html = html_of(of)
    assert [unescape(text) for text in re.findall(r"<th><div>(.*?)</div>", html)] == columns
    assert [unescape(text) for text in re.findall(r"<tr><th>(.*?)</th>", html)] == rows
    for theme in get_args(Theme):
        texts = [node.text for node in ET.fromstring(matrix.to_svg(of, theme)).iter(f"{SVG}text")]
        first = texts.index(rows[0])
        assert texts[first : first + len(rows) + len(columns)] == [*rows, *columns]


def test_hostile_texts_can_be_drawn_everywhere() -> None:
    """Warnings are errors here: a font that lacks a character would be one."""
    of = content("hostile")
    for figure in (
        figure_of(of),
        sequence_figure(of.sequence, of.sequence_standard_errors, of.features, name="$x$", unit=""),
    ):
        assert Image.open(io.BytesIO(png(figure))).size[0] > 100
    assert Image.open(io.BytesIO(matrix.to_png(of))).size[0] > 100
    html_of(of).encode("utf-8")
    matrix.to_svg(of).encode("utf-8")


def one_cell(of: Content) -> Content:
    whole = {"values": of.values[:1, :1], "standard_errors": of.standard_errors[:1, :1]}
    return replace(
        of,
        **whole,
        sequence=of.sequence[:1],
        sequence_standard_errors=of.sequence_standard_errors[:1],
        features=["a"],
        outputs=of.outputs[1:2],
    )


@pytest.mark.parametrize(
    "of", [content(), content("hostile"), one_cell(content("hostile"))], ids=["", "hostile", "one"]
)
def test_nothing_is_cut_off(of: Content) -> None:
    figure = figure_of(of)
    png(figure)
    whole, room = figure.get_tightbbox(), figure.bbox_inches
    assert np.all([whole.min > room.min - 0.01, whole.max < room.max + 0.01])
    drawn = np.asarray(Image.open(io.BytesIO(matrix.to_png(of))).convert("L"))
    for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert edge.min() == 255
    (end,) = re.findall(r'<text x="([\d.]+)"[^>]*>total<', matrix.to_svg(of))
    assert float(end) > 11 / 12 * widest(["total"])  # (what is left of nothing need not touch the edge)


def test_figures_look_the_same_whatever_the_users_style() -> None:
    of = grid(1.17)
    plain = png(figure_of(of))
    with mpl.rc_context(
        {"figure.facecolor": "black", "text.color": "red", "axes.labelcolor": "red", "image.cmap": "jet"}
    ):
        assert png(figure_of(of)) == plain


def test_the_scale_of_html_runs_from_end_to_end() -> None:
    stops = re.findall(
        r"rgb\((\d+),(\d+),(\d+)\)", re.findall(r"<i style='background:(.*?);--dark", html_of(grid(1)))[0]
    )
    colours = COLOURS["light"]
    assert [tuple(map(int, stop)) for stop in stops] == [ramp(colours, at / 10 - 1) for at in range(21)]
