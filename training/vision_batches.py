"""Training batches for the vision-language model that ships: pictures with parts blanked, several questions each.

An attribution method shows the model pictures that lack something, so most pictures here lack something too: cells,
finer or coarser grids, or just the shapes themselves, painted over as an image input paints over an absent segment.
What is then gone is answered with `ABSENT`; what is half gone is not asked for.

Each picture is asked several questions in one sequence. A question sees the picture and itself, not the questions
before it, and is at the positions it has alone: the same sums as asking one by one, but the picture is read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import LlavaProcessor

from llm_attr_widget.demo.vision_world import (
    ABSENT,
    ANSWERS,
    COLOURS,
    GRID,
    PLACES,
    SHAPES,
    SIDE,
    Kind,
    Scene,
    Thing,
    boxes,
    caption,
    chat,
    draw_scene,
    paint,
    question,
    silhouette,
)

Pixels: TypeAlias = NDArray[np.uint8]
"""(SIDE, SIDE, 3)"""

UNTOUCHED = 0.3
"""Share of pictures with nothing blanked."""
SEEN, GONE = 0.6, 0.06
"""A thing is asked for if at least this share of it can be seen, and counts as absent below the other."""
QUESTIONS = 5
"""Questions for each picture."""
CAPTIONED = 0.8
"""Share of pictures one of whose questions asks for a caption: word by word a caption asks what goes with what."""
WORN = 0.1
"""Share of questions that lack some of their words."""
IGNORED = -100


@dataclass(frozen=True, slots=True)
class View:
    """A picture as the model gets to see it. seen: the things that can be seen; unclear: those half blanked."""

    pixels: Pixels
    seen: tuple[Thing, ...]
    unclear: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """pixels (pictures, 3, height, width); ids, positions and labels (pictures, tokens); mask (pictures, 1, tokens,
    tokens), true where row may look at column; shapes and colours (pictures, cells), what each cell is seen to hold.
    """

    pixels: torch.Tensor
    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor
    shapes: torch.Tensor
    colours: torch.Tensor


def view(scene: Scene, rng: np.random.Generator) -> View:
    """The scene's picture with some of it blanked."""
    pixels = np.array(paint(scene))
    form = rng.random()
    if form < UNTOUCHED:
        return View(pixels, scene.things, ())
    absent = _absent_shapes(scene, rng) if form > 0.88 else _absent_boxes(rng)
    pixels[absent] = _fill(pixels, scene, rng)[absent]
    left = [1 - np.count_nonzero(absent & s) / np.count_nonzero(s) for s in map(silhouette, scene.things)]
    seen = tuple(t for t, share in zip(scene.things, left, strict=True) if share >= SEEN)
    unclear = tuple(t for t, share in zip(scene.things, left, strict=True) if GONE < share < SEEN)
    return View(pixels, seen, unclear)


def _absent_boxes(rng: np.random.Generator) -> NDArray[np.bool_]:
    absent = np.zeros((SIDE, SIDE), bool)
    share = rng.random()
    for left, top, right, bottom in boxes(int(rng.choice([2, GRID, 4, 6, 8], p=[0.05, 0.65, 0.1, 0.1, 0.1]))):
        absent[top:bottom, left:right] = rng.random() < share
    return absent


def _absent_shapes(scene: Scene, rng: np.random.Generator) -> NDArray[np.bool_]:
    absent = np.zeros((SIDE, SIDE), bool)
    share = rng.random()
    for thing in scene.things:
        if rng.random() < share:
            absent |= silhouette(thing)
    grown = absent.copy()
    for shift in (-1, 1):
        grown |= np.roll(absent, shift, 0) | np.roll(absent, shift, 1)
    return grown


def _fill(pixels: Pixels, scene: Scene, rng: np.random.Generator) -> Pixels:
    """What absent segments are painted over with: noise, or one colour."""
    form = int(rng.integers(7))
    if form == 0:
        return rng.integers(0, 256, pixels.shape, dtype=np.uint8)
    mean = np.array(Image.fromarray(pixels).resize((1, 1), Image.Resampling.BOX))[0, 0]
    fill = (0, 255, 127, int(rng.integers(100, 156)), mean, scene.background)[form - 1]
    return np.broadcast_to(np.array(fill, dtype=np.uint8), pixels.shape)


