"""The lasso on a Gram matrix, for many outputs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lasso(gram: Array, moments: Array, strength: Array, start: Array) -> Array:
    """β that minimises β'Gβ / 2 - c'β + s Σ|β| for each output: `(outputs, features)`.

    gram: `(features, features)`, G; moments: `(outputs, features)`, c; strength: `(outputs,)`, s; start: where to
    begin, the last solution for example. FISTA (Beck and Teboulle 2009, eq. 4.1–4.3) with its momentum dropped where
    it points uphill (O'Donoghue and Candès 2015, eq. 13), to 1e-10 of the largest coefficient, 5000 steps at most.
    """
    # Relative to a largest slope of zero any step would be too far: such outputs have all coefficients zero.
    limit = 1e-10 * np.maximum(np.abs(moments).max(axis=1, initial=0.0), 1e-300)
    length = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-300)
    threshold = strength[:, None] * length
    solution, ahead = start, start
    momentum = np.ones((len(moments), 1))
    for _ in range(5000):
        moved = ahead + length * (moments - ahead @ gram)
        new = np.sign(moved) * np.maximum(np.abs(moved) - threshold, 0.0)
        step = new - solution
        if np.all(np.abs(ahead - new).max(axis=1, initial=0.0) <= limit * length):
            return new
        uphill = np.sum((ahead - new) * step, axis=1, keepdims=True) > 0
        momentum = np.where(uphill, 1.0, momentum)
        following = (1.0 + np.sqrt(1.0 + 4.0 * np.square(momentum))) / 2.0
        ahead = new + (momentum - 1.0) / following * step
        solution, momentum = new, following
    return solution
