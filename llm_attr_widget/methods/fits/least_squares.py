"""Least squares over complementary pairs, stratified by size: what KernelSHAP and Banzhaf share.

Half the difference of a pair, y = (v(S) - v(S̄)) / 2, is fitted by z·φ with z = S - 1/2 (±1/2). That is the fit on both
coalitions: their mean holds no linear part. Each size class keeps its weight of the full problem (all 2^features
coalitions) however many of its pairs were played, so the fit is exact once all are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import Grown, finite_or_nan, influence, pseudo_inverse, row_keys, student_inflation
from llm_attr_widget.methods.fits.pairs import pairs_in_classes
from llm_attr_widget.types import Coalitions, Estimate, Values

Array = NDArray[np.float64]

_STUCK = 0.05
"""A pair whose residual keeps less than this share of its freedom tells nothing about its own error."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Pairs as a weighted regression.

    signs: `(pairs, features)`, z; halves: `(pairs, outputs)`, y; weights: `(pairs,)`, of the full problem;
    unplayed: `(pairs,)`, the share of the pair's size class that was not played: 0 where the class is complete;
    whole: both halves of every pair were played.
    """

    signs: Array
    halves: Values
    weights: Array
    unplayed: Array
    whole: bool = True


class PairTable:
    """Pairs as they were played, in any order, whole or in part. Adding row by row equals adding at once."""

    def __init__(self, features: int, outputs: int) -> None:
        self.features = features
        self._index: dict[bytes, int] = {}
        self._signs = Grown(features)
        # Rows 2 i and 2 i + 1 are the two halves of pair i.
        self._sums = Grown(outputs)
        self._counts = Grown()
        self._sizes = Grown()

    def __len__(self) -> int:
        return len(self._index)

    def add(self, coalitions: Coalitions, values: Values) -> None:
        """values: `(coalitions, outputs)`. A coalition played again (sampled baselines) is averaged."""
        first = coalitions ^ ~coalitions[:, :1]
        at = np.array([self._index.setdefault(key, len(self._index)) for key in row_keys(first)], dtype=np.intp)
        new = len(self._index) - len(self._signs)
        for array, rows in ((self._signs, new), (self._sizes, new), (self._sums, 2 * new), (self._counts, 2 * new)):
            array.extend(rows)
        self._signs.rows[at] = first - 0.5
        sizes = first.sum(axis=1)
        self._sizes.rows[at] = np.minimum(sizes, self.features - sizes)
        halves = 2 * at + ~coalitions[:, 0]
        np.add.at(self._sums.rows, halves, finite_or_nan(values))
        np.add.at(self._counts.rows, halves, 1.0)

    def ends(self) -> tuple[Values, Values] | None:
        """v(all) and v(none), each `(outputs,)`, or None while one of them was not played."""
        at = self._index.get(row_keys(np.ones((1, self.features), dtype=bool))[0])
        if at is None or not self._counts.rows[2 * at : 2 * at + 2].all():
            return None
        everyone, no_one = self._sums.rows[2 * at : 2 * at + 2] / self._counts.rows[2 * at : 2 * at + 2, None]
        return everyone, no_one

    def problem(self, class_weights: Array, middle: Values | None) -> Problem:
        """The pairs of all classes with a weight.

        class_weights: for the classes 0 … features // 2, the summed weight of all coalitions of the class.
        middle: `(outputs,)`, what stands for the mean of a pair of which one half was played; None leaves such out.
        """
        counts, sizes = self._counts.rows.reshape(-1, 2), self._sizes.rows.astype(np.intp)
        played = counts > 0
        used = (class_weights[sizes] > 0) & (played.any(axis=1) if middle is not None else played.all(axis=1))
        counts, sizes, played = counts[used], sizes[used], played[used]
        halves = self._sums.rows[0::2][used] / np.maximum(2 * counts[:, :1], 1.0)
        halves -= self._sums.rows[1::2][used] / np.maximum(2 * counts[:, 1:], 1.0)
        if middle is not None:
            # One half alone: y = ±(v(S) - middle), with half the weight of a whole pair.
            one = ~played.all(axis=1)
            halves[one] *= 2
            halves[one] += np.where(played[one, 1], 1.0, -1.0)[:, None] * middle
        rows = played.sum(axis=1).astype(np.float64)
        in_class = np.bincount(sizes, weights=rows, minlength=len(class_weights))
        total = 2.0 * np.array(pairs_in_classes(self.features, len(class_weights)), dtype=np.float64)
        return Problem(
            self._signs.rows[used],
            halves,
            class_weights[sizes] * rows / in_class[sizes],
            1.0 - in_class[sizes] / total[sizes],
            bool(played.all()),
        )


@dataclass(frozen=True, slots=True)
class Regression:
    """A weighted regression before it sees values.

    signs: `(pairs, features)`, less their mean where φ has a sum to keep; influence: `(pairs, features)`, dφ / dy;
    leverage: `(pairs,)`, what each y weighs in its own fit.
    """

    signs: Array
    influence: Array
    leverage: Array


def regression(problem: Problem, *, constrained: bool) -> Regression:
    """constrained: φ must sum to a given total, and the regression is on deviations from equal shares of it."""
    signs = problem.signs - problem.signs.mean(axis=1, keepdims=True) if constrained else problem.signs
    if len(signs) < signs.shape[1]:
        told = influence(signs, problem.weights)
    else:
        weighted = signs * problem.weights[:, None]
        told = weighted @ _inverse(signs.T @ weighted, len(signs), constrained=constrained)
    return Regression(signs, told, np.sum(told * signs, axis=1))


def solve(problem: Problem, total: Values | None) -> Estimate:
    """φ and its standard errors, each `(outputs, features)`.

    total: `(outputs,)`, what φ must sum to exactly (the regression is on deviations from equal shares), or None.
    While the pairs don't determine φ, the solution of least norm. Standard errors: the sandwich over pairs, each
    residual divided by its own freedom 1 - h (the jackknife's HC3, MacKinnon and White 1985), times the share of its
    class that was not played (finite population), widened by Student's t for the freedom that is left. Zero once
    every pair was played, NaN while there is no freedom.
    """
    features = problem.signs.shape[1]
    fit = regression(problem, constrained=total is not None)
    halves = problem.halves
    if total is not None:
        halves = halves - problem.signs.sum(axis=1)[:, None] * (total / features)
    coefficients = fit.influence.T @ halves
    errors = _standard_errors(problem, halves - fit.signs @ coefficients, fit.influence, fit.leverage)
    if total is not None:
        coefficients = coefficients + total / features
    return Estimate(coefficients.T.copy(), np.where(np.isnan(coefficients.T), np.nan, errors))


def _standard_errors(problem: Problem, residuals: Values, reach: Array, leverage: Array) -> Array:
    """`(outputs, features)`. residuals: `(pairs, outputs)`; reach: `(pairs, features)`, dφ / dy."""
    if not problem.unplayed.any():
        return np.zeros((residuals.shape[1], reach.shape[1]))
    freedom = np.clip(1.0 - leverage, 0.0, 1.0)
    inflation = student_inflation(freedom[problem.unplayed > 0].sum())
    free = freedom > _STUCK
    if not free.any():
        return np.full((residuals.shape[1], reach.shape[1]), np.nan)
    squares = np.square(residuals / np.maximum(freedom, _STUCK)[:, None])
    squares[~free] = squares[free].mean(axis=0)
    variance = (squares * problem.unplayed[:, None]).T @ np.square(reach)
    return inflation * np.sqrt(variance)


def _inverse(gram: Array, pairs: int, *, constrained: bool) -> Array:
    """Inverse of Σ w z zᵀ, on the deviations from the mean alone when constrained; the pseudo-inverse if singular."""
    features = len(gram)
    if pairs >= 2 * features:
        # The direction (1, …, 1), empty under the constraint, is filled so that the rest can be inverted fast.
        filled = gram + np.trace(gram) / features**2 if constrained else gram
        try:
            factor = np.linalg.cholesky(filled)
        except np.linalg.LinAlgError:
            return pseudo_inverse(gram)
        if np.diag(factor).min() > 1e-4 * np.diag(factor).max():
            return np.asarray(np.linalg.inv(filled), dtype=np.float64)
    return pseudo_inverse(gram)
