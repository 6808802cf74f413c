"""Ending a run early: once it is certain enough which features have the largest attributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import MethodError
from llm_attr_widget.types import GradientMethod, Method

_FIRST = 4
"""First look after so many calls per feature: from there on standard errors are calibrated."""

_STEP = 1.1
"""Each look comes after this many times the calls of the look before."""


@dataclass(frozen=True, slots=True)
class Separated:
    """Stop when the `top` features with the largest |attribution of the target as a whole| are told from the rest.

    That is when each of them is told from each other feature, as in SHAP@k (Kariyappa et al. 2023, section 4), here by
    the error of their difference. Being told apart is a p-value that holds at all times at once (see `doubt`), so that
    looking again and again makes no wrong end likelier; the p-values of all pairs may add up to 1 - `confidence`. So
    with probability of at least `confidence` no such pair is the other way round, up to the quality of standard errors
    and to how many pairs are nearly tied at once. Looks come at fixed numbers of calls: equal seeds end at equal calls.

    tolerance: features that differ by at most so much, in the value function's unit, count as tied, and either may be
        on top: how far the top may be off. The result names them. With 0 a tie is played to the end of the budget.

    Raises MethodError for a `top` below 1, a confidence outside (0, 1) or a tolerance below 0.
    """

    top: int = 3
    confidence: float = 0.95
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.top < 1:
            raise MethodError(f"Expected to separate at least 1 feature, got top={self.top}.")
        if not 0 < self.confidence < 1:
            raise MethodError(f"Expected a confidence between 0 and 1, such as 0.95, got {self.confidence}.")
        if not (isfinite(self.tolerance) and self.tolerance >= 0):
            raise MethodError(
                f"Expected a tolerance of at least 0, such as 0.3 for differences of 0.3 nats, got {self.tolerance}."
            )

    def __str__(self) -> str:
        what = "feature" if self.top == 1 else f"{self.top} features"
        within = f" within {self.tolerance:g}" if self.tolerance else ""
        return f"top {what} separated{within} at {100 * self.confidence:g}% confidence"

    def require(self, method: Method | GradientMethod, features: int) -> None:
        """Raises MethodError where the rule can never, or not honestly, be met."""
        if isinstance(method, GradientMethod) or not method.sampled:
            raise MethodError(
                f"stop_when needs a coalition method that samples, but {method.label} ({method.name}) does not get "
                "better by playing more. Leave stop_when out, or choose method='kernel_shap'."
            )
        if self.top >= features:
            raise MethodError(
                f"The top {self.top} of {features} features cannot be told from the rest: there is none. "
                f"Expected top below {features}; lower it, or choose a finer granularity."
            )

    def looks(self, features: int) -> Iterator[int]:
        """Numbers of calls at which the rule is tested, ascending, without end."""
        calls = _FIRST * features
        while True:
            yield calls
            calls = max(calls + 1, ceil(_STEP * calls))

    def met(self, values: NDArray[np.float64], errors: NDArray[np.float64], calls: int) -> bool:
        """values, errors: `(features,)`, attributions and their standard errors after so many calls."""
        if not (np.isfinite(values).all() and np.isfinite(errors).all()):
            return False
        return bool(self._doubts(values, errors, calls, self.tolerance).sum() <= 1 - self.confidence)

    def tied(self, values: NDArray[np.float64], errors: NDArray[np.float64], calls: int) -> tuple[int, ...]:
        """Features that could have the last of the top places, the likeliest first; empty where it is certain.

        All of them are within the tolerance where the rule is `met`.
        """
        order = np.argsort(-np.abs(values), kind="stable")
        doubtful = self._doubts(values, errors, calls, 0.0) > 1 - self.confidence
        in_, out = np.flatnonzero(doubtful.any(axis=1)), np.flatnonzero(doubtful.any(axis=0))
        return tuple(int(order[place]) for place in (*in_, *(self.top + out)))

    def words(self, features: Sequence[str], unit: str, tied: tuple[int, ...]) -> str:
        """The rule, and who shares the last of the top places where it ended within its tolerance."""
        if not tied:
            return str(self)
        names = " or ".join(repr(features[at]) for at in tied)
        within = f"within {self.tolerance:g} {unit}".rstrip()
        return f"{self} (place {self.top}: {names}, {within})"

    def _doubts(
        self, values: NDArray[np.float64], errors: NDArray[np.float64], calls: int, tolerance: float
    ) -> NDArray[np.float64]:
        """`(top, features - top)`: for the features on top and the others, in order of size, that it is the reverse."""
        size = np.abs(values)
        order = np.argsort(-size, kind="stable")
        size, error = size[order], errors[order]
        gap = size[: self.top, None] - size[None, self.top :] + tolerance
        spread = np.hypot(error[: self.top, None], error[None, self.top :])
        certain = np.where(gap > 0, np.inf, 0.0)  # of numbers without error
        z = np.divide(gap, spread, out=certain, where=spread > 0)
        return doubt(z, calls / len(values))


def check_rule(rule: object) -> None:
    """Raises MethodError for what is no rule to end early by."""
    if rule is not None and not isinstance(rule, Separated):
        raise MethodError(f"Expected stop_when=Separated(top=3, confidence=0.95) or None, got {rule!r}.")


def doubt(z: NDArray[np.float64], time: float) -> NDArray[np.float64]:
    """P-values of differences of so many standard errors, that hold at all times at once.

    For a difference that truly is zero or less, the probability is at most α that its p-value is ever α or less. From
    the one-sided normal mixture (Howard et al. 2021, Annals of Statistics 49(2), eq. 14, solved for α), asymptotically
    (Waudby-Smith et al. 2024, Annals of Statistics 52(6)). Time counts in calls per feature, whereby a p-value of 5%
    takes 2.8 standard errors from four of them on, and 3.2 at two hundred. Sampling without replacement gains
    information faster than that, which the logarithm hardly sees.
    """
    if time <= 0:
        return np.ones_like(z)
    exponent = np.square(np.maximum(z, 0.0)) / (2 * (1 + 1 / time))
    with np.errstate(over="ignore", divide="ignore"):
        return np.minimum(np.sqrt(1 + time) / (2 * np.expm1(exponent)), 1.0)
