"""Penalised linear models over single coalitions: what LIME and the sparse method share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import Grown, finite_or_nan, influence, student_inflation
from llm_attr_widget.methods.fits.lasso import Gram, lasso
from llm_attr_widget.types import Coalitions, Estimate, Values

Array = NDArray[np.float64]
Kernel: TypeAlias = Callable[[Array], Array]
"""Weights `(coalitions,)` of coalitions `(coalitions, features)` given as 0 and 1."""

_LEAST_FREEDOM = 0.05
_NOISE_ROUNDS = 12


class WeightedRows:
    """Everything that was played, in order, with the kernel's weights."""

    def __init__(self, features: int, outputs: int, kernel: Kernel) -> None:
        self._kernel = kernel
        self._features = features
        self._coalitions = Grown(features)
        self._values = Grown(outputs)
        self._weights = Grown()

    def __len__(self) -> int:
        return len(self._weights)

    def add(self, coalitions: Coalitions, values: Values) -> None:
        start = len(self)
        for array in (self._coalitions, self._values, self._weights):
            array.extend(len(coalitions))
        self._coalitions.rows[start:] = coalitions
        self._values.rows[start:] = finite_or_nan(values)
        self._weights.rows[start:] = self._kernel(self._coalitions.rows[start:])

    @property
    def share(self) -> float:
        """How much of all 2^features coalitions was played."""
        return min(1.0, len(self) / 2.0**self._features) if self._features < 1000 else 0.0

    @property
    def weights(self) -> Array:
        return self._weights.rows

    def centred(self) -> tuple[Array, Values] | None:
        """Coalitions and values less their weighted means, which is what a free intercept does. None: no weight."""
        total = float(self.weights.sum())
        if len(self) < 2 or not total > 0:
            return None
        share = self.weights / total
        coalitions, values = self._coalitions.rows, self._values.rows
        return coalitions - share @ coalitions, values - share @ values

    def errors(self, residuals: Values, reach: Array, leverage: Array) -> Array:
        """`(outputs, features)`: the sandwich (HC3) over coalitions, times the share of all that was not played.

        residuals: `(coalitions, outputs)`; reach: `(coalitions, features)`, dβ / dvalue; leverage:
        `(coalitions, 1 or outputs)`, intercept left out. Zero once all 2^features were played, NaN while there is no
        freedom.
        """
        shape = residuals.shape[1], reach.shape[1]
        unplayed = 1.0 - self.share
        if unplayed <= 0:
            return np.zeros(shape)
        freedom = np.clip(1.0 - (self.weights / self.weights.sum())[:, None] - leverage, _LEAST_FREEDOM, 1.0)
        inflation = student_inflation(freedom.sum(axis=0))
        squares = np.square(residuals / freedom)
        return inflation[:, None] * np.sqrt(unplayed * (squares.T @ np.square(reach)))


class RidgeFold:
    """Weighted ridge with a free intercept."""

    def __init__(self, features: int, outputs: int, kernel: Kernel, strength: float) -> None:
        self._rows = WeightedRows(features, outputs, kernel)
        self._strength = strength

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._rows.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        centred = self._rows.centred()
        if centred is None:
            return None
        signs, values = centred
        told = influence(signs, self._rows.weights, self._strength * self._rows.share)
        coefficients = told.T @ values
        leverage = np.sum(told * signs, axis=1, keepdims=True)
        errors = self._rows.errors(values - signs @ coefficients, told, leverage)
        return Estimate(coefficients.T.copy(), np.where(np.isnan(coefficients.T), np.nan, errors))


class LassoFold:
    """Weighted lasso with a free intercept.

    strength: the penalty's, or None for the scaled lasso (Sun and Zhang 2012, eq. 3–4): for each output the fixed
    point of strength = noise · sqrt(2 log(features) / m) · spread of a feature, noise that of the residuals.

    The error of each coefficient is that of its own coordinate's update (before shrinking), whether it is zero or
    not: coalitions are drawn with features nearly uncorrelated, and a zero must not look certain.
    """

    def __init__(self, features: int, outputs: int, kernel: Kernel, strength: float | None) -> None:
        self._rows = WeightedRows(features, outputs, kernel)
        self._strength = strength
        self._last = np.zeros((outputs, features))

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._rows.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        centred = self._rows.centred()
        if centred is None:
            return None
        signs, values = centred
        unknown = np.isnan(values).any(axis=0)
        values = np.where(unknown, 0.0, values)
        share = signs * (self._rows.weights / self._rows.weights.sum())[:, None]
        gram = Gram(signs * np.sqrt(self._rows.weights / self._rows.weights.sum())[:, None])
        self._last = self._solve(gram, values.T @ share, self._rows.weights @ np.square(values))
        alone = share / np.maximum(gram.diagonal, 1e-300)
        leverage = np.tile(np.count_nonzero(self._last, axis=1) / len(signs), (len(signs), 1))
        errors = self._rows.errors(values - signs @ self._last.T, alone, leverage)
        coefficients = self._last.copy()
        coefficients[unknown] = errors[unknown] = np.nan
        return Estimate(coefficients, errors)

    def _solve(self, gram: Gram, moments: Array, energy: Array) -> Array:
        """energy: `(outputs,)`, weighted sum of squares of the centred values."""
        if self._strength is not None:
            # With so few rows there may be many solutions: which one comes must not depend on how often one has looked.
            start = self._last if len(self._rows) > 2 * len(gram) else np.zeros_like(self._last)
            return lasso(gram, moments, np.full(len(moments), self._strength), start)
        energy = energy / self._rows.weights.sum()
        level = np.sqrt(2.0 * np.log(max(len(gram), 2)) / len(self._rows) * gram.diagonal.mean())
        solution, noise = self._last, np.sqrt(energy)
        # A fixed number of rounds from a fixed start: the result must not depend on how often one has looked.
        for _ in range(_NOISE_ROUNDS):
            solution = lasso(gram, moments, noise * level, solution)
            left = energy - np.sum(solution * (2.0 * moments - gram.times(solution)), axis=1)
            noise = np.sqrt(np.maximum(left, 1e-12 * energy))
        return solution
