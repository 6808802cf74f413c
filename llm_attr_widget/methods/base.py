"""What the coalition methods share: fitting at once, checks of a game's size, and bands from few samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.fits.student import quantile
from llm_attr_widget.types import Coalitions, Estimate, Method, Values

NORMAL_95 = 1.959963984540054


def fit(method: Method, coalitions: Coalitions, values: Values) -> Estimate:
    """Attributions from all that was played, in the order in which it was played.

    coalitions: `(coalitions, features)`; values: `(coalitions, outputs)`.
    Costs no model call. Raises MethodError when the coalitions are too few for the method, or not those it needs.
    """
    fold = method.fold(coalitions.shape[1], values.shape[1])
    fold.add(coalitions, np.asarray(values, dtype=np.float64))
    estimate = fold.estimate()
    if estimate is None:
        raise MethodError(
            f"{method.label} ({method.name}) cannot be had from the {len(coalitions)} coalitions that were played. "
            f"Play the {method.calls(coalitions.shape[1])} of its own design, or fit a least-squares method "
            "(kernel_shap, lime, sparse), which takes any coalitions."
        )
    return estimate


def require_features(features: int, *, at_least: int = 1) -> None:
    """Raises MethodError for a game with too few features."""
    if features < at_least:
        raise MethodError(
            f"The prompt has {features} features; this method needs at least {at_least}. "
            "Choose a finer granularity or unlock features."
        )


def require_budget(budget: int, *, at_least: int, features: int) -> None:
    """Raises MethodError for a budget, in model calls, that gives no estimate."""
    if budget < at_least:
        raise MethodError(
            f"A budget of {budget} model calls is too small for {features} features: "
            f"this method needs at least {at_least}. Raise the budget or choose a coarser granularity."
        )


MOST_REGRESSED = 2048
"""Features up to which least squares fit: memory grows with their square, time with their cube."""


def require_regression(features: int, label: str) -> None:
    """Raises MethodError for a game too large for least squares over all features at once."""
    if features > MOST_REGRESSED:
        raise MethodError(
            f"{label}s of {features:,} features would need a least-squares fit of {features:,} unknowns; at most "
            f"{MOST_REGRESSED:,} fit in memory and time. Choose a coarser granularity (granularity='sentence'), or "
            "method='sparse', which needs few calls, or method='owen'."
        )


def everyone_and_no_one(features: int) -> Coalitions:
    """`(2, features)`: v(all) and v(none), the first block of every design."""
    rows = np.zeros((2, features), dtype=bool)
    rows[0] = True
    return rows


def row_keys(coalitions: Coalitions) -> list[bytes]:
    """One short hashable key for each coalition, equal for equal coalitions."""
    return [row.tobytes() for row in np.packbits(coalitions, axis=1)]


def finite_or_nan(values: Values) -> Values:
    """Infinity becomes NaN, so that a column that cannot be explained stays alone and raises no warning."""
    return np.where(np.isfinite(values), values, np.nan)


def student_inflation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much wider a standard error from few samples must be so that 1.96 of them cover 95%.

    The quotient of the 97.5% quantiles of Student's t with so many degrees of freedom and of the normal distribution:
    6.5 with 1, 1.6 with 3, 1.1 with 11, 1 in the limit. NaN below one degree of freedom.
    """
    return np.where(degrees >= 1, quantile(np.maximum(degrees, 1.0), 0.975) / NORMAL_95, np.nan)


def in_blocks(rows: Coalitions, size: int = 8) -> Iterator[Coalitions]:
    """The rows in order, a few at a time: small enough to stream, and the runner puts them together as it likes."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def influence(rows: NDArray[np.float64], weights: NDArray[np.float64], strength: float = 0.0) -> NDArray[np.float64]:
    """`(rows, features)`: dβ / dy of weighted least squares with a ridge; of least norm where singular.

    rows: `(rows, features)`; weights: `(rows,)`; strength: the ridge's. By the smaller of the two Gram matrices.
    """
    if len(rows) >= rows.shape[1]:
        weighted = rows * weights[:, None]
        gram = rows.T @ weighted
        gram[np.diag_indices_from(gram)] += strength
        return weighted @ pseudo_inverse(gram)
    root = np.sqrt(weights)[:, None]
    scaled = rows * root
    gram = scaled @ scaled.T
    gram[np.diag_indices_from(gram)] += strength
    return root * (pseudo_inverse(gram) @ scaled)


class Grown:
    """A float64 array `(rows, *shape)` whose rows are appended in amortised constant time."""

    def __init__(self, *shape: int) -> None:
        self._data: NDArray[np.float64] = np.zeros((64, *shape))
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def extend(self, rows: int) -> None:
        """Append so many rows of zeros."""
        needed = self._rows + rows
        if needed > len(self._data):
            larger = np.zeros((max(needed, 2 * len(self._data)), *self._data.shape[1:]))
            larger[: self._rows] = self._data[: self._rows]
            self._data = larger
        self._rows = needed

    @property
    def rows(self) -> NDArray[np.float64]:
        """A view of what is there; writing to it writes here."""
        return self._data[: self._rows]


def pseudo_inverse(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a symmetric matrix without negative eigenvalues: the solution of least norm where it is singular."""
    return np.asarray(np.linalg.pinv(gram, rcond=1e-10, hermitian=True), dtype=np.float64)
