"""Minimising a smooth function of a few dozen numbers: L-BFGS (Nocedal and Wright 2006, algorithm 7.5), in 40 lines.

scipy.optimize has it too, and takes a quarter of a second to import, which every first run would wait for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_KEPT = 8
_HALVINGS = 12
_ENOUGH = 1e-4


def minimise(function: Callable[[Array], tuple[float, Array]], start: Array, *, steps: int, longest: float) -> Array:
    """The best point after at most so many steps downhill.

    function: value and gradient; an infinite value is stepped back from. longest: of a step, in any coordinate.
    Ends early where the value falls by less than one in ten million. Deterministic.
    """
    at, (value, slope) = start, function(start)
    kept: deque[tuple[Array, Array, float]] = deque(maxlen=_KEPT)
    for _ in range(steps):
        direction = _downhill(slope, kept)
        direction *= min(1.0, longest / max(float(np.abs(direction).max()), 1e-300))
        falls, length = float(direction @ slope), 1.0
        for _ in range(_HALVINGS):
            tried = at + length * direction
            new, new_slope = function(tried)
            if new <= value + _ENOUGH * length * falls:
                break
            length /= 2
        else:
            return at
        step, change = tried - at, new_slope - slope
        if float(step @ change) > 1e-12:
            kept.append((step, change, float(step @ change)))
        done = value - new < 1e-7 * max(1.0, abs(value))
        at, value, slope = tried, new, new_slope
        if done:
            return at
    return at


def _downhill(slope: Array, kept: deque[tuple[Array, Array, float]]) -> Array:
    """Minus the slope, by the inverse curvature that the last steps have shown; the two loops of the algorithm."""
    direction = -slope
    shares: list[float] = []
    for step, change, both in reversed(kept):
        shares.append(float(step @ direction) / both)
        direction = direction - shares[-1] * change
    if kept:
        step, change, both = kept[-1]
        direction = direction * (both / float(change @ change))
    for (step, change, both), share in zip(kept, reversed(shares), strict=True):
        direction = direction + (share - float(change @ direction) / both) * step
    return direction
