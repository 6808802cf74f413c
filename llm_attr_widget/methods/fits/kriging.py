"""Shapley values from pairs with interactions foreseen: what one pair tells of others is taken out before the fit.

Half the difference of a pair is an odd function of the coalition. Its linear part is what KernelSHAP fits; the rest,
interactions of three features and of five and so on, is noise to it. Here that rest is predicted by kriging, and the
regression is left with what the prediction g misses: φ = KernelSHAP(y - g) + Shapley(g), the second exactly. It is
exact once all pairs are played (regression adjustment: Witter et al. 2025, arXiv:2506.11849, section 3). Departure: g
is not fitted to other pairs than those it is used on. That makes the error smaller, but leaves a bias of about its
size in a single game, towards a game without such interactions; the standard errors take it in.
g is linear in the values, so φ is too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import pseudo_inverse, student_inflation
from llm_attr_widget.methods.fits.least_squares import Problem, regression
from llm_attr_widget.types import Estimate, Values

Array = NDArray[np.float64]

# The prior of kriging, not fitted to the values, or attributions would not be linear in them. On games from smooth to
# white noise the error is 0.15 to 1.2 times the plain regression's with these (docs/benchmarks.md).
_DECAY = 0.15
"""Variance of all interactions of two features more, over that of those of so many."""

_NUGGET = 0.15
"""Variance of what no other pair tells, over that of what they tell."""

_HIGHEST = 13
_LEAST = 0.01
"""A pair whose own value weighs less than this in its residual tells nothing about its own error."""

_SIZES = (1024, 768, 512, 384, 256)
"""Kriging costs the cube of its pairs: past 256 of them it takes so many of the first."""

_AT_ONCE = 2048
"""Rows of covariances that are reckoned at a time."""

_FREEDOM = 0.7
"""Share of the regression's freedom that kriging leaves to tell the error by."""


def estimate(problem: Problem, total: Values) -> Estimate:
    """φ that sums to `total` and its standard errors, each `(outputs, features)`, from whole pairs.

    Standard errors: the sandwich over pairs with kriging's leave-one-out residuals (Dubrule 1983), by the weight of a
    pair in the regression or in all of φ, whichever is more, times the share of its class that was not played, widened
    by Student's t. NaN while there is no freedom.
    """
    features = problem.signs.shape[1]
    fit = regression(problem, constrained=True)
    rows = np.vstack([np.full((1, features), 0.5), problem.signs])
    values = np.vstack([total[None] / 2, problem.halves])
    known = _kriging(2 * rows[: _pairs(len(rows))], values)
    linear = np.column_stack([_of_total(fit.influence, problem.signs), fit.influence.T])
    foreseen, told = _foreseen(rows, known.weights, linear)
    rest = values - foreseen
    left = total - known.shapley.sum(axis=0)
    coefficients = fit.influence.T @ (rest[1:] - problem.signs.sum(axis=1)[:, None] * (left / features))
    everything = linear.copy()
    everything[:, : len(known.weights)] -= (told - known.to_shapley.T) @ known.inverse
    reach = np.maximum(np.square(linear), np.square(everything))[:, 1:]
    residuals = (rest[1:] - problem.signs @ (coefficients + left / features)) / np.maximum(1 - fit.leverage, 0.05)[
        :, None
    ]
    residuals[: len(known.weights) - 1] = known.left_out[1:]
    spread = np.sqrt(reach @ (np.square(residuals) * problem.unplayed[:, None]))
    found = (coefficients + left / features + known.shapley).T
    return Estimate(found, np.where(np.isnan(found), np.nan, spread.T * _inflation(problem)))


def tells(pairs: int, features: int) -> bool:
    """Whether there are pairs enough to tell anything but the linear part; of few features that is quickly tried."""
    return features <= _SIZES[-1] or _pairs(pairs + 1) > features


@dataclass(frozen=True, slots=True)
class _Kriging:
    """The prediction g, from the first of the pairs.

    weights: `(pairs, outputs)`, of each pair in g; inverse: `(pairs, pairs)`, weights from values; to_shapley:
    `(pairs, features)`, Shapley values from weights; shapley: `(features, outputs)`, those of g;
    left_out: `(pairs, outputs)`, how far all other pairs mispredict each.
    """

    weights: Values
    inverse: Array
    to_shapley: Array
    shapley: Values
    left_out: Values


