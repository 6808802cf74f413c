"""One feature at a time: leave-one-out and its opposite, add-one-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from llm_attr_widget.methods.base import everyone_and_no_one, in_blocks, require_features
from llm_attr_widget.methods.fits.value_table import ValueTable
from llm_attr_widget.types import Coalitions, Estimate, Values


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut:
    """Score of each feature: what the target loses when that feature alone is absent, v(all) - v(all without i).

    Not a Shapley value: scores need not add up to v(all) - v(none). Exact on what it plays.
    Cost: features + 2 model calls (v(none) is played for the total; 2 calls for a single feature).
    """

    name: str = field(default="leave_one_out", init=False, repr=False)
    label: str = field(default="leave-one-out score", init=False, repr=False)
    adds_up: bool = field(default=False, init=False, repr=False)
    sampled: bool = field(default=False, init=False, repr=False)

    def calls(self, features: int) -> int:
        return _calls(features)

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:  # noqa: ARG002  nothing is drawn
        return _design(features, ~np.eye(features, dtype=bool))

    def fold(self, features: int, outputs: int) -> OneAtATimeFold:
        return OneAtATimeFold(features, outputs, present=True)


@dataclass(frozen=True, kw_only=True)
class AddOneIn:
    """Score of each feature: what the target gains when that feature alone is present, v(i alone) - v(none).

    Not a Shapley value: scores need not add up to v(all) - v(none). Exact on what it plays.
    Cost: features + 2 model calls (v(all) is played for the total; 2 calls for a single feature).
    """

    name: str = field(default="add_one_in", init=False, repr=False)
    label: str = field(default="add-one-in score", init=False, repr=False)
    adds_up: bool = field(default=False, init=False, repr=False)
    sampled: bool = field(default=False, init=False, repr=False)

    def calls(self, features: int) -> int:
        return _calls(features)

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:  # noqa: ARG002  nothing is drawn
        return _design(features, np.eye(features, dtype=bool))

    def fold(self, features: int, outputs: int) -> OneAtATimeFold:
        return OneAtATimeFold(features, outputs, present=False)


class OneAtATimeFold:
    """Finds the rows it needs among any coalitions. Features whose row was not played yet are NaN."""

    def __init__(self, features: int, outputs: int, *, present: bool) -> None:
        self._table = ValueTable(features, outputs)
        self._reference = np.full((1, features), present)
        self._single = self._reference ^ np.eye(features, dtype=bool)
        self._sign = 1.0 if present else -1.0

    def add(self, coalitions: Coalitions, values: Values) -> None:
        self._table.add(coalitions, values)

    def estimate(self) -> Estimate | None:
        reference, known = self._table.look_up(self._reference)
        single, played = self._table.look_up(self._single)
        if not known[0] or not played.any():
            return None
        scores = self._sign * (reference - single).T
        return Estimate(scores, np.where(np.isnan(scores), np.nan, 0.0))


def _calls(features: int) -> int:
    require_features(features)
    return features + 2 if features > 1 else 2


def _design(features: int, single: Coalitions) -> Iterator[Coalitions]:
    require_features(features)
    yield everyone_and_no_one(features)
    if features > 1:  # with one feature, its row is v(all) or v(none) itself
        yield from in_blocks(single, 4)
