"""Every state of the widget in one picture: `python -m tests.browser.sheet` writes tests/artifacts/sheet.png.

The states are real: runs of the models that ship, caught in the middle, stopped, ended. What is drawn is one page, in
which each tile is a widget over traits and messages as the kernel sent them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text, load_vision
from llm_attr_widget.demo.vision_world import examples
from llm_attr_widget.game.targets import Target
from llm_attr_widget.widget import publisher
from llm_attr_widget.widget.frames import nothing_yet
from llm_attr_widget.widget.protocol import TRAITS
from llm_attr_widget.widget.traits import STATIC, synced
from llm_attr_widget.widget.wire import encode
from tests.browser.chromium import launch
from tests.support import BitsInput, FunctionModel

HERE = Path(__file__).parent
OUT = HERE.parent / "artifacts"
PROMPT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"
CHAT = [
    {"role": "system", "content": "Answer with a name."},
    {"role": "user", "content": "Ivo has a robot. Eva has a boat. Who has a robot?"},
    {"role": "assistant", "content": "Ivo."},
    {"role": "user", "content": "And who has a boat?"},
]
SHRINK = 2.5
"""How much smaller the sheet is than the widgets on it."""

Traits = Mapping[str, Any]
Message = Mapping[str, Any]


@dataclass(frozen=True)
class Caught:
    """What a widget sent: its traits before and after, and all messages between."""

    before: Traits
    after: Traits
    messages: list[Message]


@dataclass(frozen=True)
class Kind:
    """One column of the sheet. after: how many messages a run is stopped after."""

    name: str
    make: Callable[[], AttrWidget]
    width: int = 940
    dark: bool = False


@dataclass(frozen=True)
class Tile:
    name: str
    traits: Traits
    messages: tuple[Message, ...] = ()
    kernel: bool = True
    dark: bool = False
    point: bool = False


def kinds() -> list[Kind]:
    model, tokenizer = load_text()
    vision, processor = load_vision()
    shown = examples(np.random.default_rng(32), 1, kind="caption")[0]
    weights = np.random.default_rng(5).normal(0, 1, (12, 500)) ** 3 / 40
    many = FunctionModel(lambda ids, target: weights[list(target)][:, list(ids)].sum(axis=1) - 1, batch=64)
    words = Target(tuple(range(12)), tuple(f" t{i}" for i in range(12)))
    text = Kind("text", lambda: AttrWidget(model, tokenizer, PROMPT, " playing golf and hiking.", budget=256))
    chat = Kind("chat", lambda: AttrWidget(model, tokenizer, CHAT, " Eva.", budget=256))
    image = Kind(
        "image",
        lambda: AttrWidget(
            vision, processor, image=shown.image, prompt=shown.prompt, target=shown.answer, segments=3, budget=96
        ),
    )
    one = Kind("1 feature", lambda: AttrWidget(model, tokenizer, "Dave", " golf.", method="leave_one_out"))
    large = Kind("500 features", lambda: AttrWidget(many, None, BitsInput(500), words, method="leave_one_out"))
    return [
        text,
        replace(text, name="text, dark", dark=True),
        replace(text, name="text, 400 px", width=400),
        chat,
        replace(chat, name="chat, 400 px, dark", width=400, dark=True),
        image,
        replace(image, name="image, dark", dark=True),
        one,
        large,
    ]


def states(kind: Kind, ended: Caught, stopped: Caught) -> Iterator[Tile]:
    """Tiles of one column, in the order of the rows."""
    frames = [m for m in ended.messages if m["content"]["kind"] == "frame" and m["content"]["rows"]]
    first, middle = frames[0], frames[len(frames) // 2]
    begun = {**ended.before, "status": "running"}
    waits = encode(nothing_yet(1, "Waiting for another run on this model…"))
    edited = {"prompt": f"{ended.after['prompt']} Edited.", "texts": None}
    if ended.after["texts"] is not None:
        texts = list(ended.after["texts"])
        texts[-1] += " Edited."
        edited = {"prompt": "".join(texts), "texts": texts}
    empty = {**middle, "content": {**middle["content"], "chart": None, "progress": waits, "rows": 0}, "buffers": []}
    paused = _progress(middle, phase="paused")
    trace = 'Traceback (most recent call last):\n  File "model.py", line 88, in forward\nRuntimeError: out of memory'
    failed = {"phase": "failed", "message": "The run failed: RuntimeError: out of memory", "traceback": trace}
    yield Tile("idle", ended.before)
    yield Tile("editing", {**ended.after, **edited})
    yield Tile("queued", begun, (empty,))
    yield Tile("running", begun, (first, middle))
    yield Tile("paused", {**begun, "status": "paused"}, (first, paused))
    yield Tile("stopped, pointed at", stopped.after, point=True)
    yield Tile("failed", {**stopped.after, "status": "failed", "progress": {**stopped.after["progress"], **failed}})
    yield Tile("finished", ended.after)
    yield Tile("stale: another method", {**ended.after, "method": "lime"})
    yield Tile("no kernel", ended.after, kernel=False)
    yield Tile("saved in mid-run", {**begun, "made_at": "2026-11-28T14:05:00+00:00"}, kernel=False)


def tiles(only: Callable[[Kind], bool] = lambda _: True) -> tuple[list[int], list[Tile]]:
    """Widths of the columns, and all tiles, row by row."""
    columns: list[list[Tile]] = []
    chosen = [kind for kind in kinds() if only(kind)]
    caught: dict[Any, tuple[Caught, Caught]] = {}
    for kind in chosen:
        if kind.make not in caught:
            ended = catch(kind.make())
            caught[kind.make] = ended, catch(kind.make(), stop_after=max(3, len(ended.messages) // 3))
        made = states(kind, *caught[kind.make])
        columns.append([replace(tile, name=f"{tile.name} · {kind.name}", dark=kind.dark) for tile in made])
    return [kind.width for kind in chosen], [tile for row in zip(*columns, strict=True) for tile in row]


def catch(widget: AttrWidget, stop_after: int | None = None) -> Caught:
    """A run of this widget, with every update sent; stopped after so many messages."""
    messages: list[Message] = []

    def send(content: Any, buffers: Any = ()) -> None:
        messages.append({"content": content, "buffers": list(buffers)})
        if len(messages) == stop_after:
            widget.stop()

    widget.send = send
    before = traits_of(widget)
    with every_update():
        widget.run()
        widget.wait(120)
    return Caught(before, traits_of(widget), messages)


@contextmanager
def every_update() -> Iterator[None]:
    pace = publisher.FRAMES_PER_SECOND
    publisher.FRAMES_PER_SECOND = 1e9
    try:
        yield
    finally:
        publisher.FRAMES_PER_SECOND = pace


def traits_of(widget: AttrWidget) -> Traits:
    return {name: getattr(widget, name) for name in synced(*TRAITS)}


def write_page(path: Path, columns: list[int], shown: list[Tile]) -> None:
    """The page with all tiles, that reaches for nothing outside of it."""
    content = {
        "esm": (STATIC / "widget.js").read_text(encoding="utf-8"),
        "css": (STATIC / "widget.css").read_text(encoding="utf-8"),
        "columns": columns,
        "tiles": [_tile(tile) for tile in shown],
    }
    text = json.dumps(content, default=_base64).replace("<", "\\u003c")
    page = (HERE / "sheet.html").read_text(encoding="utf-8")
    path.write_text(page.replace("{{content}}", text), encoding="utf-8")


def open_sheet(browser: Browser, path: Path) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(path.as_uri())
    page.locator("body[data-ready]").wait_for(timeout=60_000)
    return page


def take(page: Page, out: Path) -> None:
    """The sheet, small enough to look at; beside it the same in full size."""
    out.mkdir(exist_ok=True)
    whole = out / "sheet-full.png"
    page.locator("#sheet").screenshot(path=whole)
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(whole) as picture:
        size = (round(picture.width / SHRINK), round(picture.height / SHRINK))
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(out / "sheet.png")


def _progress(message: Message, **changes: Any) -> Message:
    content = message["content"]
    return {**message, "content": {**content, "progress": {**content["progress"], **changes}}}


def _tile(tile: Tile) -> dict[str, Any]:
    last = tile.messages[-1]["content"] if tile.messages else None
    progress = last["progress"] if last else tile.traits["progress"] or {**encode(nothing_yet(0, "")), "phase": "idle"}
    seq = last["seq"] + 1 if last else 1
    hello = {"kind": "frame", "seq": seq, "run": progress["run"], "chart": None, "progress": progress}
    return {**vars(tile), "hello": {**hello, "first_row": 0, "rows": 0}}


def _base64(value: Any) -> dict[str, str]:
    return {"base64": b64encode(bytes(value)).decode("ascii")}


def main() -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        OUT.mkdir(exist_ok=True)
        path = OUT / "sheet.html"
        write_page(path, *tiles())
        take(open_sheet(browser, path), OUT)
        browser.close()
    print(OUT / "sheet.png")


if __name__ == "__main__":
    main()
