"""Leaving out logits that nobody reads: `logits_to_keep`, as far as a model was found to do what it says.

In transformers it is a tensor of positions, or a number: so many of the last ones. Elsewhere the same name takes the
number alone (flash-linear-attention), is taken and ignored, or is called `num_logits_to_keep` (transformers 4.45).
So it is tried on a row of four tokens, and what comes back is held against all logits of that row; and whatever comes
back later must have the number of positions that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from llm_attr_widget.errors import AttributionError, CapabilityError, ScoreError
from llm_attr_widget.models.huggingface.anatomy import Anatomy

_NAMES = ("logits_to_keep", "num_logits_to_keep")
_CLOSE = {torch.bfloat16: 0.06, torch.float16: 0.01}
"""Differences, as a share of the largest logit, that rounding explains; 1e-3 elsewhere."""

REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    AttributionError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a model can raise when it is called in a way it does not know."""


@dataclass(frozen=True)
class Keeping:
    """How a model is told which logits are wanted. form: positions one by one, or how many of the last."""

    name: str
    form: Literal["positions", "last"]


class LastPositionOnly(CapabilityError):
    """A model that returns the logits of a row's last position alone can be asked for one target token at a time."""


def tried(anatomy: Anatomy, call: Callable[[torch.Tensor, Mapping[str, Any]], torch.Tensor]) -> Keeping | None:
    """The form in which the model leaves out logits, None where it does not. call: ids, arguments → logits.

    Cost: at most five passes over four tokens.
    """
    name = next((name for name in _NAMES if name in anatomy.accepts), None)
    if name is None:
        return None
    ids = torch.arange(1, 5, device=anatomy.device)[None] % (anatomy.limits.vocabulary or 5)
    try:
        whole = call(ids, {})
    except REFUSALS:
        return None
    # Neither the first nor the last ones: whoever takes the numbers for something else returns other rows.
    some = torch.tensor([0, 2], device=anatomy.device)
    if _returns(call, ids, {name: some}, whole[:, some.to(whole.device)]):
        return Keeping(name, "positions")
    return Keeping(name, "last") if _returns(call, ids, {name: 2}, whole[:, -2:]) else None


def _returns(
    call: Callable[[torch.Tensor, Mapping[str, Any]], torch.Tensor],
    ids: torch.Tensor,
    given: Mapping[str, Any],
    expected: torch.Tensor,
) -> bool:
    try:
        found = call(ids, given)
    except REFUSALS:
        return False
    if found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= _CLOSE.get(found.dtype, 1e-3) * expected.abs().max().clamp(min=1))


def offered(keeping: Keeping, keep: torch.Tensor, length: int) -> dict[str, Any]:
    """The argument that asks for the positions `keep` of a row of so many tokens."""
    return {keeping.name: keep if keeping.form == "positions" else length - int(keep[0])}


def picked(logits: torch.Tensor, keep: torch.Tensor, length: int, keeping: Keeping | None) -> torch.Tensor:
    """The logits of the positions `keep`, `(rows, len(keep), vocabulary)`, from what came back.

    length: tokens in the row. keeping: what the model was told to leave out, None where it was told nothing. Where
    there are more logits than tokens, ours are the last: prompt tuning puts tokens of its own before them.
    Raises LastPositionOnly for the logits of the last position where others were wanted, ScoreError for any other
    number of positions.
    """
    count = logits.shape[1]
    expected = length
    if keeping is not None:
        expected = len(keep) if keeping.form == "positions" else length - int(keep[0])
    if keeping is not None and keeping.form == "positions" and count == expected:
        return logits
    if count == expected or (keeping is None and count > length):
        return logits[:, keep.to(logits.device) + count - length]
    if count == 1 and keep.tolist() == [length - 1]:
        return logits
    if count == 1 and keeping is None:
        raise LastPositionOnly(
            f"The model returned the logits of one position for a row of {length} tokens: its last alone, it seems. "
            "Return the logits of all positions to have a target scored in one pass."
        )
    raise ScoreError(
        f"Logits of {expected} positions were expected for a row of {length} tokens, but those of {count} came. The "
        "model's forward must return the logits of all positions, or of those that logits_to_keep names."
    )
