"""The picture as a figure: tints from the numbers, outlines where regions meet, zero in the middle of the legend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget.errors import InputError
from llm_attr_widget.export.figures import png
from llm_attr_widget.export.heatmap import image_figure, outlines, tinted
from llm_attr_widget.export.style import COLOURS
from llm_attr_widget.picture import Picture


def picture() -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    regions = np.repeat(np.repeat(np.arange(4, dtype=np.int32).reshape(2, 2), 4, axis=0), 4, axis=1)
    return Picture(pixels, regions, ((0,), (1,), (0, 1), ()))


@pytest.mark.parametrize("opacity", [0.0, 0.3, 1.0])
def test_colour_is_the_sign_and_how_much_of_it_the_size(opacity) -> None:
    shown = picture()
    image = tinted(shown, np.array([-1.0, 0.0, 0.5, np.nan]), np.full(4, opacity))
    for region, colour, much in ((0, COLOURS["light"].against, 1.0), (2, COLOURS["light"].pro, 0.5**0.75)):
        at = shown.regions == region
        pixels, share = shown.pixels[at].astype(float), opacity * much
        grey = (0.3 * pixels[:, 0] + 0.59 * pixels[:, 1] + 0.11 * pixels[:, 2])[:, None]
        calm = pixels + min(1, 2 * share) * (grey - pixels)
        wanted = (1 - share) * calm + share * np.array(colour)
        np.testing.assert_allclose(image[at], wanted, atol=0.51)
    for region in (1, 3):
        np.testing.assert_array_equal(image[shown.regions == region], shown.pixels[shown.regions == region])


def test_what_may_be_zero_is_faded() -> None:
    figure = image_figure(picture(), np.array([2.0, -3.0]), np.array([1.1, 0.0]), name="Shapley value", unit="nats")
    drawn = figure.axes[0].images[0].get_array()
    # The third region has both: -1 with an error of 1.1.
    strengths = 0.7 * np.array([0.45, 1.0, 0.45, 1.0])
    np.testing.assert_array_equal(drawn, tinted(picture(), np.array([2 / 3, -1.0, -1 / 3, np.nan]), strengths))


@given(st.integers(0, 2**32))
def test_outlines_lie_between_pixels_of_different_regions_and_nowhere_else(seed) -> None:
    regions = np.random.default_rng(seed).integers(0, 3, (5, 7)).astype(np.int32)
    drawn = set()
    for (x0, y0), (x1, y1) in outlines(regions).tolist():
        if y0 == y1:
            drawn |= {((int(y0 - 0.5), x), (int(y0 + 0.5), x)) for x in range(round(x0 + 0.5), round(x1 + 0.5))}
        else:
            assert x0 == x1
            drawn |= {((y, int(x0 - 0.5)), (y, int(x0 + 0.5))) for y in range(round(y0 + 0.5), round(y1 + 0.5))}
    wanted = set()
    for row, column in np.ndindex(5, 7):
        for other in ((row + 1, column), (row, column + 1)):
            if other[0] < 5 and other[1] < 7 and regions[row, column] != regions[other]:
                wanted.add(((row, column), other))
    assert drawn == wanted


def test_the_grid_is_a_line_for_each_edge() -> None:
    assert len(outlines(picture().regions)) == 2


def test_the_figure_has_zero_in_the_middle_and_says_what_is_shown() -> None:
    figure = image_figure(picture(), np.array([2.0, -3.0]), np.zeros(2), name="Shapley value", unit="nats", title="red")
    axes, legend = figure.axes
    assert legend.get_ylim() == (-3.0, 3.0)
    assert [text.get_text() for text in legend.get_yticklabels()] == ["−3 against", "0", "for +3"]
    assert legend.get_ylabel() == "Shapley value, nats"
    assert axes.get_title() == "red"
    np.testing.assert_array_equal(
        axes.images[0].get_array(), tinted(picture(), np.array([2 / 3, -1.0, -1 / 3, np.nan]), np.full(4, 0.7))
    )
    assert png(figure).startswith(b"\x89PNG")


def test_nothing_known_yet_is_the_picture_itself() -> None:
    figure = image_figure(picture(), np.full(2, np.nan), np.full(2, np.nan), name="Shapley value", unit="nats")
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), picture().pixels)


def test_large_photos_are_drawn_small() -> None:
    large = Picture(np.zeros((3000, 4000, 3), np.uint8), np.zeros((3000, 4000), np.int32), ((0,),))
    figure = image_figure(large, np.ones(1), np.zeros(1), name="Shapley value", unit="nats")
    assert figure.axes[0].images[0].get_array().shape == (750, 1000, 3)


@pytest.mark.parametrize("opacity", [-0.1, 1.1, np.nan])
def test_an_opacity_is_a_share(opacity) -> None:
    with pytest.raises(InputError, match="from 0"):
        image_figure(picture(), np.ones(2), np.zeros(2), name="", unit="", opacity=opacity)
