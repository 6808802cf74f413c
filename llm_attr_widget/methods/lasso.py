"""The lasso on a Gram matrix, for many outputs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lasso(gram: Array, moments: Array, strength: Array, start: Array | None = None) -> Array:
    """β that minimises β'Gβ / 2 - c'β + s Σ|β| for each of many problems, by cyclic coordinate descent.

    gram: `(..., features, features)`, G; moments: `(..., outputs, features)`, c; strength: `(..., outputs)`, s.
    start: where to begin, the last solution for example. Returns `(..., outputs, features)`, right to about 1e-9 of
    the largest coefficient (Friedman, Hastie and Tibshirani 2010, eq. 5 and "covariance updates").
    """
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    scale = np.maximum(diagonal, 1e-12 * diagonal.max(axis=-1, keepdims=True) + 1e-300)
    solution = np.zeros_like(moments) if start is None else start.copy()
    slope = moments - solution @ gram
    for _ in range(1000):
        largest = 0.0
        for j in range(gram.shape[-1]):
            wanted = slope[..., j] + scale[..., None, j] * solution[..., j]
            shrunk = np.sign(wanted) * np.maximum(np.abs(wanted) - strength, 0.0) / scale[..., None, j]
            step = shrunk - solution[..., j]
            if not step.any():
                continue
            solution[..., j] = shrunk
            slope -= step[..., None] * gram[..., None, j, :]
            largest = max(largest, float(np.nanmax(np.abs(step), initial=0.0)))
        if largest <= 1e-9 * float(np.nanmax(np.abs(solution), initial=0.0)):
            break
    return solution
