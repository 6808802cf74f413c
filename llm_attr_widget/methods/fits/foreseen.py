"""Shapley values as they are expected after what was played, by a prior that was found from it (see `relevance`).

All numbers are linear in the values, given the prior; so attributions of the outputs of one fit add up, as they share
one prior. They sum to v(all) - v(none) exactly, and are exact once all pairs were played.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import student_inflation
from llm_attr_widget.methods.fits.least_squares import Problem, solve
from llm_attr_widget.methods.fits.prior import (
    Prior,
    covariance,
    independent,
    known_covariance,
    shapley_covariance,
    shapley_variance,
)
from llm_attr_widget.methods.fits.relevance import Mixture
from llm_attr_widget.types import Estimate, Values

Array = NDArray[np.float64]

_MOST, _OF_MANY = 768, 512
"""Pairs that are taken in whole, as the cost grows with their cube; of more, the first so many foresee the rest."""

# Pairs that are taken up for each feature that the pairs tell of, by a prior with all features alike, and by one with a
# relevance for each. So z-scores have a standard deviation of at most about 1 in each family of docs/benchmarks.md.
_TAKEN_ALIKE, _TAKEN_EACH = 0.5, 2.0

_FREEDOM = 0.25
"""Least share of the pairs that is left to tell the error by."""


def estimate(mixture: Mixture, problem: Problem, total: Values) -> Estimate:
    """φ that sums to `total` and its standard errors, each `(outputs, features)`, from whole pairs."""
    signs = np.vstack([np.ones((1, problem.signs.shape[1])), 2 * problem.signs])
    values = np.vstack([total[None] / 2, problem.halves])
    if len(signs) <= _MOST:
        return expected(mixture, signs, values)
    return regressed(mixture, signs, values, problem)


def expected(mixture: Mixture, signs: Array, values: Values) -> Estimate:
    """The mean over both priors, `(outputs, features)`.

    signs: `(pairs, features)`, ±1, the first v(all); values: `(pairs, outputs)`, half the pairs' differences.
    Standard errors: of the mixture, so what both priors differ by counts too; see `_variance`.
    """
    found = [
        (share, after.to_shapley.T @ after.weights, _variance(after))
        for share, after in _afterwards(mixture, signs, values)
    ]
    mean = np.sum([share * values for share, values, _ in found], axis=0)
    spread = [share * (variance + np.square(values - mean)) for share, values, variance in found]
    mean = mean + (2 * values[0] - mean.sum(axis=0)) / signs.shape[1]  # what quadrature rounds off
    return Estimate(mean.T, np.where(np.isnan(mean), np.nan, np.sqrt(np.sum(spread, axis=0))).T)


def regressed(mixture: Mixture, signs: Array, values: Values, problem: Problem) -> Estimate:
    """Of many pairs: what the first foresee, and a regression of all on what that misses (Witter et al. 2025,
    arXiv:2506.11849, section 3). Standard errors by what all other pairs mispredict, as of `kriging.estimate`.
    """
    rest, left_out = values.copy(), values.copy()
    shapley = np.zeros((signs.shape[1], values.shape[1]))
    for share, after in _afterwards(mixture, signs[:_OF_MANY], values[:_OF_MANY]):
        foreseen = share * (covariance(after.prior, signs, after.signs) @ after.weights)
        shapley += share * (known_covariance(after.prior, after.signs).T @ after.weights)
        rest -= foreseen
        left_out[_OF_MANY:] -= foreseen[_OF_MANY:]
        left_out[:_OF_MANY] -= share * (values[:_OF_MANY] - after.left_out)
    total = 2 * values[0] - shapley.sum(axis=0)
    both = replace(problem, halves=np.hstack([rest[1:], left_out[1:]]))
    found = solve(both, np.concatenate([total, total]))
    outputs = values.shape[1]
    return Estimate(found.values[:outputs] + shapley.T, found.standard_errors[outputs:])


@dataclass(frozen=True, slots=True)
class _After:
    """A prior after it saw the pairs.

    inverse: `(pairs, pairs)`, of their covariance; weights: `(pairs, outputs)`, it times the values; to_shapley:
    `(pairs, features)`, their covariance with Shapley values; own: `(features,)`, how much of each feature's own part
    the pairs tell, 0 to 1; alone: `(features,)`, the variance of a Shapley value whose feature nothing was known of;
    relevances: whether the prior has one for each feature.
    """

    prior: Prior
    signs: Array
    inverse: Array
    weights: Values
    to_shapley: Array
    own: Array
    alone: Array
    relevances: bool

    @property
    def left_out(self) -> Values:
        """`(pairs, outputs)`: how far all other pairs mispredict each (Dubrule 1983)."""
        return self.weights / np.diagonal(self.inverse)[:, None]


def _afterwards(mixture: Mixture, signs: Array, values: Values) -> list[tuple[float, _After]]:
    shares = ((1 - mixture.share, mixture.alike, False), (mixture.share, mixture.each, True))
    return [(share, _after(prior, signs, values, relevances=each)) for share, prior, each in shares if share > 0]


def _after(prior: Prior, signs: Array, values: Values, *, relevances: bool) -> _After:
    kernel = covariance(prior, signs, signs)
    kernel[np.diag_indices_from(kernel)] += prior.noise * independent(signs)
    inverse = np.asarray(np.linalg.inv(kernel), dtype=np.float64)
    known = np.einsum("pf,pf->f", signs, inverse @ signs)
    own = np.clip((prior.linear + prior.strength * np.tanh(prior.together)) * known, 0.0, 1.0)
    alone = np.maximum(4 * (1 - own) / known, 4 * prior.noise / len(signs))
    to_shapley = shapley_covariance(prior, signs)
    return _After(prior, signs, inverse, inverse @ values, to_shapley, own, alone, relevances)


def _variance(after: _After) -> Values:
    """Of each Shapley value, `(features, outputs)`, by what the pairs leave open.

    It is in units of the mean square of what other pairs mispredict each pair by, and wider by the pairs that
    parameters took up. Where a relevance was found for each feature those are more, with Student's t for the pairs that
    are left, and the variance is at least that of an estimate of the feature for which nothing was known of it: a prior
    that holds a feature for irrelevant is sure that it is.
    """
    told = after.inverse @ after.to_shapley
    left = np.maximum(shapley_variance(after.prior) - np.einsum("pf,pf->f", after.to_shapley, told), 0.0)
    squares = np.square(after.weights[1:]) / np.diagonal(after.inverse)[1:, None]
    pairs, taken, widened = len(after.signs), _TAKEN_ALIKE * float(after.own.sum()), 1.0
    if after.relevances:
        left, taken = np.maximum(left, after.alone), _TAKEN_EACH * float(after.own.sum())
        widened = float(student_inflation(np.array(max(pairs - taken, 2.0)))) ** 2
    widened *= pairs / max(pairs - taken, _FREEDOM * pairs)
    return left[:, None] * (squares.mean(axis=0) * widened)
