"""How sure numbers are, in words: one place for what an error of zero, of something and of NaN means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.types import UNKNOWN_ERROR


def certainty(errors: NDArray[np.float64], unit: str) -> str:
    """One sentence for many numbers by their standard errors: unknown where any is, else exact, else the largest."""
    if not np.isfinite(errors).all():
        return UNKNOWN_ERROR
    largest = float(errors.max(initial=0.0))
    return f"standard error up to {largest:.2g} {unit}".rstrip() if largest > 0 else "exact"


def band(error: float) -> str:
    """What follows a number: its standard error, nothing where it is exact, or that its error is not known."""
    if not np.isfinite(error):
        return f" ({UNKNOWN_ERROR})"
    return f" ± {error:.3f}" if error > 0 else ""


def named(label: str, errors: NDArray[np.float64]) -> str:
    """What a figure's numbers are; where the error of one is not known, that too."""
    return label if np.isfinite(errors).all() else f"{label} ({UNKNOWN_ERROR})"
