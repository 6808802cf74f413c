"""A pen that writes SVG, in the words of js/src/export/svg.ts: the same strokes give the same text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from math import floor
from typing import Literal

from llm_attr_widget.export.style import as_javascript, visible

Align = Literal["start", "middle", "end"]


class Pen:
    """Draws from back to front. Coordinates are pixels, y downward; text stands on its middle line.

    font: a CSS family. move: an SVG transform for what is drawn from now on, "" for none.
    """

    def __init__(self, font: str) -> None:
        self.move = ""
        self._font = font
        self._out: list[str] = []
        self._clips = 0

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self._path(_rectangle(x, y, width, height), fill)

    def box(self, x: float, y: float, width: float, height: float, radius: float, fill: str) -> None:
        """A rectangle with round corners."""
        r = min(radius, width / 2, height / 2)

        def arc(dx: float, dy: float) -> str:
            return "a" + ",".join(map(short, (r, r, 0, 0, 1, dx, dy)))

        across, down = width - 2 * r, height - 2 * r
        self._path(
            f"M{short(x + r)},{short(y)}h{short(across)}{arc(r, r)}v{short(down)}{arc(-r, r)}"
            f"h{short(2 * r - width)}{arc(-r, -r)}v{short(2 * r - height)}{arc(r, -r)}z",
            fill,
        )

    def polygon(self, corners: Sequence[tuple[float, float]], fill: str) -> None:
        path = "L".join(",".join(map(short, corner)) for corner in corners)
        self._path(f"M{path}", fill)

    def text(self, text: str, x: float, y: float, *, size: int, fill: str, align: Align) -> None:
        self._out.append(
            f'<text x="{short(x)}" y="{short(y)}" text-anchor="{align}" dominant-baseline="central" '
            f'font-size="{size}" font-family="{xml(self._font)}" fill="{fill}" xml:space="preserve"{self._moved()}>'
            f"{xml(text)}</text>"
        )

    def image(self, png: bytes, x: float, y: float, width: float, height: float) -> None:
        """A PNG whose pixels stay squares however large they are drawn."""
        self._out.append(
            f'<image x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{b64encode(png).decode()}"{self._moved()}/>'
        )

    def clip(self, x: float, y: float, width: float, height: float) -> None:
        """What comes now stays inside this rectangle, until `unclip`."""
        name = f"law-clip-{self._clips}"
        self._clips += 1
        path = _rectangle(x, y, width, height)
        self._out.append(f'<clipPath id="{name}"><path d="{path}"/></clipPath><g clip-path="url(#{name})">')

    def unclip(self) -> None:
        self._out.append("</g>")

    def document(self, width: float, height: float, background: str, title: str) -> str:
        """The whole, on a background."""
        size = f'width="{short(width)}" height="{short(height)}" viewBox="0 0 {short(width)} {short(height)}"'
        ground = f'<rect width="100%" height="100%" fill="{background}"/>'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><title>{xml(title)}</title>{ground}'
        return f"{head}{''.join(self._out)}</svg>\n"

    def _path(self, path: str, fill: str) -> None:
        self._out.append(f'<path d="{path}" fill="{fill}"{self._moved()}/>')

    def _moved(self) -> str:
        return f' transform="{self.move}"' if self.move else ""


def short(value: float) -> str:
    """Two decimals at most."""
    return as_javascript(floor(value * 100 + 0.5) / 100)


def xml(text: str) -> str:
    """Text for XML: no markup; what it does not allow (XML 1.0, 2.2) has glyphs."""
    text = visible(text)
    for mark, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(mark, name)
    return text


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return f"M{short(x)},{short(y)}h{short(width)}v{short(height)}h{short(-width)}z"
