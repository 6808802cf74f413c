"""The prompt's image as its user sees it: which colour stands where, what lies under the pointer, and a film of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page

# Mean colour of one patch of each cell of a grid, as it stands on the canvas: [[r, g, b], …], row by row.
MEANS = """
(frame, [rows, columns, start, size]) => {
  const canvas = frame.querySelector("canvas");
  const [width, height] = [canvas.width / columns, canvas.height / rows];
  const mean = (x, y) => {
    const patch = [x + width * start, y + height * start, width * size, height * size];
    const { data } = canvas.getContext("2d").getImageData(...patch);
    const sums = [0, 0, 0];
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) sums[i % 4] += data[i];
    return sums.map((sum) => Math.round(sum / (data.length / 4)));
  };
  const cells = [...Array(rows * columns).keys()];
  return cells.map((at) => mean((at % columns) * width, Math.floor(at / columns) * height));
}"""
# The same at every change of the view. It sets its attributes at the end of each drawing.
FILM = f"""
(root, grid) => {{
  const means = {MEANS};
  root.photoFilm = [];
  new MutationObserver(() => {{
    const frame = root.querySelector(".law-picture-frame");
    if (frame.offsetParent) root.photoFilm.push([root.dataset.phase, means(frame, grid)]);
  }}).observe(root, {{ attributes: true }});
}}"""


class Photo:
    """The picture of one widget.

    rows, columns: of the grid that its colours are asked for. patch: which part of each cell is looked at, as its
    upper left corner and its size, both ways, in shares of the cell.
    """

    def __init__(self, root: Locator, rows: int, columns: int, patch: tuple[float, float] = (0.2, 0.6)) -> None:
        self.root = root
        self.frame = root.locator(".law-picture-frame")
        self.canvas = self.frame.locator("canvas")
        self.opacity = root.get_by_role("slider", name="Opacity of the tint")
        self._grid = [rows, columns, *patch]

    @property
    def page(self) -> Page:
        return self.root.page

    def settle(self) -> None:
        """Wait for two frames: whatever was asked for is on the page."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def colours(self) -> NDArray[np.float64]:
        """`(rows × columns, 3)`: mean colour of each cell."""
        self.settle()
        return np.array(self.frame.evaluate(MEANS, self._grid), dtype=np.float64)

    def painted_for(self) -> str:
        self.settle()
        return self.frame.get_attribute("data-painted") or ""

    def lit(self) -> int:
        """The feature that is lit, or -1."""
        self.settle()
        return int(self.frame.get_attribute("data-lit") or "-1")

    def zoom(self) -> float:
        return float(self.frame.get_attribute("data-zoom") or 1)

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse to a place, in shares of the picture's width and height."""
        self.canvas.scroll_into_view_if_needed()
        box = self.canvas.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        self.settle()

    def point_at_cell(self, cell: int) -> None:
        rows, columns, *_ = self._grid
        row, column = divmod(cell, int(columns))
        self.point_at((column + 0.5) / columns, (row + 0.5) / rows)

    def leave(self) -> None:
        self.page.mouse.move(1, 1)
        self.settle()

    @contextmanager
    def original(self) -> Iterator[None]:
        """Inside, the button that shows the picture as it was is held down."""
        self.root.get_by_role("button", name="Hold to see the original picture").hover()
        self.page.mouse.down()
        yield
        self.page.mouse.up()
        self.leave()

    def start_film(self) -> None:
        self.root.evaluate(FILM, self._grid)

    def film(self) -> list[tuple[str, NDArray[np.float64]]]:
        """Of every change of the view since the film began: the phase, and the colours."""
        return [(phase, np.array(colours, float)) for phase, colours in self.root.evaluate("(root) => root.photoFilm")]
