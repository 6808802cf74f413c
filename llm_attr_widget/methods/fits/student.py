"""Quantiles of Student's t distribution, for bands from few samples."""

from __future__ import annotations

from math import exp, lgamma, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_MANY = 1e12  # degrees of freedom from which on the distribution is normal, to rounding
_STEPS = 60  # of Newton's method, which doubles its digits: far more than any degrees of freedom take


def quantile(degrees: NDArray[np.float64], p: float) -> NDArray[np.float64]:
    """The value that Student's t with so many degrees of freedom is below with probability p; 0.5 <= p < 1.

    degrees: of any shape, each at least 1, whole or not.

    With t = √ν tan θ the density is C cos(θ)^(ν-1), which Gauss and Legendre's rule adds up to rounding. What is added
    up bends downward only, so that Newton's method comes to the quantile from below, whatever the degrees.
    """
    different, places = np.unique(degrees, return_inverse=True)
    return np.array([_quantile(float(nu), p) for nu in different])[places].reshape(degrees.shape)


def _quantile(nu: float, p: float) -> float:
    if nu > _MANY:
        return NormalDist().inv_cdf(p)
    scale = _quotient(nu) / sqrt(pi)
    angle = 0.0
    for _ in range(_STEPS):
        middle = angle / 2
        below = scale * middle * float(_WEIGHTS @ _power(middle * (1 + _NODES), nu - 1))
        step = (p - 0.5 - below) / (scale * float(_power(np.array(angle), nu - 1)))
        angle += step
        if abs(step) <= 1e-15 * angle:
            break
    return sqrt(nu) * float(np.tan(angle))


def _power(angles: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """cos(θ)^exponent, to rounding for large exponents and small angles, too."""
    return np.exp(-exponent / 2 * np.log1p(np.tan(angles) ** 2))


def _quotient(nu: float) -> float:
    """Γ((ν + 1) / 2) / Γ(ν / 2); for many degrees by its series (Tricomi and Erdélyi 1951), which keeps the digits."""
    if nu < 1000:
        return exp(lgamma((nu + 1) / 2) - lgamma(nu / 2))
    return sqrt(nu / 2) * (1 - 1 / (4 * nu) + 1 / (32 * nu**2) + 5 / (128 * nu**3))
