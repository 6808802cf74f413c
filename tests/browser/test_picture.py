"""The prompt's image: segments tinted, lit both ways, the original on demand; on a page and while a run streams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from llm_attr_widget import attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.picture import Picture
from tests.browser.pages import PicturedInput, Saved, Shown, open_page, quarters, saved_in
from tests.browser.photo import Photo
from tests.support import FunctionModel
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

RED, BLUE = [220, 40, 40], [40, 40, 220]
# Full tint over the grey that is as light as the red.
ORANGE = [178, 96, 43]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    target = Target((0, 1), (" red", " blue"))
    result = attribute(FunctionModel(quarters), None, PicturedInput(), target, method="exact_shapley", progress=False)
    return saved_in(tmp_path_factory.mktemp("picture"), result)


@pytest.fixture
def photo(shown: Shown) -> Photo:
    photo = Photo(shown.root, 2, 2)
    photo.canvas.wait_for()
    with photo.original():
        until(lambda: photo.colours().any())  # the picture is decoded beside the page's own work
    return photo


def test_the_known_quarters_are_tinted_and_the_original_is_there_on_demand(photo: Photo, saved: Saved) -> None:
    np.testing.assert_allclose(saved.result.values[0], [3, 0, 0, 0, 0, 0, 0], atol=1e-6)
    whole = photo.colours()
    with photo.original():
        original = photo.colours()
    np.testing.assert_allclose(original[0], RED, atol=3)
    np.testing.assert_allclose(original[3], BLUE, atol=3)
    np.testing.assert_array_equal(photo.colours(), whole)
    np.testing.assert_allclose(whole[0], ORANGE, atol=12)
    assert whole[3][0] > whole[3][2]  # blue is orange now
    np.testing.assert_allclose(whole[1], original[1], atol=20)  # nothing is due to this quarter


def test_hovering_the_answer_repaints_the_picture_and_back(shown: Shown, photo: Photo) -> None:
    whole = photo.colours()
    shown.word("Answer", "red").hover()
    for_red = photo.colours()
    np.testing.assert_allclose(for_red[3], BLUE, atol=20)  # blue's quarter has no part in red
    np.testing.assert_allclose(for_red[0], ORANGE, atol=12)
    shown.word("Answer", "blue").hover()
    for_blue = photo.colours()
    np.testing.assert_allclose(for_blue[0], RED, atol=20)
    assert (for_blue[3] != for_red[3]).any()
    assert photo.painted_for() == "“blue”"
    shown.drag(shown.word("Answer", "red"), shown.word("Answer", "blue"))
    assert photo.painted_for() == "“red blue”"
    np.testing.assert_allclose(photo.colours(), whole, atol=2)  # the whole answer as a span


def test_hovering_a_segment_lights_what_it_drives_and_a_click_pins_it(shown: Shown, photo: Photo) -> None:
    photo.point_at_cell(0)
    painted = shown.painted("Answer")
    assert painted[0] != ""
    assert painted[1] == ""
    assert photo.lit() == 0
    photo.point_at_cell(3)
    assert shown.painted("Answer")[0] == ""
    shown.page.mouse.down()
    shown.page.mouse.up()
    photo.leave()
    assert shown.painted("Answer")[1] != ""  # it stays


def test_the_picture_by_keyboard(shown: Shown, photo: Photo) -> None:
    photo.frame.focus()
    press = shown.page.keyboard.press
    lit = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight"):
        press(key)
        lit.append(photo.lit())
    assert lit == [0, 1, 3, 2, 0, 1]
    expect(shown.root.locator(".law-picture [role=status]")).to_contain_text(
        "top right → the whole answer: Shapley value"
    )
    press("o")
    np.testing.assert_allclose(photo.colours()[0], RED, atol=12)  # the outline of what is lit is gone, too
    for _ in range(5):
        press("+")
    press("ArrowDown")
    np.testing.assert_allclose(photo.colours(), [BLUE] * 4, atol=12)  # it was out of sight
    press("0")
    assert photo.zoom() == 1


def test_opacity_outlines_and_zoom(shown: Shown, photo: Photo) -> None:
    whole = photo.colours()
    photo.opacity.fill("0")
    np.testing.assert_allclose(photo.colours()[0], RED, atol=3)
    photo.opacity.fill("70")
    np.testing.assert_array_equal(photo.colours(), whole)
    photo.frame.hover(position={"x": 20, "y": 20})
    shown.page.keyboard.down("Control")
    for _ in range(3):
        shown.page.mouse.wheel(0, -200)
    shown.page.keyboard.up("Control")
    photo.leave()
    zoomed = photo.colours()
    np.testing.assert_allclose(zoomed, [zoomed[0]] * 4, atol=6)  # all of it is in the first quarter now
    assert photo.zoom() > 4


def test_a_zoomed_picture_is_moved_by_dragging_which_pins_nothing(shown: Shown, photo: Photo) -> None:
    photo.opacity.fill("0")
    for _ in range(2):
        shown.root.get_by_role("button", name="Zoom the picture in").click()
    before = photo.colours()
    photo.point_at(0.3, 0.3)
    shown.page.mouse.down()
    photo.point_at(0.95, 0.95)
    shown.page.mouse.up()
    photo.leave()
    after = photo.colours()
    np.testing.assert_allclose(after[0], RED, atol=6)  # the upper left corner came into sight
    assert np.abs(after - before).max() > 20
    assert shown.pins("Prompt") == []
    assert photo.lit() == -1


@dataclass(frozen=True)
class Nested(PicturedInput):
    """The first segment is the whole picture; the second lies in its middle, where both are present."""

    @property
    def picture(self) -> Picture:
        regions = np.zeros((64, 64), dtype=np.int32)
        regions[24:40, 24:40] = 1
        return Picture(super().picture.pixels, regions, ((0,), (0, 3)))


def test_the_pointer_finds_the_smallest_of_segments_that_overlap(browser: Browser, tmp_path: Path) -> None:
    target = Target((0, 1), (" red", " blue"))
    result = attribute(FunctionModel(quarters), None, Nested(), target, method="exact_shapley", progress=False)
    shown = open_page(browser, saved_in(tmp_path, result).path)
    photo = Photo(shown.root, 2, 2)
    photo.canvas.wait_for()
    photo.point_at(0.5, 0.5)
    shown.settle()
    assert [bool(color) for color in shown.painted("Answer")] == [False, True]  # what the fourth feature drives
    photo.point_at(0.1, 0.1)
    shown.settle()
    assert [bool(color) for color in shown.painted("Answer")] == [True, False]
    shown.page.close()


def test_a_segment_out_of_view_shows_the_picture_as_it_is(shown: Shown, photo: Photo) -> None:
    with photo.original():
        original = photo.colours()
    photo.point_at_cell(3)
    shown.page.mouse.down()
    shown.page.mouse.up()
    shown.root.get_by_role("button", name="Hide: leave this part out of the view").click()
    photo.leave()
    shown.settle()
    hidden = photo.colours()
    np.testing.assert_allclose(hidden[3], original[3], atol=2)
    np.testing.assert_allclose(hidden[0], ORANGE, atol=12)
    shown.root.get_by_role("button", name="Show what is out of view").click()
    photo.leave()
    assert photo.colours()[3][0] > photo.colours()[3][2]  # orange again


def test_axe_finds_nothing_wrong_with_the_picture(saved: Saved, browser: Browser) -> None:
    for dark in (False, True):
        page = open_page(browser, saved.path, dark=dark)
        page.settle()
        assert page.violations() == []
        page.page.close()
