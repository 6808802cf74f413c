"""The image view as its user meets it: in a real JupyterLab, on the vision model that ships, while a run streams.

The model's captions name one shape after another, and each colour and shape hangs on the segment that holds it
(`demo.vision_world`), so what must be the hottest segment on the screen is known.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from llm_attr_widget.demo.vision_world import COLOURS, PLACES, SHAPES
from tests.browser.lab import Lab
from tests.browser.photo import Photo
from tests.browser.test_lab import record
from tests.browser.widget import View

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "images.ipynb"
SETUP = """
import numpy as np

from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_vision
from llm_attr_widget.demo.vision_world import examples

model, processor = load_vision()
example = examples(np.random.default_rng(32), 1, kind="caption")[0]
w = AttrWidget(
    model, processor, image=example.image, prompt=example.prompt, segments=3, method="permutation_shapley", budget=2000
)
"""

# How orange a word is painted: red less blue.
ORANGE = """(word) => {
  const [r, g, b] = word.style.background.match(/\\d+/g)?.map(Number) ?? [0, 0, 0];
  return r - b;
}"""
TALL = {"width": 1280, "height": 1500}

pytestmark = pytest.mark.timeout(240)


def answer(view: View) -> Locator:
    return view.root.get_by_role("group", name="Answer").locator("[data-line]")


def caption_of(view: View) -> list[tuple[str, int]]:
    """(word of the answer, the segment that its shape stands in), for its colours and shapes, in order."""
    told = "".join(view.root.get_by_role("group", name="Answer").all_inner_texts()).split(", ")
    found: list[tuple[str, int]] = []
    for thing in told:
        colour, shape, *place = thing.split()
        found += [(colour, PLACES.index(" ".join(place))), (shape, PLACES.index(" ".join(place)))]
    assert {word for word, _ in found} <= {*COLOURS, *SHAPES}
    return found


def tinted(photo: Photo, original: np.ndarray) -> int:
    """The segment whose colour differs most from the picture's own."""
    return int(np.abs(photo.colours() - original).sum(axis=1).argmax())


def ready(lab: Lab, outputs: Locator) -> tuple[View, Photo]:
    lab.page.set_viewport_size(TALL)  # so that pictures of the widget show all of it
    view = View(outputs)
    # The corner of a cell shows the plain background, which is the same in all cells: what differs there is the tint.
    return view, Photo(view.root, 3, 3, (0.03, 0.05))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_notebook_about_images_paints_each_word_s_own_shape(lab: Lab, dark: bool) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shows = next(index for index, cell in enumerate(notebook.cells) if "AttrWidget(model" in cell.source)
    lab.open_notebook(notebook, scale=2, dark=dark)
    for index in range(shows + 1):
        if notebook.cells[index].cell_type == "code":
            lab.run_cell(index)
    view, photo = ready(lab, lab.outputs(shows))
    name = "dark" if dark else "light"
    photo.frame.wait_for()  # the picture is there before there is a number
    lab.until(lambda: float(np.ptp(photo.colours())), lambda spread: spread > 0)  # decoded
    before = photo.colours()
    expect(photo.opacity).to_be_hidden()
    lab.screenshot(f"images-{name}-before", view.root)
    view.run_button.click()
    view.wait_for("finished")
    photo.leave()
    with photo.original():
        original = photo.colours()
    np.testing.assert_allclose(before, original, atol=1)
    lab.screenshot(f"images-{name}", view.root)
    caption = caption_of(view)
    assert len(caption) >= 6
    hits: list[bool] = []
    for word, segment in caption:
        answer(view).get_by_text(word, exact=True).hover()
        assert photo.painted_for() == f"“{word}”"
        hits.append(tinted(photo, original) == segment)
    lab.screenshot(f"images-{name}-word", view.root)
    assert np.mean(hits) >= 0.9
    # The other way round: a shape's segment lights its own words, and one of them most.
    for segment in sorted({segment for _, segment in caption}):
        photo.point_at_cell(segment)
        assert photo.lit() == segment
        backs = [answer(view).get_by_text(word, exact=True).evaluate(ORANGE) for word, _ in caption]
        assert all(back > 0 for back, (_, at) in zip(backs, caption, strict=True) if at == segment)
        assert caption[int(np.argmax(backs))][1] == segment
    lab.screenshot(f"images-{name}-segment", view.root)


