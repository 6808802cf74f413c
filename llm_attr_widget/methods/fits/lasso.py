"""The lasso on a Gram matrix, for many outputs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 5000
_BETWEEN_LOOKS = 40


class Gram:
    """G = RᵀR of rows R `(rows, features)`. Never formed where there are more features than rows."""

    def __init__(self, rows: Array) -> None:
        self._rows = rows
        self._whole = rows.T @ rows if rows.shape[1] <= len(rows) else None
        self.diagonal: Array = np.einsum("rf,rf->f", rows, rows)

    def __len__(self) -> int:
        return self._rows.shape[1]

    def largest(self) -> float:
        """The largest eigenvalue, which RRᵀ shares."""
        either = self._rows @ self._rows.T if self._whole is None else self._whole
        return float(np.linalg.eigvalsh(either)[-1])

    def times(self, coefficients: Array) -> Array:
        """β'G for each row β: `(outputs, features)`."""
        if self._whole is not None:
            return coefficients @ self._whole
        return (coefficients @ self._rows.T) @ self._rows

    def columns(self, active: NDArray[np.intp]) -> Array:
        """G's columns of these features: `(features, active)`."""
        return self._rows.T @ self._rows[:, active] if self._whole is None else self._whole[:, active]


def lasso(gram: Gram, moments: Array, strength: Array, start: Array) -> Array:
    """β that minimises β'Gβ / 2 - c'β + s Σ|β| for each output: `(outputs, features)`.

    gram: G; moments: `(outputs, features)`, c; strength: `(outputs,)`, s; start: where to
    begin, the last solution for example. FISTA (Beck and Teboulle 2009, eq. 4.1–4.3) with its momentum dropped where
    it points uphill (O'Donoghue and Candès 2015, eq. 13). Every few steps the set of nonzero coefficients is taken
    for final and solved exactly; where that meets the conditions of optimality, the output is done.
    """
    result = np.zeros_like(moments)
    open_ = np.flatnonzero(np.abs(moments).max(axis=1, initial=0.0) > strength)  # else zero is optimal
    length = 1.0 / max(gram.largest(), 1e-300)
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
        moved = ahead + length * (moments[open_] - gram.times(ahead))
        new = np.sign(moved) * np.maximum(np.abs(moved) - length * strength[open_, None], 0.0)
        step = new - solution
        momentum = np.where(np.sum((ahead - new) * step, axis=1, keepdims=True) > 0, 1.0, momentum)
        following = (1.0 + np.sqrt(1.0 + 4.0 * np.square(momentum))) / 2.0
        ahead = new + (momentum - 1.0) / following * step
        solution, momentum = new, following
    result[open_] = solution
    return result


def solved(gram: Gram, moments: Array, strength: float, guess: Array) -> Array | None:
    """The exact solution for one output if the guess has its nonzero coefficients and signs, else None."""
    active = np.flatnonzero(guess)
    signs = np.sign(guess[active])
    columns = gram.columns(active)
    try:
        values = np.linalg.solve(columns[active], moments[active] - strength * signs)
    except np.linalg.LinAlgError:
        return None
    slopes = moments - columns @ values
    slack = 1e-9 * float(np.abs(moments).max(initial=0.0))
    if np.any(values * signs < 0) or np.any(np.abs(slopes) > strength + slack):
        return None
    solution = np.zeros_like(guess)
    solution[active] = values
    return solution
