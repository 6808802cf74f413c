"""Results as pages of their own (what `to_html` writes), opened in a real Chromium: every view without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page

from llm_attr_widget import Attribution, AttrWidget
from llm_attr_widget.picture import Picture
from llm_attr_widget.types import Coalitions, Piece, Prompt
from tests.browser.widget import View

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Saved:
    """A result and the page that shows it."""

    result: Attribution
    path: Path

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(text.strip() for text in self.result.features)


def saved_in(folder: Path, result: Attribution) -> Saved:
    """The result as a page in this folder, without a kernel."""
    path = folder / "result.html"
    AttrWidget.from_result(result).to_html(path)
    return Saved(result, path)


@dataclass(frozen=True)
class PicturedInput:
    """A picture of four quarters and three words of text, in one game. Ids of a prompt: the features present."""

    pieces: tuple[Piece, ...] = (Piece("What", 4), Piece(" colour", 5), Piece("?", 6))
    features: tuple[str, ...] = ("top left", "top right", "bottom left", "bottom right", "What", " colour", "?")
    baseline: str = "grey"
    random: bool = False

    @property
    def picture(self) -> Picture:
        pixels = np.zeros((64, 64, 3), dtype=np.uint8)
        pixels[:32, :32] = (220, 40, 40)
        pixels[32:, 32:] = (40, 40, 220)
        rows, columns = np.indices((64, 64)) // 32
        return Picture(pixels, (2 * rows + columns).astype(np.int32), ((0,), (1,), (2,), (3,)))

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        del rng
        return [Prompt(tuple(np.flatnonzero(row).tolist())) for row in coalitions]


def quarters(ids: tuple[int, ...], target: tuple[int, ...]) -> NDArray[np.float64]:
    """Token 0 is due to the top left quarter, token 1 to the bottom right one."""
    wanted = {0: 0, 1: 3}
    return np.array([-0.1 if wanted[token] in ids else -3.1 for token in target])


class Shown:
    """A page with one widget."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view = View(page.locator("body"))
        self.root = self.view.root

    def words(self, name: str) -> Locator:
        """Words of the "Prompt" or the "Answer"."""
        return self.root.get_by_role("group", name=name).locator("[data-line]")

    def word(self, name: str, text: str) -> Locator:
        return self.words(name).get_by_text(text, exact=True).first

    def drag(self, start: Locator, end: Locator, *, key: str | None = None) -> None:
        if key:
            self.page.keyboard.down(key)
        start.hover()
        self.page.mouse.down()
        end.hover()
        self.page.mouse.up()
        if key:
            self.page.keyboard.up(key)
        self.page.mouse.move(1, 1)
        self.settle()

    def settle(self) -> None:
        """Wait for two frames: whatever was asked for is on the page."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def cell(self, row: int, column: int) -> tuple[float, float]:
        """Middle of a cell, in pixels of the window."""
        grid = self.view.grid
        x0, y0, width, height = (
            float(grid.get_attribute(f"data-{name}") or "nan") for name in ("x0", "y0", "cell-width", "cell-height")
        )
        box = grid.bounding_box()
        assert box is not None
        return box["x"] + x0 + (column + 0.5) * width, box["y"] + y0 + (row + 0.5) * height

    def pins(self, name: str) -> list[str]:
        self.settle()
        found = self.root.get_by_role("group", name=name).locator("[data-pin]")
        return [f"{word.get_attribute('data-pin')}: {word.inner_text()}" for word in found.all()]

    def painted(self, name: str) -> list[str]:
        """Background of every word."""
        script = "(words) => words.map((word) => word.style.background)"
        return self.words(name).evaluate_all(script)

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the widget as it stands."""
        self.page.add_script_tag(path=AXE)
        found = self.page.evaluate("""async () => {
          const { violations } = await axe.run(document.querySelector(".law"));
          return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
        }""")
        assert isinstance(found, list)
        return found


def open_page(
    browser: Browser, path: Path, *, width: int = 1100, dark: bool = False, forced: bool = False, scale: float = 1.0
) -> Shown:
    """The page in a window of its own, that can reach nothing but its file."""
    page = browser.new_page(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        forced_colors="active" if forced else "none",
        reduced_motion="reduce" if forced else "no-preference",
        device_scale_factor=scale,
        accept_downloads=True,
    )
    page.goto(path.as_uri())
    return Shown(page)


def added(result: Attribution, rows: Sequence[int]) -> NDArray[np.float64]:
    """Rows added up by NumPy: what a span must show."""
    return result.values[list(rows)].sum(axis=0)
