"""Events of a run: everything as it stands, and what is left of a run that a model broke off."""

from __future__ import annotations

from dataclasses import dataclass

from llm_attr_widget.errors import ScoreError, discreet
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.provenance import Phase


class Interrupted(ScoreError):
    """The model failed in the middle of a run. The error that it raised is this one's cause.

    attribution: what there was until then. `resume=error.attribution.ledger` goes on from there.
    """

    def __init__(self, attribution: Attribution, cause: Exception) -> None:
        about = attribution.provenance
        super().__init__(
            f"The model failed after {about.calls} of {about.planned} calls: {type(cause).__name__}: "
            f"{discreet(str(cause))} What was played is kept: give resume=error.attribution.ledger, with the error "
            "caught as `error`, to the same call to go on from there."
        )
        self.attribution = attribution


def never() -> bool:
    """Not cancelled."""
    return False


@dataclass(frozen=True, slots=True)
class Update:
    """An event of a run: everything as it stands now.

    The first comes before anything was played (all values NaN), the last has phase "finished" or "stopped".
    calls: coalitions played so far, of so many `planned` in all trials; seconds since the run began.
    """

    attribution: Attribution
    calls: int
    planned: int
    seconds: float

    @property
    def phase(self) -> Phase:
        return self.attribution.phase