def _foreseen(rows: Array, weights: Values, linear: Array) -> tuple[Values, Array]:
    """g of all pairs, `(pairs, outputs)`, and `linear` times their covariances with those that g is made from,
    `(features, kriged pairs)`. A few rows at a time: of 100,000 calls, all covariances would take 400 MB.
    """
    kernel, others = _tables(rows.shape[1])[0], rows[: len(weights)]
    foreseen, told = np.empty((len(rows), weights.shape[1])), np.zeros((len(linear), len(others)))
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        covariance = kernel[_disagreements(rows[part], others)]
        foreseen[part] = covariance @ weights
        told += linear[:, part] @ covariance
    return foreseen, told


def _kriging(signs: Array, values: Values) -> _Kriging:
    """Universal kriging with a linear trend. signs: `(pairs, features)`, ±1, the first v(all), which is not noisy."""
    pairs, features = signs.shape
    kernel, shapley = _tables(features)
    noise = np.full(pairs, _NUGGET)
    noise[0] *= 1e-3
    inverse = np.linalg.inv(kernel[_disagreements(signs / 2, signs / 2)] + np.diag(noise))
    trend = inverse @ signs
    inverse -= trend @ pseudo_inverse(signs.T @ trend) @ trend.T
    weights = inverse @ values[:pairs]
    own = np.diagonal(inverse)
    left_out = weights / np.maximum(own, _LEAST)[:, None]
    told = own > _LEAST
    told[0] = False
    left_out[~told] = np.sqrt(np.mean(np.square(left_out[told]), axis=0)) if told.any() else np.nan
    absent = signs < 0
    to_shapley = signs * shapley[absent.sum(axis=1, keepdims=True) - absent]
    return _Kriging(weights, inverse, to_shapley, to_shapley.T @ weights, left_out)


def _pairs(rows: int) -> int:
    return rows if rows <= _SIZES[-1] else next(size for size in _SIZES if size <= rows)


def _of_total(influence: Array, signs: Array) -> Array:
    """dφ / dy of v(all): what the constraint makes of half the total."""
    features = signs.shape[1]
    return 2.0 / features * (1.0 - influence.T @ signs.sum(axis=1))


def _inflation(problem: Problem) -> float:
    pairs, features = problem.signs.shape
    counted = float(np.mean(problem.unplayed > 0))
    return float(student_inflation(np.array(_FREEDOM * (pairs - features + 1) * counted)))


def _disagreements(one: Array, other: Array) -> NDArray[np.intp]:
    """Features present in just one of two coalitions, for all pairs of rows of ±1/2."""
    halves, others = one.astype(np.float32), other.astype(np.float32)  # whole numbers, exact in single precision
    return (one.shape[1] / 2 - 2 * halves @ others.T).astype(np.intp)


@lru_cache(maxsize=64)
def _tables(features: int) -> tuple[Array, Array]:
    """By the number of disagreements: the covariance of two pairs, and what one pair's covariance with all coalitions,
    taken as a game, gives a feature as Shapley value (before the sign of that feature).

    The covariance of products of k signs, all k-sets alike, is Krawtchouk's polynomial of degree k; one such product
    shares a total of 2 (k odd) among its k features.
    """
    orders = range(3, min(features, _HIGHEST) + 1, 2)
    scale = sum(_DECAY ** ((order - 3) // 2) for order in orders)
    share = {order: _DECAY ** ((order - 3) // 2) / scale for order in orders}
    kernel = [
        sum(share[k] * (_krawtchouk(features, k, d) / comb(features, k)) for k in orders) for d in range(features + 1)
    ]
    shapley = [
        sum(share[k] * 2 / k * (_krawtchouk(features - 1, k - 1, d) / comb(features, k)) for k in orders)
        for d in range(features)
    ]
    return np.array(kernel, dtype=np.float64), np.array(shapley, dtype=np.float64)


def _krawtchouk(length: int, degree: int, at: int) -> int:
    return sum((-1) ** j * comb(at, j) * comb(length - at, degree - j) for j in range(degree + 1))
