"""The attribution widget as its user sees it: buttons, cells, tooltip, lit words; and a film of what was drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

# Notes every change of the view, with a fingerprint of the matrix as it stands on the canvas and how much of it is
# coloured. The view sets its attributes at the end of each drawing, and an observer is called before the next one.
FILM = """
(root) => {
  const film = [];
  const look = () => {
    const grid = root.querySelector("[role=grid]"), canvas = grid.querySelector("canvas");
    if (!grid.offsetParent || !grid.dataset.cellWidth) return { print: "", coloured: 0 };
    const ratio = devicePixelRatio, at = (name) => Number(grid.dataset[name]) * ratio;
    const width = at("cellWidth") * grid.ariaColCount, height = at("cellHeight") * grid.ariaRowCount;
    const { data } = canvas.getContext("2d").getImageData(at("x0"), at("y0"), width, height);
    let print = 2166136261, coloured = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
      print = Math.imul(print ^ (r | (g << 8) | (b << 16)), 16777619);
      if (Math.max(r, g, b) - Math.min(r, g, b) > 48) coloured += 1;
    }
    return { print: String(print), coloured };
  };
  const note = (event) => film.push({ event, at: performance.now(), phase: root.dataset.phase, ...look() });
  root.addEventListener("click", (event) => note(event.target.textContent), { capture: true });
  new MutationObserver(() => note("drawn")).observe(root, { attributes: true });
  root.film = film;
}
"""


def called(texts: Sequence[str], at: int) -> str:
    """A text as it is named: in quotes where it has no letter, with its place where it is not alone."""
    bare = [text.strip() for text in texts]
    short = not any(char.isalnum() for char in bare[at])
    place = at + 1
    ends = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    where = f" ({place}{ends})" if short or bare.count(bare[at]) > 1 else ""
    return (f"“{bare[at]}”" if short else bare[at]) + where


@dataclass(frozen=True)
class Shot:
    """One entry of the film. at: milliseconds. print: the matrix's fingerprint. coloured: pixels with a colour."""

    event: str
    at: float
    phase: str
    print: str
    coloured: int


@dataclass(frozen=True)
class Tip:
    """The tooltip. value, error: as shown; decimals: how many of them are shown."""

    title: str
    value: float
    error: float
    decimals: int
    facts: dict[str, str]


class View:
    """One view of an AttrWidget, found in the outputs of a cell."""

    def __init__(self, outputs: Locator) -> None:
        self._see(outputs.locator(".law"))

    @classmethod
    def at(cls, root: Locator) -> View:
        """The view whose outermost element this is."""
        view = cls.__new__(cls)
        view._see(root)
        return view

    def _see(self, root: Locator) -> None:
        self.root = root
        self.root.wait_for()
        self.grid = self.root.get_by_role("grid")
        self.tooltip = self.root.get_by_role("tooltip")
        self.run_button = self.root.get_by_role("button", name="Run", exact=True)
        self.stop_button = self.root.get_by_role("button", name="Stop", exact=True)

    def phase(self) -> str:
        return self.root.get_attribute("data-phase") or ""

    def wait_for(self, *phases: str, timeout: float = 60.0) -> None:
        any_of = re.compile("|".join(phases))
        expect(self.root).to_have_attribute("data-phase", any_of, timeout=timeout * 1000)

    def start_film(self) -> None:
        self.root.evaluate(FILM)

    def film(self) -> list[Shot]:
        return [Shot(**shot) for shot in self.root.evaluate("(root) => root.film")]

    def point_at(self, row: int, column: int) -> None:
        """Move the mouse onto the middle of a cell of the matrix."""
        read = "(grid, name) => Number(grid.dataset[name])"
        x0, y0, width, height = (self.grid.evaluate(read, name) for name in ("x0", "y0", "cellWidth", "cellHeight"))
        self.grid.hover(position={"x": x0 + (column + 0.5) * width, "y": y0 + (row + 0.5) * height})
        self.tooltip.wait_for()

    def tip(self) -> Tip:
        title = self.tooltip.locator("strong").inner_text()
        names = self.tooltip.locator("span").all_inner_texts()
        values = self.tooltip.locator("b").all_inner_texts()
        found = re.fullmatch(r"([+−]?[\d.]+)(?: ± ([\d.]+))? (?:nats|probability)", values[0])
        if found is None:
            raise AssertionError(f"No value with its error and unit: {values[0]!r}")
        number, error = found[1].replace("−", "-"), found[2] or "0"
        decimals = len(number.partition(".")[2])
        return Tip(title, float(number), float(error), decimals, dict(zip(names, values, strict=True)))

    def lit(self, name: str) -> list[str]:
        """Texts of the words that are lit in the "Prompt" or the "Answer"."""
        return self.root.get_by_role("group", name=name).locator("[data-lit]").all_inner_texts()

    def matrix(self) -> str:
        """What is on the canvas, labels included."""
        return self.grid.evaluate("(grid) => grid.querySelector('canvas').toDataURL()")

    def has_text_in_its_colour(self) -> bool:
        """Whether the canvas has labels in the colour that the theme gives to text."""
        return self.grid.evaluate("""(grid) => {
          const canvas = grid.querySelector("canvas");
          const wanted = getComputedStyle(grid).color.match(/\\d+/g).map(Number);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] === 255 && wanted.every((part, at) => data[i + at] === part)) return true;
          return false;
        }""")