def test_the_tint_is_seen_growing_and_what_it_says_is_what_the_kernel_has(lab: Lab) -> None:
    lab.open([SETUP, "w"])
    lab.run_cell(0)
    view, photo = ready(lab, lab.run_cell(1))
    photo.start_film()
    view.run_button.click()
    view.wait_for("running")
    photo.frame.wait_for()
    lab.until(lambda: lab.evaluate("w.result is not None and bool(np.isfinite(w.result.sequence).all())"), bool)
    lab.screenshot("images-running", view.root)
    view.wait_for("finished")
    with photo.original():
        original = photo.colours()
    last = photo.colours()
    film = photo.film()
    states = {colours.tobytes() for phase, colours in film if phase == "running"}
    between = states - {original.tobytes(), last.tobytes()}
    record("intermediate states of the picture seen", len(between))
    assert len(between) >= 5
    values = np.array(lab.evaluate("w.result.sequence.tolist()"))
    outputs = lab.evaluate("[text.strip(' ,') for text in w.result.outputs]")
    each = np.array(lab.evaluate("w.result.values.tolist()"))
    assert tinted(photo, original) == np.abs(values[:9]).argmax()
    for row, text in enumerate(outputs):
        if text not in COLOURS:
            continue
        answer(view).get_by_text(text, exact=True).hover()
        assert tinted(photo, original) == each[row, :9].argmax() == dict(caption_of(view))[text]


def test_words_are_pinned_and_brushed_by_mouse_and_the_picture_follows(lab: Lab) -> None:
    lab.open([SETUP + "w.method, w.budget = 'shapley', 128\nw.run()\nw.wait(60)", "w"])
    lab.run_cell(0)
    view, photo = ready(lab, lab.run_cell(1))
    view.wait_for("finished")
    whole = photo.colours()
    with photo.original():
        original = photo.colours()
    caption = caption_of(view)
    first, second = caption[0], caption[2]
    word = answer(view).get_by_text(second[0], exact=True)
    word.click()
    photo.leave()
    assert photo.painted_for() == f"“{second[0]}”"  # it stays
    assert tinted(photo, original) == second[1]
    word.click()
    photo.leave()
    np.testing.assert_array_equal(photo.colours(), whole)
    # Brushing the second shape's words paints the picture for both of them together.
    word.hover()
    lab.page.mouse.down()
    answer(view).get_by_text(caption[3][0], exact=True).hover()
    lab.page.mouse.up()
    photo.leave()
    assert photo.painted_for() == f"“{second[0]} {caption[3][0]}”"
    assert tinted(photo, original) == second[1] != first[1]
    assert np.abs(photo.colours() - whole).max() > 20
    row = lab.evaluate("w.result.values.tolist()")
    texts = lab.evaluate("[text.strip(' ,') for text in w.result.outputs]")
    rows = [texts.index(second[0]), texts.index(caption[3][0])]
    assert np.array(row)[rows, :9].sum(axis=0).argmax() == second[1]
    lab.screenshot("images-brushed", view.root)
    lab.page.keyboard.press("Escape")


def test_opacity_zoom_and_keys_in_the_notebook(lab: Lab) -> None:
    lab.open([SETUP + "w.method, w.budget = 'shapley', 128\nw.run()\nw.wait(60)", "w"])
    lab.run_cell(0)
    view, photo = ready(lab, lab.run_cell(1))
    view.wait_for("finished")
    with photo.original():
        original = photo.colours()
    photo.leave()
    strengths = []
    for opacity in ("0", "30", "70", "100"):
        photo.opacity.fill(opacity)
        strengths.append(float(np.abs(photo.colours() - original).max()))
    assert strengths[0] <= 1
    assert strengths == sorted(strengths)
    assert strengths[-1] > 2 * strengths[1]
    photo.frame.focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowRight")
    lab.page.keyboard.press("ArrowDown")
    assert photo.lit() == 5
    expect(view.root.locator(".law-picture [role=status]")).to_contain_text("row 2, column 3 → the whole answer")
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.press("+")
    lab.page.keyboard.press("+")
    assert photo.zoom() == pytest.approx(2.25)
    lab.screenshot("images-zoomed", view.root)
    lab.page.keyboard.press("0")
    assert photo.zoom() == 1
    with photo.original():
        lab.screenshot("images-original", view.root)
        np.testing.assert_allclose(photo.colours(), original, atol=1)
