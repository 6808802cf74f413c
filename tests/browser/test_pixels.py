"""What stands on the canvas is the numbers: colours of cells, sums along the edges, a hot cell among thousands."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from llm_attr_widget import attribute
from llm_attr_widget.export.style import COLOURS, cell_colour, nice_ceil, uncertain
from llm_attr_widget.game.targets import Target
from llm_attr_widget.widget.frames import float32
from tests.browser.pages import Saved, Shown, open_page, saved_in
from tests.browser.test_access import in_state
from tests.support import BitsInput, FunctionModel, table, table_model

pytestmark = pytest.mark.timeout(120)

FEATURES, OUTPUTS, MANY = 7, 5, 3000
READ = """(grid, points) => {
  const to = grid.querySelector("canvas").getContext("2d");
  const dot = (at) => Math.floor(at * devicePixelRatio);
  return points.map(([x, y]) => [...to.getImageData(dot(x), dot(y), 1, 1).data.slice(0, 3)]);
}"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    target = Target(tuple(range(OUTPUTS)), tuple(f" t{i}" for i in range(OUTPUTS)))
    model = table_model(table(FEATURES, OUTPUTS), FEATURES)
    result = attribute(
        model, None, BitsInput(FEATURES), target, method="permutation_shapley", budget=1500, progress=False
    )
    return saved_in(tmp_path_factory.mktemp("pixels"), result)


class Canvas:
    """The matrix's canvas, read in CSS pixels. x0, y0: where the first cell begins."""

    def __init__(self, shown: Shown) -> None:
        self._grid = shown.view.grid
        names = ("x0", "y0", "cell-width", "cell-height")
        self.x0, self.y0, self.width, self.height = (
            float(self._grid.get_attribute(f"data-{name}") or "nan") for name in names
        )

    def read(self, points: list[tuple[float, float]]) -> NDArray[np.int64]:
        """`(points, 3)`: red, green, blue."""
        return np.array(self._grid.evaluate(READ, points), dtype=np.int64)

    def coloured(self, points: list[tuple[float, float]]) -> NDArray[np.bool_]:
        found = self.read(points)
        return np.ptp(found, axis=1) > 24


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_cell_has_the_colour_of_its_number(saved: Saved, browser: Browser, theme: str) -> None:
    shown = open_page(browser, saved.path, dark=theme == "dark", scale=2)
    shown.settle()
    at = Canvas(shown)
    values, errors = saved.result.values, saved.result.standard_errors
    limit = nice_ceil(float(np.abs(values).max()))
    cells = list(np.ndindex(values.shape))
    faded = [uncertain(float(values[cell]), float(errors[cell])) for cell in cells]
    assert 0.1 < np.mean(faded) < 0.9  # both kinds are seen
    found = at.read([(at.x0 + (column + 0.15) * at.width, at.y0 + (row + 0.2) * at.height) for row, column in cells])
    colours = COLOURS["dark" if theme == "dark" else "light"]
    wanted = [cell_colour(float(values[cell]), float(errors[cell]), limit, colours) for cell in cells]
    np.testing.assert_allclose(found, wanted, atol=2)
    shown.page.close()


def test_sums_stand_along_both_edges(shown: Shown, saved: Saved) -> None:
    at = Canvas(shown)
    values, total = saved.result.values, saved.result.sequence
    # As long as the sum of the row, the longest 44 pixels.
    sums = values.sum(axis=1)
    beside = at.x0 + FEATURES * at.width + 10
    for row, length in enumerate(44 * np.abs(sums) / np.abs(sums).max()):
        middle = at.y0 + (row + 0.5) * at.height
        bar = np.argmin([*at.coloured([(beside + x, middle) for x in range(44)]), False])  # behind it stands the number
        assert bar == pytest.approx(length, abs=1.5)
    # As high as the sum of the column (v of the whole answer), 22 pixels at the end of the scale.
    above = at.y0 - 4
    for column, height in enumerate(22 * np.abs(total) / nice_ceil(float(np.abs(total).max()))):
        middle = at.x0 + (column + 0.5) * at.width
        bar = at.read([(middle, above - 1 - y) for y in range(22)]).any(axis=1).sum()  # where nothing is drawn is 0
        assert bar == pytest.approx(max(1, height), abs=1.5)


@pytest.mark.parametrize("column", [1234, 1235, 2997])
def test_one_hot_cell_is_seen_among_thousands(browser: Browser, tmp_path: Path, column: int) -> None:
    model = FunctionModel(lambda ids, target: np.full(len(target), -1.0), batch=512)
    target = Target((0, 1, 2), (" a", " b", " c"))
    flat = attribute(model, None, BitsInput(MANY), target, method="leave_one_out", progress=False)
    values = np.zeros((3, MANY))
    values[1, column] = 2.0
    page = saved_in(tmp_path, flat)
    shown = open_page(browser, in_state(page.path, values={"base64": b64encode(float32(values)).decode()}))
    shown.settle()
    at = Canvas(shown)
    assert at.width < 0.34  # three cells and more share a pixel
    row = [(at.x0 + x + 0.5, at.y0 + 1.5 * at.height) for x in range(round(MANY * at.width))]
    found = np.flatnonzero(at.coloured(row))
    assert len(found) in (1, 2)
    assert found.mean() == pytest.approx((column + 0.5) * at.width, abs=2)
    shown.page.close()
