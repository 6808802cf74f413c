"""A run as a picture that moves, for the README: Run is pressed, the matrix fills in, words are pointed at.

LAW_UPDATE_PICTURES=1 writes it to docs/images/widget.webp.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator

from tests.browser.lab import ARTIFACTS, Lab
from tests.browser.test_lab import widget
from tests.browser.widget import View

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "widget.webp"
# "include" says what is asked for, and is always present.
ASKED = """from llm_attr_widget import TextInput
w = AttrWidget(model, tok, TextInput(tok, prompt, locked=[15]), method="permutation_shapley", budget=3000)
w"""
STILL, MOVING, LAST = 1500, 160, 2600
"""Milliseconds that a frame is seen."""

pytestmark = pytest.mark.timeout(240)


class Film:
    """Frames of an element, each with how long it is seen."""

    def __init__(self, of: Locator) -> None:
        self._of = of
        self.frames: list[Image.Image] = []
        self.milliseconds: list[int] = []

    def take(self, milliseconds: int) -> None:
        """One more frame; one that shows nothing new is seen as part of the one before."""
        frame = Image.open(io.BytesIO(self._of.screenshot())).convert("RGB")
        if self.frames and frame.size == self.frames[-1].size and frame.tobytes() == self.frames[-1].tobytes():
            self.milliseconds[-1] = max(self.milliseconds[-1], milliseconds)
            return
        self.frames.append(frame)
        self.milliseconds.append(milliseconds)

    def save(self, path: Path) -> None:
        """All frames on white, of one size."""
        size = (max(frame.width for frame in self.frames), max(frame.height for frame in self.frames))
        whole = [Image.new("RGB", size, "white") for _ in self.frames]
        for page, frame in zip(whole, self.frames, strict=True):
            page.paste(frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        whole[0].save(
            path, save_all=True, append_images=whole[1:], duration=self.milliseconds, loop=0, quality=82, method=4
        )


def answer(view: View, word: str) -> Locator:
    return view.root.get_by_role("group", name="Answer").locator("[data-line]").get_by_text(word, exact=True).first


def test_a_run_is_a_picture_that_moves(lab: Lab) -> None:
    view = widget(lab, ASKED)
    film = Film(view.root)
    film.take(STILL)
    view.run_button.click()
    while view.phase() != "finished":
        film.take(MOVING)
    streamed = len(film.frames)
    film.take(STILL)
    for word in ("golf", "hiking", "cooking"):
        answer(view, word).hover()
        film.take(STILL)
    view.point_at(1, 10)
    film.take(LAST)
    path = PICTURE if os.environ.get("LAW_UPDATE_PICTURES") else ARTIFACTS / "widget.webp"
    film.save(path)
    with Image.open(path) as made:
        assert made.n_frames == len(film.frames)
    assert streamed >= 5, "seen growing"
    assert len(film.frames) >= streamed + 4, "each word that is pointed at shows something else"
    assert path.stat().st_size < 1_500_000
