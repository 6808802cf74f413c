"""Where filled-in texts stand in what a template makes of them, found by filling in marks instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start` to `end` (one past the last) of the whole text are the text of slot `slot`."""

    start: int
    end: int
    slot: int


# Private-use characters, which no template looks for.
_MARK = re.compile("\ue000([0-9]+)\ue001")


def places(fill: Callable[[Sequence[str]], str], texts: Sequence[str]) -> tuple[str, tuple[Place, ...]]:
    """The whole text, and where each of the texts stands in it, in reading order; a text can stand in several places.

    fill: the template. A text counts as found where it is shown word for word, less whitespace around it. What the
    template shows otherwise, or not at all, has no place.
    """
    whole = fill(texts)
    marked = fill([f"\ue000{i}\ue001" for i in range(len(texts))])
    found: list[Place] = []
    behind, position, sure = 0, 0, True
    for mark in _MARK.finditer(marked):
        slot, between = int(mark[1]), marked[behind : mark.start()]
        behind = mark.end()
        # After a text that is shown otherwise, its end is where the template goes on.
        start = position if sure else whole.find(between, position)
        sure = False
        if start < 0 or not whole.startswith(between, start):
            continue
        start += len(between)
        text = next((t for t in (texts[slot], texts[slot].strip()) if whole.startswith(t, start)), None)
        if text is not None:
            position, sure = start + len(text), True
            found.append(Place(start, position, slot))
    return whole, tuple(found)
