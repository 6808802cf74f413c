"""What is expected of a game before it is played: a Gaussian process over coalitions with a relevance for each feature.

Half the difference of a complementary pair is an odd function of its signs s (±1 for present and absent). It is taken
for the sum of three parts that know nothing of each other:

- what each feature does by itself: Σ β_i s_i, the variance of β_i being `linear[i]`;
- what features do together: products of signs of one, three, five, … features, the variance of a product being
  `strength` times the product of tanh(`together[i]`) over its features. Summed over all odd sets that is
  strength · sinh(Σ together_i s_i t_i) / Π cosh(together_i) as the covariance of s and t: an exponential kernel
  (Kondor and Lafferty 2002, section 4.1) with a length for each feature, and its odd part;
- what no other pair tells: independent from pair to pair, with variance `noise`, larger where halves are alike in size
  (see `independent`). It is part of the game, so that with all pairs played nothing is left to guess.

Shapley values are linear in the game, so their covariance with each pair, and their variance, are known too: of the
first part 2 β_i; of the second the integral of its slope along the diagonal (Owen 1972, eq. 4), by Gauss and Legendre's
points; of the third Shapley's own weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(12)
"""Exact for products of up to 24 features; of more, to rounding while few of them are certain (tanh near 1)."""


@dataclass(frozen=True, slots=True)
class Prior:
    """linear, together: `(features,)`; strength, noise: as said above, all in units of the squared values."""

    linear: Array
    together: Array
    strength: float
    noise: float


def hyperbolic(together: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """sinh and cosh of Σ together_i s_i t_i over Π cosh(together_i), `(rows of one, rows of other)` each."""
    inner = (one * together) @ other.T
    scale = float(np.sum(np.logaddexp(together, -together) - log(2)))
    up, down = np.exp(inner - scale), np.exp(-inner - scale)
    return (up - down) / 2, (up + down) / 2


def covariance(prior: Prior, one: Array, other: Array) -> Array:
    """Of the values of two sets of pairs given by signs ±1, `(rows of one, rows of other)`, their noise left out."""
    return (one * prior.linear) @ other.T + prior.strength * hyperbolic(prior.together, one, other)[0]


def independent(signs: Array) -> Array:
    """`(pairs,)`: the noise of each pair, in proportion to k (n - k) for halves of k and n - k features, at most 1.

    Pairs near v(all) and v(none), which are known, have less room to differ; v(all) itself counts as k = 1.
    """
    features = signs.shape[1]
    sizes = np.count_nonzero(signs > 0, axis=1)
    return np.maximum(sizes * (features - sizes), features - 1) / (features**2 / 4)


def shapley_covariance(prior: Prior, signs: Array) -> Array:
    """`(pairs, features)`: of the value of each pair, noise included, with each feature's Shapley value."""
    noise = prior.noise * independent(signs)[:, None] * signs * _shapley_weights(signs)
    return 2 * signs * prior.linear + prior.strength * signs * _together(prior.together, signs) + noise


def known_covariance(prior: Prior, signs: Array) -> Array:
    """`shapley_covariance` without the noise: what a prediction at other pairs gives each feature."""
    return 2 * signs * prior.linear + prior.strength * signs * _together(prior.together, signs)


def shapley_variance(prior: Prior) -> Array:
    """`(features,)`: of each Shapley value."""
    share = np.tanh(prior.together)
    both = np.outer(_POINTS, _POINTS).ravel()
    logs = np.log1p(np.outer(both, share))
    others = np.exp(logs.sum(axis=1, keepdims=True) - logs)
    together = share * (np.outer(_WEIGHTS, _WEIGHTS).ravel() @ others)
    return 4 * prior.linear + prior.strength * together + prior.noise * _noise_variance(len(share))


def _together(together: Array, signs: Array) -> Array:
    """tanh(together_i) ∫ Π_{j≠i} (1 + s_j tanh(together_j) x) dx over [-1, 1], `(pairs, features)`."""
    share = np.outer(_POINTS, np.tanh(together))  # (points, features)
    products = np.exp(0.5 * np.log1p(-np.square(share)).sum(axis=1) + signs @ np.arctanh(share).T)
    over = _WEIGHTS[:, None] / (1 - np.square(share))  # 1 / (1 + s x) = (1 - s x) / (1 - x²), as s² = 1
    return np.tanh(together) * (products @ over - signs * (products @ (over * share)))


def _shapley_weights(signs: Array) -> Array:
    """2 (k - 1)! (n - k)! / n! for the size k of the half that holds the feature, `(pairs, features)`."""
    present = signs > 0
    sizes = present.sum(axis=1, keepdims=True)
    return _weights_by_size(signs.shape[1])[np.where(present, sizes, signs.shape[1] - sizes)]


@lru_cache(maxsize=64)
def _weights_by_size(features: int) -> Array:
    """Of the sizes 0 … features; no half that holds a feature has size 0."""
    return np.concatenate([[0.0], np.exp([_log_weight(features, size) for size in range(1, features + 1)])])


@lru_cache(maxsize=64)
def _noise_variance(features: int) -> float:
    """Variance of a Shapley value in a game of noise alone, by sizes of the half that holds the feature."""
    total = 0.0
    for size in range(1, features + 1):
        ways = _log_factorial(features - 1) - _log_factorial(size - 1) - _log_factorial(features - size)
        alike = max(size * (features - size), features - 1) / (features**2 / 4)
        total += alike * exp(ways + 2 * _log_weight(features, size))
    return total


def _log_weight(features: int, size: int) -> float:
    """log of 2 (k - 1)! (n - k)! / n!, which is too small for a number itself where features are many."""
    return log(2) + _log_factorial(size - 1) + _log_factorial(features - size) - _log_factorial(features)


def _log_factorial(number: int) -> float:
    return lgamma(number + 1)
