"""Ending a run early: once it is certain enough which features have the largest attributions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf, log, sqrt

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

    That is when their bands and those of all other features no longer overlap, as in SHAP@k (Kariyappa et al. 2023,
    section 4). The bands hold at all times at once, so that looking again and again does not make a wrong end likelier:
    with probability of at least `confidence` the features on top at the end are truly those on top, up to the quality
    of standard errors. Looks come at fixed numbers of calls: equal seeds end at equal calls.

    Raises MethodError for a `top` below 1 or a confidence outside (0, 1).
    """

    top: int = 3
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.top < 1:
            raise MethodError(f"Expected to separate at least 1 feature, got top={self.top}.")
        if not 0 < self.confidence < 1:
            raise MethodError(f"Expected a confidence between 0 and 1, such as 0.95, got {self.confidence}.")

    def __str__(self) -> str:
        what = "feature" if self.top == 1 else f"{self.top} features"
        return f"top {what} separated at {100 * self.confidence:g}% confidence"

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
        radius = errors * width(calls / len(values), (1 - self.confidence) / len(values))
        size = np.abs(values)
        order = np.argsort(-size, kind="stable")
        lowest, highest = np.maximum(size - radius, 0.0), size + radius
        return bool(lowest[order[: self.top]].min() > highest[order[self.top :]].max())


def check_rule(rule: object) -> None:
    """Raises MethodError for what is no rule to end early by."""
    if rule is not None and not isinstance(rule, Separated):
        raise MethodError(f"Expected stop_when=Separated(top=3, confidence=0.95) or None, got {rule!r}.")


def width(time: float, alpha: float) -> float:
    """How many standard errors wide a two-sided band must be to hold at all times at once, but for `alpha`.

    The asymptotic confidence sequence of Waudby-Smith et al. 2024 (Annals of Statistics 52(6), eq. 2.4; Robbins' normal
    mixture), in units of the standard error: sqrt((1 + 1 / (t ρ²)) log((1 + t ρ²) / alpha²)). Its time t ρ² is counted
    in calls per feature, whereby the band is narrowest from about ten of them on. Sampling without replacement gains
    information faster than that, which the logarithm hardly sees.
    """
    return inf if time <= 0 else sqrt((1 + 1 / time) * (log(1 + time) - 2 * log(alpha)))
