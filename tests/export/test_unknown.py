"""Numbers whose standard errors are not known (NaN) look and are called so in every output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from llm_attr_widget.export import matrix
from llm_attr_widget.export.figures import sequence_figure, token_figure
from llm_attr_widget.export.heatmap import image_figure, tinted
from llm_attr_widget.export.html import html_picture
from llm_attr_widget.export.style import COLOURS, FADE, css, faded, ramp
from llm_attr_widget.picture import Picture
from tests.export.test_tables import content


def picture() -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    regions = np.repeat(np.repeat(np.arange(4, dtype=np.int32).reshape(2, 2), 4, axis=0), 4, axis=1)
    return Picture(pixels, regions, ((0,), (1,), (0, 1), ()))


def test_a_region_whose_error_is_not_known_is_faded() -> None:
    scores = np.array([2.0, -3.0])
    figure = image_figure(picture(), scores, np.array([np.nan, 0.0]), name="", unit="")
    faint = np.array([FADE, 1.0, FADE, FADE])  # the third is of both, the last of none
    np.testing.assert_array_equal(
        figure.axes[0].images[0].get_array(), tinted(picture(), np.array([2 / 3, -1.0, -1 / 3, np.nan]), 0.7 * faint)
    )


OF: Any = content("unknown")


def test_svg_and_html_fade_them_and_write_no_number() -> None:
    light, certain = COLOURS["light"], css(ramp(COLOURS["light"], -7.65 / 8))
    html = html_picture(
        OF.values, OF.standard_errors, OF.features, OF.outputs, name="Shapley value", unit="nats", about="finished"
    )
    for text in (matrix.to_svg(OF), html):
        assert css(faded(light, -7.65 / 8)) in text
        assert certain not in text
        assert ">−7.7<" not in text
        assert ">+6.0<" not in text
    assert "Dave → ␣golf: −7.6500 (error not known, play more)" in html


def test_thousands_of_small_cells_are_faded_too() -> None:
    values, total = np.full((2, 1_001), 5.0), np.full(1_001, 10.0)
    many = replace(OF, values=values, features=["x"] * 1_001, sequence=total, sequence_standard_errors=np.zeros(1_001))
    drawn, known = (matrix.to_svg(replace(many, standard_errors=values * error)) for error in (np.nan, 0.0))
    assert drawn != known
    assert "error not known" in drawn
    assert "error not known" not in known


def test_figures_fade_them() -> None:
    figure = token_figure(OF.values, OF.standard_errors, OF.features, OF.outputs, name="", unit="")
    assert len(figure.axes[0].images) == 2  # the second one is of what is faded
    assert [text.get_text() for text in figure.axes[0].texts] == []
    bars = sequence_figure(OF.sequence, OF.sequence_standard_errors, OF.features, name="", unit="").axes[0]
    shown = np.array([to_rgb(bar.get_facecolor()) for bar in bars.patches])
    wanted = [faded(COLOURS["light"], total / (0.8 * 8)) for total in OF.sequence.tolist()]
    np.testing.assert_allclose(255 * shown, wanted, atol=0.51)
