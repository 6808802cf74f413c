"""An attribution as a drawing: the SVG and PNG that the widget's Export menu writes.

js/src/export/matrix.ts draws the same with the widget's own painters; tests/exports holds what both make of one result.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import asin, ceil, cos, degrees, isfinite, pi, sin
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.export.style import (
    BAR_GAP,
    BAR_HEIGHT,
    BAR_LIMIT,
    BAR_NUMBER,
    BAR_WIDTH,
    BOXES_FROM,
    CELL,
    COLOURS,
    FONT,
    LABEL_CELL,
    LABEL_GAP,
    LABEL_LINE,
    LABEL_SIZE,
    LABELS_FROM,
    LEAST_WIDTH,
    LEGEND,
    LEGEND_STEPS,
    LEGEND_STRIP,
    MINUS,
    MOST_WIDTH,
    NUMBER_SIZE,
    PALETTES,
    PLOT_HEIGHT,
    PNG_ZOOM,
    STEPS,
    VALUES_FROM,
    Colours,
    Theme,
    all_uncertain,
    cell_colour,
    cell_decimals,
    css,
    faded,
    feature_label,
    ink_on,
    limit_of,
    limit_text,
    missing,
    ramp,
    shorten,
    signed,
    token_label,
    widest,
    worth_writing,
)
from llm_attr_widget.export.svg import Pen, short
from llm_attr_widget.export.tables import Content, Floats

TOTAL = "total"
_FACE = Path(__file__).parent / "DejaVuSans.ttf"
"""The font that the drawing asks for first, so that it looks the same on every machine."""


def to_svg(content: Content, theme: Theme = "light") -> str:
    """The matrix with its labels, the whole target above it, sums of rows beside it, and the scale of colours."""
    return _Drawing(content, theme).svg()


def to_png(content: Content, theme: Theme = "light") -> bytes:
    """The same drawing as pixels, two dots to a pixel."""
    from resvg_py import svg_to_bytes

    return bytes(
        svg_to_bytes(
            svg_string=to_svg(content, theme),
            zoom=PNG_ZOOM,
            font_files=[str(_FACE)],
            sans_serif_family="DejaVu Sans",
            image_rendering="optimize_speed",
        )
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Pixels. x, y, across, down: the plot; cell: width and height of one; tilt: of the labels above, in radians."""

    width: float
    height: float
    x: float
    y: float
    across: float
    down: float
    cell: tuple[float, float]
    tilt: float

    @property
    def bars(self) -> float:
        """Top of the bars above the plot."""
        return self.y - 4 - BAR_HEIGHT


def _layout(row_labels: list[str], column_labels: list[str]) -> _Layout:
    rows, columns = len(row_labels), len(column_labels)
    left = _pixels([TOTAL, *row_labels]) + LABEL_GAP
    right = BAR_GAP + BAR_WIDTH + BAR_NUMBER
    room = max(LEAST_WIDTH, min(MOST_WIDTH, columns * CELL.width))
    cell = (
        min(CELL.width, room / max(1, columns)),
        min(CELL.height, max(PLOT_HEIGHT / max(1, rows), LABEL_CELL if rows <= 50 else 0)),
    )
    tilt = pi / 3 if cell[0] < LABELS_FROM else max(pi / 4, asin(min(1, LABEL_LINE / cell[0])))
    top = ceil(_pixels(column_labels) * sin(tilt)) + 16 + BAR_HEIGHT + 4
    down = cell[1] * rows
    return _Layout(left + room + right, top + down + 6, left, top, min(room, cell[0] * columns), down, cell, tilt)


