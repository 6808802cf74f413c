"""Penalised linear models over single coalitions: what LIME and the sparse method share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import Grown, finite_or_nan, student_inflation
from llm_attr_widget.methods.lasso import lasso
from llm_attr_widget.types import Coalitions, Estimate, Values

Array = NDArray[np.float64]
Kernel: TypeAlias = Callable[[Array], Array]
"""Weights `(coalitions,)` of coalitions `(coalitions, features)` given as 0 and 1."""

GROUPS = 12
"""Parts of the jackknife."""


class _Rows:
    """Everything that was played, in order."""

    def __init__(self, features: int, outputs: int, kernel: Kernel) -> None:
        self._kernel = kernel
        self.coalitions = Grown(features)
        self.values = Grown(outputs)
        self.weights = Grown()

    def add(self, coalitions: Coalitions, values: Values) -> None:
        start = len(self.coalitions)
        for array in (self.coalitions, self.values, self.weights):
            array.extend(len(coalitions))
        self.coalitions.rows[start:] = coalitions
        self.values.rows[start:] = finite_or_nan(values)
        self.weights.rows[start:] = self._kernel(self.coalitions.rows[start:])

    @property
    def unplayed(self) -> float:
        """Share of all 2^features coalitions that was not played (repeats count: a little too small then)."""
        features = self.coalitions.rows.shape[1]
        return max(0.0, 1.0 - len(self.coalitions) / 2.0**features) if features < 60 else 1.0


class RidgeFold:
    """Weighted ridge with a free intercept; standard errors by the sandwich (HC3), narrowed as all coalitions come in."""

    def __init__(self, features: int, outputs: int, kernel: Kernel, strength: float) -> None:
        self._rows = _Rows(features, outputs, kernel)
        self._strength = strength

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._rows.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        weights = self._rows.weights.rows
        if len(weights) < 2 or not weights.sum() > 0:
            return None
        share = weights / weights.sum()
        signs = self._rows.coalitions.rows - share @ self._rows.coalitions.rows
        values = self._rows.values.rows - share @ self._rows.values.rows
        weighted = signs * weights[:, None]
        gram = signs.T @ weighted
        gram[np.diag_indices_from(gram)] += self._strength
        influence = weighted @ np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
        coefficients = influence.T @ values
        freedom = np.clip(1.0 - share - np.sum(influence * signs, axis=1), 0.0, 1.0)
        residuals = values - signs @ coefficients
        errors = self._standard_errors(residuals, influence, freedom)
        return Estimate(coefficients.T.copy(), np.where(np.isnan(coefficients.T), np.nan, errors))

    def _standard_errors(self, residuals: Values, influence: Array, freedom: Array) -> Array:
        unplayed = self._rows.unplayed
        inflation = student_inflation(float(freedom.sum()))
        if unplayed == 0 or np.isnan(inflation):
            return np.full((residuals.shape[1], influence.shape[1]), 0.0 if unplayed == 0 else np.nan)
        squares = np.square(residuals / np.maximum(freedom, 0.05)[:, None])
        return inflation * np.sqrt(unplayed * (squares.T @ np.square(influence)))


class LassoFold:
    """Weighted lasso with a free intercept; standard errors by a jackknife over 12 parts of the coalitions."""

    def __init__(self, features: int, outputs: int, kernel: Kernel, strength: float) -> None:
        self._rows = _Rows(features, outputs, kernel)
        self._strength = strength

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._rows.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        played = len(self._rows.weights)
        if played < 2 or not self._rows.weights.rows.sum() > 0:
            return None
        coefficients = self._solve(np.ones((1, played)))[0]
        unknown = np.isnan(self._rows.values.rows).any(axis=0)
        if played < 2 * GROUPS:
            coefficients[unknown] = np.nan
            return Estimate(coefficients, np.full_like(coefficients, np.nan))
        without = np.arange(played) % GROUPS != np.arange(GROUPS)[:, None]
        parts = self._solve(without.astype(np.float64), start=coefficients)
        squares = np.square(parts - parts.mean(axis=0)).sum(axis=0)
        errors = np.sqrt((GROUPS - 1) / GROUPS * squares * self._rows.unplayed)
        coefficients[unknown] = errors[unknown] = np.nan
        return Estimate(coefficients, student_inflation(GROUPS - 1) * errors)

    def _solve(self, masks: Array, start: Array | None = None) -> Array:
        """`(masks, outputs, features)`: the fit on the rows of each mask `(masks, rows)`."""
        coalitions, values = self._rows.coalitions.rows, np.nan_to_num(self._rows.values.rows)
        share = masks * self._rows.weights.rows
        share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        mean, level = share @ coalitions, share @ values
        weighted = share[:, :, None] * coalitions
        gram = np.swapaxes(weighted, 1, 2) @ coalitions - mean[:, :, None] * mean[:, None, :]
        moments = values.T @ weighted - level[:, :, None] * mean[:, None, :]
        strength = np.full(moments.shape[:2], self._strength)
        begin = None if start is None else np.broadcast_to(start, moments.shape)
        return lasso(gram, moments, strength, begin)
