"""The one sentence on a result, the same in every view: what its numbers are, how sure they are, and every doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.result.certainty import certainty
from llm_attr_widget.result.check import TOO_LITTLE
from llm_attr_widget.result.provenance import Phase

EXACT = "exact"
UNSAMPLED = "no sampling error"
ONE_DRAW = "of one draw of the baselines: give trials=2 or more to know its error"
UNFINISHED = "error not known, run not finished"

# A gap is rounding where it is no more than so much of the largest |v(all) - v(none)|, or of the values themselves,
# which models score in float32.
ROUNDING, FLOAT32 = 1e-3, 1e-5


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to say of a result. `str()` is the sentence.

    numbers: what one number is; phase: how far the run came; certainty: how sure the least sure number is; sums:
    whether rows add up, "" while that is not known; doubts: as of `Attribution.doubts`, none while numbers still come.
    unspread: what to say of a number whose standard error is zero. sound: played to the end, with known errors, rows
    that add up where they should, and no doubt.
    """

    numbers: str
    phase: str
    certainty: str
    sums: str
    doubts: tuple[str, ...]
    unspread: str
    sound: bool

    @property
    def stands(self) -> str:
        """The sentence without what the numbers are."""
        doubts = (f"not to be trusted: {'; '.join(self.doubts)}",) if self.doubts else ()
        known = () if self.certainty in self.doubts else (self.certainty,)
        return "; ".join(part for part in (self.phase, *known, self.sums, *doubts) if part)

    def __str__(self) -> str:
        return f"{self.numbers}: {self.stands}"


def unspread_of(phase: Phase, *, exact: bool, drawn: bool) -> str:
    """What to say of a standard error of zero: by itself it says no more than that what was played had no spread.

    exact: whether the method is exact once it is played to its end. drawn: from one draw of random baselines.
    """
    if phase != "finished":
        return UNFINISHED
    if drawn:
        return ONE_DRAW
    return EXACT if exact else UNSAMPLED


def certainty_of(values: NDArray[np.float64], errors: NDArray[np.float64], unit: str, unspread: str) -> str:
    """How sure the least sure number is."""
    if np.isnan(values).any():
        return TOO_LITTLE
    return certainty(errors, unit) if errors.any() else unspread


def sums_of(gap: float | None, ends: NDArray[np.float64], unit: str, *, adds_up: bool) -> tuple[str, bool]:
    """In words, and whether rows add up as far as they should. gap, adds_up: as of an Attribution."""
    if not adds_up:
        return "rows need not add up", True
    if gap is None:
        return "", False
    change = float(np.abs(np.diff(ends, axis=1)).max(initial=0.0))
    if gap <= ROUNDING * change + FLOAT32 * float(np.abs(ends).max(initial=0.0)):
        return "rows add up", True
    return f"rows miss v(all) - v(none) by up to {gap:.2g} {unit}".rstrip(), False


def played(phase: Phase, calls: int, planned: int) -> str:
    """How far a run came."""
    done = f"{calls} of {planned} calls"
    return {"running": f"so far, {done}", "stopped": f"stopped after {done}", "finished": "finished"}[phase]
