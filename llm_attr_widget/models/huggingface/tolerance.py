"""How far apart two scores of one prompt may be when only rounding differs."""

from __future__ import annotations

import numpy as np
import torch

from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.forward import Alone
from llm_attr_widget.types import LogProbs

_MOST = {torch.bfloat16: 0.4, torch.float16: 0.06}
"""Nats. No half precision is let off with more, however large its logits."""

_STEPS = 2
"""So many steps of the number type, at the largest logit, lie between two ways of computing a score. Measured on tiny
models of eleven families: at most 0.8 steps in bfloat16, and 1.1 in float16."""

_TYPICAL = 1 / 3
"""Rounding hits one score hard and others hardly: on the root mean square, differences are at most a third of that."""


def tolerance(dtype: torch.dtype, largest: float = float("inf")) -> float:
    """Largest difference in nats that rounding explains between two passes of one number type.

    largest: the largest logit, in absolute value, where it is known. A half precision's logits are rounded to 8 or 11
    bits, so that rounding is worth more where they are large.
    """
    if dtype not in _MOST:
        return 1e-4
    return min(_MOST[dtype], _STEPS * torch.finfo(dtype).eps * max(1.0, largest))


def close(anatomy: Anatomy, scores: LogProbs, truth: Alone) -> bool:
    """Whether scores, `(prompts, target tokens)`, differ from the true ones by no more than rounding."""
    allowed = tolerance(anatomy.dtype, truth.largest)
    if anatomy.dtype not in _MOST:
        return bool(np.allclose(scores, truth.log_probs, rtol=allowed / 20, atol=allowed))
    errors = scores.astype(np.float64) - truth.log_probs
    return bool((np.abs(errors) <= allowed).all() and np.sqrt(np.mean(errors**2)) <= _TYPICAL * allowed)


def largest_difference(scores: LogProbs, truth: Alone) -> float:
    """In nats, NaN left out."""
    return float(np.nanmax(np.abs(scores - truth.log_probs)))
