"""The prior of a game, found from what was played: which features matter, and how much they do together.

Its parameters are those that make the pairs so far likeliest (evidence, or type II maximum likelihood; for features'
relevances MacKay 1992 and Neal 1996, "automatic relevance determination"), twice: with all features alike, and with a
relevance for each. Where few features matter the second is likelier by far; where it is not by more than what so many
more parameters must gain (Akaike 1974), it would see relevance in chance, and the first is taken; in between, both.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.fits.descent import minimise
from llm_attr_widget.methods.fits.prior import Prior, hyperbolic, independent

Array = NDArray[np.float64]

SIZES = (12, 16, 20, 24, 32, 40, 48, 64, 80, 96)
"""Numbers of pairs that a prior is found from: more would make it hardly better (the cost grows with their cube)."""

_STEPS_ALIKE, _STEPS_EACH, _LONGEST = 15, 40, 2.0
_FLOOR = 1e-5
"""Least noise, as a share of the squared values: a model scores in float32."""

_MOST = 3.0
"""Largest `together`: tanh(3) is 0.995, a feature on which all depends."""

# What a relevance for each feature must gain, in nats for each of them (or each pair, where those are fewer): one by
# Akaike's count. From less than that the mixture leans to it, as the mean of two estimates errs less than either.
_FROM, _TO = 0.5, 2.0

# Of the logarithms of: together over linear, strength, noise. Where the pairs tell little, near these.
_EXPECTED = np.log([0.6, 0.3, 0.01])
_SPREAD = 1.5


@dataclass(frozen=True, slots=True)
class Mixture:
    """alike: the prior in which all features are alike; each: the one with a relevance for each; share: of `each`."""

    alike: Prior
    each: Prior
    share: float


def size_for(pairs: int) -> int | None:
    """How many of the first pairs to find a prior from; None for too few."""
    return next((size for size in reversed(SIZES) if size <= pairs), None)


def find(signs: Array, values: Array) -> Mixture | None:
    """The prior of `(pairs,)` values, from pairs as signs ±1 `(pairs, features)`, the first of them v(all).

    None where there is nothing to find one by: values that are not finite, or all zero.
    """
    scale = float(np.sqrt(np.mean(np.square(values)))) if np.isfinite(values).all() else 0.0
    if not scale > 0:
        return None
    pairs, features = signs.shape
    evidence = _Evidence(signs, values / scale)
    start = np.concatenate([[log(0.5 / features)], _EXPECTED])
    common = minimise(evidence, start, steps=_STEPS_ALIKE, longest=_LONGEST)
    each = minimise(evidence, evidence.apart(common), steps=_STEPS_EACH, longest=_LONGEST)
    gain = (evidence(common)[0] - evidence(each)[0]) / min(pairs, features)
    return Mixture(
        evidence.prior(common), evidence.prior(each), float(np.clip((gain - _FROM) / (_TO - _FROM), 0.0, 1.0))
    )


class _Evidence:
    """Minus the log-probability of the values, by parameters, and its gradient.

    Parameters, all logarithms: what is common to all `linear`; together over linear; strength; noise; and for each of
    the features that have one (all or none) what it has of `linear` beyond the common.
    """

    def __init__(self, signs: Array, values: Array) -> None:
        self._signs, self._values = signs, values
        self._noise = independent(signs)

    def apart(self, common: Array) -> Array:
        """Where to begin with a relevance for each feature: at the squares of what each is expected to do by itself
        with all alike, and a little more. From equal relevances the way is twice as long.
        """
        prior = self.prior(common)
        kernel = self._kernel(prior, hyperbolic(prior.together, self._signs, self._signs)[0])
        slopes = self._signs.T @ np.linalg.solve(kernel, self._values)
        alone = np.square(slopes * (prior.linear + prior.strength * np.tanh(prior.together)))
        return np.concatenate([[common[0] + log(0.1)], common[1:], np.log(alone + 0.01 * exp(common[0]))])

    def prior(self, parameters: Array) -> Prior:
        """The prior of these parameters."""
        common, ratio, strength, noise = np.exp(np.minimum(parameters[:4], 8.0)).tolist()
        linear = np.full(self._signs.shape[1], common)
        if len(parameters) > 4:
            linear = linear + np.exp(np.minimum(parameters[4:], 8.0))
        return Prior(linear, np.minimum(ratio * linear, _MOST), strength, _FLOOR + noise)

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        prior, signs = self.prior(parameters), self._signs
        odd, even = hyperbolic(prior.together, signs, signs)
        kernel = self._kernel(prior, odd)
        try:
            factor = np.linalg.cholesky(kernel)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(parameters)
        inverse = np.linalg.inv(kernel)
        weights = inverse @ self._values
        off = (parameters[1:4] - _EXPECTED) / _SPREAD
        value = 0.5 * float(self._values @ weights + off @ off) + float(np.log(np.diagonal(factor)).sum())
        return value, self._slope(parameters, prior, (odd, even), inverse - np.outer(weights, weights))

    def _kernel(self, prior: Prior, odd: Array) -> Array:
        kernel = (self._signs * prior.linear) @ self._signs.T + prior.strength * odd
        kernel[np.diag_indices_from(kernel)] += prior.noise * self._noise
        return kernel

    def _slope(self, parameters: Array, prior: Prior, parts: tuple[Array, Array], left: Array) -> Array:
        """left: K⁻¹ - K⁻¹ y yᵀ K⁻¹; half the sum of its products with dK is the change of the value."""
        signs, (odd, even) = self._signs, parts
        of_odd = float(np.sum(left * odd))
        free = prior.together < _MOST
        together = np.einsum("pf,pf->f", signs, (left * even) @ signs) - np.tanh(prior.together) * of_odd
        together *= 0.5 * prior.strength * free
        linear = 0.5 * np.einsum("pf,pf->f", signs, left @ signs) * prior.linear + together * prior.together
        noise = 0.5 * (prior.noise - _FLOOR) * float(np.diagonal(left) @ self._noise)
        slope = np.empty_like(parameters)
        slope[0] = exp(min(parameters[0], 8.0)) * float(np.sum(linear / prior.linear))
        slope[1:4] = (parameters[1:4] - _EXPECTED) / _SPREAD**2
        slope[1:4] += float(together @ prior.together), 0.5 * prior.strength * of_odd, noise
        slope[4:] = np.exp(np.minimum(parameters[4:], 8.0)) * (linear / prior.linear)[: len(parameters) - 4]
        return slope