def ask(view: View, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Questions about what is seen or gone, with their answers."""
    asked: list[tuple[str, str]] = []
    if not view.unclear and rng.random() < CAPTIONED:
        asked.append((question("caption", _anything(rng)), caption(view.seen)))
    kinds = tuple(ANSWERS)
    while len(asked) < QUESTIONS:
        kind: Kind = kinds[int(rng.integers(len(kinds)))]
        thing = _anything(rng)
        if view.seen and rng.random() < 0.75:
            thing = view.seen[int(rng.integers(len(view.seen)))]
        text = question(kind, thing)
        if text in {question(kind, other) for other in view.unclear}:
            continue
        answers = {question(kind, other): ANSWERS[kind](other) for other in view.seen}
        asked.append((_worn(text, rng) if rng.random() < WORN else text, answers.get(text, ABSENT)))
    return asked


def _anything(rng: np.random.Generator) -> Thing:
    """A thing that is not in the picture unless by chance, to ask for."""
    shape, colour = SHAPES[rng.integers(len(SHAPES))], list(COLOURS)[rng.integers(len(COLOURS))]
    return Thing(shape, colour, int(rng.integers(len(PLACES))), (), (0, 0, 0))


def _worn(text: str, rng: np.random.Generator) -> str:
    share = rng.random()
    return " ".join(word for word in text.split() if rng.random() >= share)


def batch(processor: LlavaProcessor, rng: np.random.Generator, pictures: int) -> Batch:
    """A batch of pictures whose compositions are not held out."""
    views = [view(draw_scene(rng, held_out=False), rng) for _ in range(pictures)]
    rows = [pack(processor, ask(v, rng)) for v in views]
    longest = max(len(row.ids) for row in rows)
    shapes, colours = (
        torch.tensor([_cells(v, [getattr(t, what) for t in v.seen], names) for v in views])
        for what, names in (("shape", SHAPES), ("colour", tuple(COLOURS)))
    )
    return Batch(
        processor.image_processor([Image.fromarray(v.pixels) for v in views], return_tensors="pt")["pixel_values"],
        torch.stack([_padded(row.ids, longest, processor.tokenizer.pad_token_id) for row in rows]),
        torch.stack([_padded(row.positions, longest, 0) for row in rows]),
        torch.stack([_padded(row.labels, longest, IGNORED) for row in rows]),
        torch.stack([_mask(row.turns, longest) for row in rows])[:, None],
        shapes,
        colours,
    )


def _cells(view: View, held: list[str], names: tuple[str, ...]) -> list[int]:
    """Cell → the number of what it holds, `len(names)` for nothing, `IGNORED` for something half blanked."""
    labels = [len(names)] * (GRID * GRID)
    for thing, name in zip(view.seen, held, strict=True):
        labels[thing.cell] = names.index(name)
    for thing in view.unclear:
        labels[thing.cell] = IGNORED
    return labels


@dataclass(frozen=True, slots=True)
class Row:
    """One picture's questions in one sequence. turns: 0 for what all share, else the number of the question."""

    ids: list[int]
    positions: list[int]
    labels: list[int]
    turns: list[int]


def pack(processor: LlavaProcessor, asked: list[tuple[str, str]]) -> Row:
    """The picture's tokens once, then each question with its answer, whose tokens are the labels."""
    row = Row([], [], [], [])
    for turn, (text, answer) in enumerate(asked, start=1):
        shared, prompt = _prompt_ids(processor, text)
        if turn == 1:
            _extend(row, shared, 0, 0, labelled=False)
        told = (*_ids(processor, answer), processor.tokenizer.eos_token_id)
        _extend(row, prompt, len(shared), turn, labelled=False)
        _extend(row, told, len(shared) + len(prompt), turn, labelled=True)
    return row


@lru_cache(maxsize=4096)
def _prompt_ids(processor: LlavaProcessor, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids up to and with the picture's last, and those of the question after it."""
    size = processor.image_processor.size
    count = size["height"] // processor.patch_size * (size["width"] // processor.patch_size)
    rendered = processor.apply_chat_template(chat(text), add_generation_prompt=True)
    head, tail = rendered.split(processor.image_token)
    return _ids(processor, head + processor.image_token * count), _ids(processor, tail)


@lru_cache(maxsize=4096)
def _ids(processor: LlavaProcessor, text: str) -> tuple[int, ...]:
    return tuple(processor.tokenizer.encode(text, add_special_tokens=False))


def _extend(row: Row, ids: tuple[int, ...], start: int, turn: int, *, labelled: bool) -> None:
    row.ids.extend(ids)
    row.positions.extend(range(start, start + len(ids)))
    row.labels.extend(ids if labelled else [IGNORED] * len(ids))
    row.turns.extend([turn] * len(ids))


def _padded(values: list[int], length: int, fill: int) -> torch.Tensor:
    return torch.tensor(values + [fill] * (length - len(values)))


def _mask(turns: list[int], length: int) -> torch.Tensor:
    """(length, length): token row may look at token column."""
    # Padding is a turn of its own, so that its rows have something to look at: a softmax over nothing is NaN.
    turn = _padded(turns, length, -1)
    return torch.tril((turn[None] == 0) | (turn[None] == turn[:, None]))
