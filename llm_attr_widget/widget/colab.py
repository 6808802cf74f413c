"""What Colab asks of a widget: messages of at most about 1 MB, as it drops larger ones without a word.

anywidget switches Colab's manager of custom widgets on, where the module for it is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

MOST_BYTES = 950_000
"""Of one message, less what the message has around its content."""

_LAST = ("chart", "progress", "status")
"""What says whose numbers the others are: a page that has the numbers alone still goes by the frames that it got."""


def in_colab() -> bool:
    """Whether this is a kernel of Colab's, by the same sign as anywidget."""
    return "google.colab.output" in sys.modules


def weight(value: object) -> int:
    """Bytes that a value takes on its way, a little more rather than less."""
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    if isinstance(value, memoryview):
        return value.nbytes
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass")) + 8
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return 2 + sum(weight(name) + weight(part) for name, part in pairs.items())
    if isinstance(value, (list, tuple)):
        return 2 + sum(map(weight, cast("Sequence[object]", value)))
    return 24


def light(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state with no trait heavier than a message: the oldest of a list go, other buffers are left empty.

    Numbers that are too many for a trait travel in the frames of a run, and again in answer to every hello.
    """
    return {name: _lightened(value) for name, value in state.items()}


def parcels(state: Mapping[str, Any]) -> Iterator[list[str]]:
    """Names of traits that travel together, in the order in which they may arrive one after the other."""
    together: list[str] = []
    carried = 0
    for name in sorted(state, key=lambda name: name in _LAST):
        heavy = weight(state[name])
        if together and carried + heavy > MOST_BYTES:
            yield together
            together, carried = [], 0
        together.append(name)
        carried += heavy
    if together:
        yield together


def _lightened(value: Any) -> Any:
    if weight(value) <= MOST_BYTES:
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b""
    if isinstance(value, list):
        items = cast("list[object]", value)
        while items and weight(items) > MOST_BYTES:
            items = items[1:]
        return items
    return value
