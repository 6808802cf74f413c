"""How often frames are sent: often enough to look live, never faster than a front end can take."""

from __future__ import annotations

import time

FRAMES_PER_SECOND = 15.0


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
