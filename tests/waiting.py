"""Waiting for a condition, with an end to it: the one place of the tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(
    ready: Callable[[], object], seconds: float = 60.0, *, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Return once `ready()` is true, calling `meanwhile` before each look. Raises AssertionError when it never is."""
    deadline = time.monotonic() + seconds
    meanwhile()
    while not ready():
        assert time.monotonic() < deadline, f"not ready within {seconds:g} s"
        time.sleep(0.005)
        meanwhile()
