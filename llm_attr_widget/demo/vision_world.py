"""The world of the vision-language model that ships: coloured shapes on a 3 × 3 grid, with questions about them.

In one picture no shape and no colour occurs twice, so each question has one answer, and the cell that holds the shape
is the cause of it: the right explanation is known.

| kind | question → answer | cause of each answer word |
|---|---|---|
| colour | What colour is the circle? → red | the circle's cell |
| shape | Which shape is red? → circle | the red shape's cell |
| place | Where is the circle? → top left | the circle's cell |
| content | What is at the top left? → red circle | the cell asked for |
| caption | Describe the picture. → red circle top left, blue star middle right | each shape's cell, for its words |

What is asked for and not in the picture is answered with `ABSENT`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Kind: TypeAlias = Literal["colour", "shape", "place", "content", "caption"]
Box: TypeAlias = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, right and bottom exclusive, as PIL has it."""

KINDS: tuple[Kind, ...] = ("colour", "shape", "place", "content", "caption")
GRID = 3
SIDE = 192
"""Pixels along each side of a picture."""
CELL = SIDE // GRID

COLOURS = MappingProxyType(
    {
        "red": (214, 40, 40),
        "green": (40, 160, 70),
        "blue": (40, 85, 215),
        "yellow": (250, 205, 25),
        "purple": (145, 50, 190),
        "orange": (250, 130, 15),
    }
)
PLACES = tuple(f"{row} {column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right"))
"""The cells' names, row-major."""
ABSENT = "none"

_Points: TypeAlias = list[tuple[float, float]]


def _star() -> _Points:
    return [(r * sin(k * pi / 5), -r * cos(k * pi / 5)) for k, r in enumerate((1.1, 0.45) * 5)]


def _cross() -> _Points:
    a, b = 0.33, 1.0
    return [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a)]


OUTLINES: MappingProxyType[str, _Points] = MappingProxyType(
    {
        "circle": [(cos(k * pi / 32), sin(k * pi / 32)) for k in range(64)],
        "square": [(-0.87, -0.87), (0.87, -0.87), (0.87, 0.87), (-0.87, 0.87)],
        "triangle": [(0.0, -1.05), (1.0, 0.8), (-1.0, 0.8)],
        "star": _star(),
        "cross": _cross(),
    }
)
"""Shape → its outline around (0, 0), y downwards, about two units wide."""
SHAPES = tuple(OUTLINES)


@dataclass(frozen=True, slots=True)
class Thing:
    """A coloured shape in a cell (row-major); `outline` in pixels of the picture."""

    shape: str
    colour: str
    cell: int
    outline: tuple[tuple[float, float], ...]
    rgb: tuple[int, int, int]

    @property
    def place(self) -> str:
        return PLACES[self.cell]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows: things in the order of their cells, on a plain background."""

    things: tuple[Thing, ...]
    background: tuple[int, int, int]

    def held_out(self) -> bool:
        """Whether this composition (what stands where in which colour) is kept from training."""
        # crc32 and not hash(): the same in every process.
        return crc32(" ".join(f"{t.colour} {t.shape} {t.cell}" for t in self.things).encode()) % 8 == 0


@dataclass(frozen=True, slots=True)
class Region:
    """Why a word is in the answer: because of what stands in this segment. `word` counts the answer's words from 0."""

    word: int
    segment: int


@dataclass(frozen=True, slots=True)
class VisionExample:
    """A picture, a question about it, the answer the model should give, and which segment causes it.

    image: RGB, `SIDE` × `SIDE`.
    prompt: the question, without the chat template around it.
    answer: without the eos.
    kind: which kind of question.
    boxes: the picture's segments, one for each cell, row-major.
    causes: one for each word of the answer.
    scene: what was drawn.
    """

    image: Image.Image
    prompt: str
    answer: str
    kind: Kind
    boxes: tuple[Box, ...]
    causes: tuple[Region, ...]
    scene: Scene

    @property
    def cause(self) -> int:
        """The segment that the answer's first word depends on: of all words, unless this is a caption."""
        return self.causes[0].segment

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The question as a chat with an image part, as `processor.apply_chat_template` wants it."""
        return chat(self.prompt)


def chat(question: str) -> list[dict[str, Any]]:
    """A chat of one turn: a picture, then a question about it."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]


def boxes(grid: int = GRID) -> tuple[Box, ...]:
    """The picture cut into grid × grid boxes, row-major."""
    edges = [round(k * SIDE / grid) for k in range(grid + 1)]
    return tuple(
        (edges[column], edges[row], edges[column + 1], edges[row + 1]) for row in range(grid) for column in range(grid)
    )


