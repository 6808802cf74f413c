"""The prompt's image: segments tinted, lit both ways, the original on demand; on a page and while a run streams."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.targets import Target
from tests.browser.pages import PicturedInput, Saved, Shown, open_page, quarters
from tests.support import FunctionModel

pytestmark = pytest.mark.timeout(120)

# Mean colour of each quarter of the picture, as it stands on the canvas.
QUARTERS = """(frame) => {
  const canvas = frame.querySelector("canvas");
  const [width, height] = [canvas.width / 2, canvas.height / 2];
  const mean = (x, y) => {
    const { data } = canvas.getContext("2d").getImageData(x + width * 0.2, y + height * 0.2, width * 0.6, height * 0.6);
    const sums = [0, 0, 0];
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) sums[i % 4] += data[i];
    return sums.map((sum) => Math.round(sum / (data.length / 4)));
  };
  return [mean(0, 0), mean(width, 0), mean(0, height), mean(width, height)];
}"""
RED, BLUE = [220, 40, 40], [40, 40, 220]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    target = Target((0, 1), (" red", " blue"))
    result = attribute(FunctionModel(quarters), None, PicturedInput(), target, method="exact_shapley", progress=False)
    path = tmp_path_factory.mktemp("picture") / "result.html"
    AttrWidget.from_result(result).to_html(path)
    return Saved(result, path)


@pytest.fixture
def shown(saved: Saved, browser: Browser) -> Iterator[Shown]:
    shown = open_page(browser, saved.path)
    shown.root.locator(".law-photo-frame canvas").wait_for()
    shown.page.wait_for_timeout(200)  # the picture is decoded beside the page's own work
    yield shown
    shown.page.close()


def frame(shown: Shown) -> Locator:
    return shown.root.locator(".law-photo-frame")


def colours(shown: Shown) -> list[list[int]]:
    shown.settle()
    return frame(shown).evaluate(QUARTERS)


def point_at(shown: Shown, x: float, y: float) -> None:
    box = frame(shown).locator("canvas").bounding_box()
    assert box is not None
    shown.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    shown.settle()


def test_the_known_quarters_are_tinted_and_the_original_is_there_on_demand(shown: Shown, saved: Saved) -> None:
    np.testing.assert_allclose(saved.result.values[0], [3, 0, 0, 0, 0, 0, 0], atol=1e-6)
    whole = colours(shown)
    button = shown.root.get_by_role("button", name="Hold to see the original picture")
    button.hover()
    shown.page.mouse.down()
    original = colours(shown)
    np.testing.assert_allclose(original[0], RED, atol=3)
    np.testing.assert_allclose(original[3], BLUE, atol=3)
    shown.page.mouse.up()
    shown.page.mouse.move(1, 1)
    assert colours(shown) == whole
    assert whole[0] != original[0]
    assert whole[3] != original[3]
    np.testing.assert_allclose(whole[1], original[1], atol=20)  # nothing is due to this quarter


def test_hovering_the_answer_repaints_the_picture_and_back(shown: Shown) -> None:
    whole = colours(shown)
    shown.word("Answer", "red").hover()
    for_red = colours(shown)
    np.testing.assert_allclose(for_red[3], BLUE, atol=20)  # blue's quarter has no part in red
    np.testing.assert_allclose(for_red[0], [216, 79, 26], atol=25)  # orange over red
    shown.word("Answer", "blue").hover()
    for_blue = colours(shown)
    np.testing.assert_allclose(for_blue[0], RED, atol=20)
    assert for_blue[3] != for_red[3]
    assert frame(shown).get_attribute("data-painted") == "“blue”"
    shown.drag(shown.word("Answer", "red"), shown.word("Answer", "blue"))
    assert frame(shown).get_attribute("data-painted") == "“red blue”"
    np.testing.assert_allclose(colours(shown), whole, atol=2)  # the whole answer as a span


def test_hovering_a_segment_lights_what_it_drives_and_a_click_pins_it(shown: Shown) -> None:
    point_at(shown, 0.2, 0.2)
    painted = shown.painted("Answer")
    assert painted[0] != ""
    assert painted[1] == ""
    assert frame(shown).get_attribute("data-lit") == "0"
    point_at(shown, 0.8, 0.8)
    assert shown.painted("Answer")[0] == ""
    shown.page.mouse.down()
    shown.page.mouse.up()
    shown.page.mouse.move(1, 1)
    shown.settle()
    assert shown.painted("Answer")[1] != ""  # it stays


def test_the_picture_by_keyboard(shown: Shown) -> None:
    frame(shown).focus()
    shown.page.keyboard.press("ArrowRight")
    shown.settle()
    shown.page.keyboard.press("ArrowRight")
    shown.settle()
    assert frame(shown).get_attribute("data-lit") == "1"
    expect(shown.root.locator(".law-photo [role=status]")).to_contain_text(
        "top right → the whole answer: Shapley value"
    )
    shown.page.keyboard.press("o")
    np.testing.assert_allclose(colours(shown)[0], RED, atol=12)  # the outline of what is lit is gone, too


def test_opacity_outlines_and_zoom(shown: Shown) -> None:
    whole = colours(shown)
    shown.root.get_by_role("slider", name="Opacity of the tint").fill("0")
    np.testing.assert_allclose(colours(shown)[0], RED, atol=3)
    shown.root.get_by_role("slider", name="Opacity of the tint").fill("70")
    assert colours(shown) == whole
    frame(shown).hover(position={"x": 20, "y": 20})
    shown.page.keyboard.down("Control")
    for _ in range(3):
        shown.page.mouse.wheel(0, -200)
    shown.page.keyboard.up("Control")
    shown.page.mouse.move(1, 1)
    zoomed = colours(shown)
    np.testing.assert_allclose(zoomed, [zoomed[0]] * 4, atol=6)  # all of it is in the first quarter now
    assert float(frame(shown).get_attribute("data-zoom") or 0) > 4


def test_axe_finds_nothing_wrong_with_the_picture(saved: Saved, browser: Browser) -> None:
    for dark in (False, True):
        page = open_page(browser, saved.path, dark=dark)
        page.settle()
        assert page.violations() == []
        page.page.close()