class _Drawing:
    """Numbers as float32 holds them, as the widget has them."""

    def __init__(self, content: Content, theme: Theme) -> None:
        self._about = content.about
        self._name = content.name
        self._values, self._errors = _single(content.values), _single(content.standard_errors)
        self._sequence, self._sequence_errors = _single(content.sequence), _single(content.sequence_standard_errors)
        # Added up in double precision and kept in single, as the widget does; plain sums, not NumPy's pairwise ones.
        self._sums = [float(np.float32(sum(row))) for row in self._values.tolist()]
        self._limit, self._sequence_limit = limit_of(self._values), limit_of(self._sequence)
        self._rows = [shorten(token_label(text)) for text in content.outputs]
        self._columns = [shorten(feature_label(text)) for text in content.features]
        self._at = _layout(self._rows, self._columns)
        self._colours: Colours = COLOURS[theme]
        self._muted, self._ground = PALETTES[theme].muted, css(PALETTES[theme].ground)
        self._pen = Pen(FONT)

    def svg(self) -> str:
        at, pen = self._at, self._pen
        pen.clip(at.x, at.y, at.across, at.down)
        pen.move = f"translate({short(at.x)} {short(at.y)})"
        if min(at.cell) >= BOXES_FROM:
            self._boxes()
        else:
            self._picture()
        pen.move = ""
        pen.unclip()
        self._labels()
        self._column_bars()
        pen.text(TOTAL, at.x - 10, at.bars + BAR_HEIGHT - 7, size=NUMBER_SIZE, fill=self._muted, align="end")
        if self._about["adds_up"]:
            self._row_bars()
        self._scale()
        title = str(self._about.get("status") or f"{self._about['label']} ({self._about['unit']})")
        return pen.document(self._width(), at.height + LEGEND.height, self._ground, title)

    def _width(self) -> float:
        """Of the whole: the last labels above and the name of the scale may reach further than the matrix."""
        at, width = self._at, self._at.cell[0]
        ends = (
            at.x + (column + 0.5) * width + widest([label]) * cos(at.tilt) + 8
            for column, label in enumerate(self._columns)
        )
        return ceil(max(at.width, at.x + LEGEND.width + 16 + widest([self._name]), *ends))

    def _boxes(self) -> None:
        width, height = self._at.cell
        gap = 1 if min(width, height) >= 16 else 0.5
        for row, (values, errors) in enumerate(zip(self._values.tolist(), self._errors.tolist(), strict=True)):
            for column, (value, error) in enumerate(zip(values, errors, strict=True)):
                # Out of the plot and back into it, as the widget reckons: the last digit is the same then.
                x = self._at.x + column * width - self._at.x
                y = self._at.y + row * height - self._at.y
                self._box(x, y, gap, value, error)
                if width >= VALUES_FROM.width and height >= VALUES_FROM.height:
                    self._number(x, y, value, error)

    def _box(self, x: float, y: float, gap: float, value: float, error: float) -> None:
        width, height = self._at.cell
        colour = cell_colour(value, error, self._limit, self._colours)
        self._pen.box(x + gap, y + gap, width - 2 * gap, height - 2 * gap, gap * 3, css(colour))
        if abs(value) > self._limit * 1.000001:
            size, right = min(7, width / 3, height / 3), x + width
            self._pen.polygon(((right, y), (right - size, y), (right, y + size)), self._ground)

    def _number(self, x: float, y: float, value: float, error: float) -> None:
        if not worth_writing(value, error, self._limit):
            return
        width, height = self._at.cell
        text = signed(value, cell_decimals(self._limit))
        ink = ink_on(cell_colour(value, error, self._limit, self._colours))
        self._pen.text(text, x + width / 2, y + height / 2 + 0.5, size=NUMBER_SIZE, fill=ink, align="middle")

    def _picture(self) -> None:
        """Cells too small for boxes: one picture, each pixel the strongest of the cells that share it."""
        from PIL import Image

        (across, down), (width, height) = [max(1, ceil(1 / size - 1e-6)) for size in self._at.cell], self._at.cell
        strongest = _strongest(self._values, down, across)
        pixels = _painted(self._values, self._errors, self._limit, self._colours)
        rows, columns = strongest.shape
        png = io.BytesIO()
        Image.fromarray(pixels.reshape(-1, 3)[strongest]).save(png, format="PNG")
        self._pen.image(png.getvalue(), 0, 0, width * across * columns, height * down * rows)

    def _labels(self) -> None:
        at, pen = self._at, self._pen
        width, height = at.cell
        for row in range(0, len(self._rows), _stride(height, pi / 2)):
            y = at.y + row * height + height / 2
            pen.text(self._rows[row], at.x - 10, y, size=LABEL_SIZE, fill=self._muted, align="end")
        for column in range(0, len(self._columns), _stride(width, at.tilt)):
            x = at.x + column * width + width / 2
            pen.move = f"translate({short(x + 1)} {short(at.bars - 8)})rotate({short(degrees(-at.tilt))})"
            pen.text(self._columns[column], 0, 0, size=LABEL_SIZE, fill=self._muted, align="start")
            pen.move = ""

    def _column_bars(self) -> None:
        at, pen, width = self._at, self._pen, self._at.cell[0]
        inset = min(5, width * 0.14)
        pen.clip(at.x, at.bars, at.across, BAR_HEIGHT)
        for column, (value, error) in enumerate(
            zip(self._sequence.tolist(), self._sequence_errors.tolist(), strict=True)
        ):
            if not isfinite(value):
                continue
            size = max(1, abs(value) / self._sequence_limit * BAR_HEIGHT)
            colour = cell_colour(value, error, self._sequence_limit * BAR_LIMIT, self._colours)
            x = at.x + column * width + inset
            pen.rectangle(x, at.bars + BAR_HEIGHT - size, max(0.5, width - 2 * inset), size, css(colour))
        pen.unclip()

    def _row_bars(self) -> None:
        at, pen, height = self._at, self._pen, self._at.cell[1]
        left = at.x + at.across + BAR_GAP
        largest = max((abs(value) for value in self._sums if isfinite(value)), default=0) or 1
        pen.clip(left, at.y, at.width, at.down)
        for row, value in enumerate(self._sums):
            if not isfinite(value):
                continue
            y, inset, size = at.y + row * height, height * 0.27, abs(value) / largest * BAR_WIDTH
            share = max(0.35, abs(value) / largest) * np.sign(value)
            fill = css(ramp(self._colours, share))
            pen.rectangle(left, y + inset, size, max(0.5, height - 2 * inset), fill)
            if height < LABELS_FROM or abs(value) < largest * 0.02:
                continue
            text = signed(value, cell_decimals(largest))
            pen.text(text, left + size + 5, y + height / 2 + 0.5, size=NUMBER_SIZE, fill=self._muted, align="start")
        pen.unclip()

    def _scale(self) -> None:
        """What the colours mean, with zero in the middle."""
        pen, x, y = self._pen, self._at.x, self._at.height + 8
        step = LEGEND.width / LEGEND_STEPS
        for at in range(LEGEND_STEPS):
            fill = css(ramp(self._colours, (at + 0.5) / LEGEND_STEPS * 2 - 1))
            pen.rectangle(x + at * step, y, step, LEGEND_STRIP, fill)
        size, below = limit_text(self._limit), y + LEGEND_STRIP + 10
        pen.text(f"{MINUS}{size} against", x, below, size=NUMBER_SIZE, fill=self._muted, align="start")
        pen.text("0", x + LEGEND.width / 2, below, size=NUMBER_SIZE, fill=self._muted, align="middle")
        pen.text(f"for +{size}", x + LEGEND.width, below, size=NUMBER_SIZE, fill=self._muted, align="end")
        pen.text(
            self._name, x + LEGEND.width + 16, y + LEGEND_STRIP / 2, size=NUMBER_SIZE, fill=self._muted, align="start"
        )


