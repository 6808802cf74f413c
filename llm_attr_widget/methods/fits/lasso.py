"""The lasso on a Gram matrix, for many outputs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 5000
_BETWEEN_LOOKS = 40


def lasso(gram: Array, moments: Array, strength: Array, start: Array) -> Array:
    """β that minimises β'Gβ / 2 - c'β + s Σ|β| for each output: `(outputs, features)`.

    gram: `(features, features)`, G; moments: `(outputs, features)`, c; strength: `(outputs,)`, s; start: where to
    begin, the last solution for example. FISTA (Beck and Teboulle 2009, eq. 4.1–4.3) with its momentum dropped where
    it points uphill (O'Donoghue and Candès 2015, eq. 13). Every few steps the set of nonzero coefficients is taken
    for final and solved exactly; where that meets the conditions of optimality, the output is done.
    """
    result = np.zeros_like(moments)
    open_ = np.flatnonzero(np.abs(moments).max(axis=1, initial=0.0) > strength)  # else zero is optimal
    length = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-300)
    solution = ahead = start[open_]
    momentum = np.ones((len(open_), 1))
    for step_number in range(_STEPS):
        if step_number % _BETWEEN_LOOKS == 0:
            exact = [
                solved(gram, moments[at], float(strength[at]), row) for at, row in zip(open_, solution, strict=True)
            ]
            left = np.array([row is None for row in exact], dtype=bool)
            for at, row in zip(open_, exact, strict=True):
                if row is not None:
                    result[at] = row
            open_, solution, ahead, momentum = open_[left], solution[left], ahead[left], momentum[left]
            if len(open_) == 0:
                return result
        moved = ahead + length * (moments[open_] - ahead @ gram)
        new = np.sign(moved) * np.maximum(np.abs(moved) - length * strength[open_, None], 0.0)
        step = new - solution
        momentum = np.where(np.sum((ahead - new) * step, axis=1, keepdims=True) > 0, 1.0, momentum)
        following = (1.0 + np.sqrt(1.0 + 4.0 * np.square(momentum))) / 2.0
        ahead = new + (momentum - 1.0) / following * step
        solution, momentum = new, following
    result[open_] = solution
    return result


def solved(gram: Array, moments: Array, strength: float, guess: Array) -> Array | None:
    """The exact solution for one output if the guess has its nonzero coefficients and signs, else None."""
    active = np.flatnonzero(guess)
    signs = np.sign(guess[active])
    try:
        values = np.linalg.solve(gram[np.ix_(active, active)], moments[active] - strength * signs)
    except np.linalg.LinAlgError:
        return None
    slopes = moments - gram[:, active] @ values
    slack = 1e-9 * float(np.abs(moments).max(initial=0.0))
    if np.any(values * signs < 0) or np.any(np.abs(slopes) > strength + slack):
        return None
    solution = np.zeros_like(guess)
    solution[active] = values
    return solution
