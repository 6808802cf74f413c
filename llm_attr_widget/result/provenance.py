"""Where an attribution's numbers come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Phase: TypeAlias = Literal["running", "finished", "stopped"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from.

    planned: model calls planned for all trials together (a budget is for one of them); calls: coalitions played;
    scored: prompts that went through the model for them.
    stop_when: the rule to end early by, in words, "" for none; early: whether it was met and ended the run.
    instead: why this method and not the one that was asked for, in words, "" where it is that one.
    doubts: what was odd about prompt and target before the run, in words.
    """

    model: str
    method: str
    baseline: str
    granularity: str
    seed: int
    trials: int
    planned: int
    calls: int
    scored: int
    seconds: float
    stop_when: str = ""
    early: bool = False
    instead: str = ""
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "doubts", tuple(self.doubts))  # a file holds a list