def _single(array: Floats) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float32).astype(np.float64)


def _pixels(labels: list[str]) -> int:
    return ceil(widest(labels))


def _stride(cell: float, tilt: float) -> int:
    """Every how-many-th label has room."""
    if cell >= LABELS_FROM and cell * sin(tilt) > LABEL_LINE - 1.5:
        return 1
    return max(1, ceil(LABEL_LINE / sin(tilt) / cell - 1e-6))


def _strongest(values: NDArray[np.float64], down: int, across: int) -> NDArray[np.intp]:
    """Which cell of each block has the largest |value|; NaN loses against any number."""
    rows, columns = values.shape
    sizes = np.where(np.isnan(values), -0.5, np.abs(values))
    sizes = np.pad(sizes, ((0, -rows % down), (0, -columns % across)), constant_values=-1)
    blocks = sizes.reshape(sizes.shape[0] // down, down, sizes.shape[1] // across, across).swapaxes(1, 2)
    best = blocks.reshape(*blocks.shape[:2], -1).argmax(axis=2)
    row = np.arange(blocks.shape[0])[:, None] * down + best // across
    column = np.arange(blocks.shape[1])[None, :] * across + best % across
    return row * columns + column


def _painted(
    values: NDArray[np.float64], errors: NDArray[np.float64], limit: float, colours: Colours
) -> NDArray[np.uint8]:
    """`(rows, columns, 3)`: each cell's colour, of STEPS that there are."""
    steps = [ramp(colours, step / (STEPS - 1) * 2 - 1) for step in range(STEPS)]
    faint = [faded(colours, step / (STEPS - 1) * 2 - 1) for step in range(STEPS)]
    table = np.array([*steps, *faint, missing(colours)], dtype=np.uint8)
    unsure = all_uncertain(values, errors)
    shares = np.clip(np.nan_to_num(values, nan=0.0) / limit, -1, 1)
    index = np.floor((shares + 1) / 2 * (STEPS - 1) + 0.5).astype(np.intp) + np.where(unsure, STEPS, 0)
    return table[np.where(np.isnan(values), 2 * STEPS, index)]
