"""Numbers events and sends them from any thread by the way that the last incoming message opened; and how often."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llm_attr_widget.widget.protocol import Event
from llm_attr_widget.widget.wire import encode

FRAMES_PER_SECOND = 15.0
"""Often enough to look live, never faster than a front end can take."""


class Publisher:
    """Sends protocol events through a widget's `send`.

    ipykernel (7.x) answers on the subshell that a message came in through, and finds it in the context. What a
    thread sends outside such a context turns later messages of the front end to the wrong place: Stop then waits for
    the cell to end. So the handler calls `arrived`, and everything that leaves does so in a copy of that context.
    """

    def __init__(self, send: Callable[[dict[str, Any], list[bytes]], None]) -> None:
        self._sender = send
        self._context = contextvars.copy_context()
        self._seq = 0
        self._guard = threading.Lock()

    def arrived(self) -> None:
        """Call in the handler of every incoming message."""
        self._context = contextvars.copy_context()

    def send(self, event: Event, buffers: tuple[bytes, ...] = ()) -> None:
        """Give the event the next sequence number and send it."""
        with self._guard:  # numbers must leave in order, or the front end takes it for a gap
            self._seq += 1
            message = encode(replace(event, seq=self._seq))
            self.do(lambda: self._sender(message, list(buffers)))

    def do(self, action: Callable[[], None]) -> None:
        """Anything else that ends in a message, such as setting a synced trait."""
        # A Context can be entered once at a time, and two threads may send: each enters a copy.
        self._context.copy().run(action)


class Pace:
    """Says when the next frame is due."""

    def __init__(self) -> None:
        self._next = 0.0

    def due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 1 / FRAMES_PER_SECOND
        return True
