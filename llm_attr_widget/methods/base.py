"""What all methods share: fitting at once, and the checks of a game's size."""

from __future__ import annotations

import numpy as np

from llm_attr_widget.errors import MethodError
from llm_attr_widget.types import Coalitions, Estimate, Method, Values


def fit(method: Method, coalitions: Coalitions, values: Values) -> Estimate:
    """Attributions from all that was played, in the order in which it was played.

    coalitions: `(coalitions, features)`; values: `(coalitions, outputs)`.
    Costs no model call. Raises MethodError when the coalitions are too few for the method.
    """
    fold = method.fold(coalitions.shape[1], values.shape[1])
    fold.add(coalitions, np.asarray(values, dtype=np.float64))
    estimate = fold.estimate()
    if estimate is None:
        raise MethodError(
            f"{method.label} needs more than the {len(coalitions)} coalitions that were played. "
            f"Play all {method.calls(coalitions.shape[1])} of its design, or raise the budget."
        )
    return estimate


def require_features(features: int, *, at_least: int = 1) -> None:
    """Raises MethodError for a game with too few features."""
    if features < at_least:
        raise MethodError(
            f"The prompt has {features} features; this method needs at least {at_least}. "
            "Choose a finer granularity or unlock features."
        )