def examples(
    rng: np.random.Generator, count: int, *, held_out: bool = True, kind: Kind | None = None
) -> list[VisionExample]:
    """`count` examples, each with a picture of its own, the kinds in turn, or of one kind.

    Compositions of held-out pictures are never trained on.
    """
    kinds = (kind,) if kind else KINDS
    return [_example(rng, kinds[i % len(kinds)], held_out) for i in range(count)]


def _example(rng: np.random.Generator, kind: Kind, held_out: bool) -> VisionExample:
    scene = draw_scene(rng, held_out=held_out)
    thing = scene.things[int(rng.integers(len(scene.things)))]
    told = scene.things if kind == "caption" else (thing,)
    answer = caption(scene.things) if kind == "caption" else ANSWERS[kind](thing)
    cells = [t.cell for t in told for _ in range(len(answer.split()) // len(told))]
    causes = tuple(Region(word, cell) for word, cell in enumerate(cells))
    return VisionExample(paint(scene), question(kind, thing), answer, kind, boxes(), causes, scene)


def draw_scene(rng: np.random.Generator, *, held_out: bool) -> Scene:
    """Two to five things, no shape, colour or cell twice."""
    while True:
        count = int(rng.integers(2, len(SHAPES) + 1))
        cells = sorted(int(cell) for cell in rng.choice(GRID * GRID, count, replace=False))
        shapes = [SHAPES[i] for i in rng.permutation(len(SHAPES))[:count]]
        colours = [list(COLOURS)[i] for i in rng.permutation(len(COLOURS))[:count]]
        things = tuple(_thing(rng, *facts) for facts in zip(shapes, colours, cells, strict=True))
        ground = rng.integers(20, 55, 3) if rng.random() < 0.2 else rng.integers(225, 256, 3)
        scene = Scene(things, _rgb(ground))
        if scene.held_out() == held_out:
            return scene


def _thing(rng: np.random.Generator, shape: str, colour: str, cell: int) -> Thing:
    radius = rng.uniform(0.32, 0.43) * CELL
    # No outline, turned by up to 12°, reaches further than 1.15 radii to any side: things stay inside their cell.
    slack = max(0.0, CELL / 2 - 1.15 * radius)
    x, y = ((cell % GRID) + 0.5) * CELL, ((cell // GRID) + 0.5) * CELL
    x, y = x + rng.uniform(-slack, slack), y + rng.uniform(-slack, slack)
    turn = rng.uniform(-pi / 15, pi / 15)
    c, s = radius * cos(turn), radius * sin(turn)
    outline = tuple((x + c * px - s * py, y + s * px + c * py) for px, py in OUTLINES[shape])
    rgb = np.clip(np.array(COLOURS[colour]) + rng.integers(-12, 13, 3), 0, 255)
    return Thing(shape, colour, cell, outline, _rgb(rgb))


def _rgb(values: NDArray[np.integer[Any]]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def paint(scene: Scene) -> Image.Image:
    """The picture of a scene, edges smoothed."""
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), scene.background)
    pen = ImageDraw.Draw(image)
    for thing in scene.things:
        pen.polygon([(2 * x, 2 * y) for x, y in thing.outline], fill=thing.rgb)
    return image.reduce(2)


def silhouette(thing: Thing) -> NDArray[np.bool_]:
    """Where a thing is, (SIDE, SIDE)."""
    mask = Image.new("1", (SIDE, SIDE))
    ImageDraw.Draw(mask).polygon(list(thing.outline), fill=1)
    return np.array(mask)


def question(kind: Kind, thing: Thing) -> str:
    return {
        "colour": f"What colour is the {thing.shape}?",
        "shape": f"Which shape is {thing.colour}?",
        "place": f"Where is the {thing.shape}?",
        "content": f"What is at the {thing.place}?",
        "caption": "Describe the picture.",
    }[kind]


ANSWERS: MappingProxyType[Kind, Callable[[Thing], str]] = MappingProxyType(
    {
        "colour": lambda thing: thing.colour,
        "shape": lambda thing: thing.shape,
        "place": lambda thing: thing.place,
        "content": lambda thing: f"{thing.colour} {thing.shape}",
    }
)


def caption(things: tuple[Thing, ...]) -> str:
    """What stands where, row by row."""
    return ", ".join(f"{thing.colour} {thing.shape} {thing.place}" for thing in things) or ABSENT
