"""One feature at a time: leave-one-out and its opposite, add-one-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from llm_attr_widget.methods.base import everyone_and_no_one, finite_or_nan, require_features
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
        return _design(features, present=False)

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
        return _design(features, present=True)

    def fold(self, features: int, outputs: int) -> OneAtATimeFold:
        return OneAtATimeFold(features, outputs, present=False)


class OneAtATimeFold:
    """Finds the rows it needs among any coalitions. Features whose row was not played yet are NaN."""

    def __init__(self, features: int, outputs: int, *, present: bool) -> None:
        self._present = present
        # A row for each feature that alone differs from the reference, and the last for the reference itself.
        self._sums = np.zeros((features + 1, outputs))
        self._counts = np.zeros((features + 1, 1))

    def add(self, coalitions: Coalitions, values: Values) -> None:
        """A coalition played again (sampled baselines) is averaged."""
        differs = coalitions != self._present
        many = differs.sum(axis=1)
        at = np.where(many == 1, differs.argmax(axis=1), len(self._sums) - 1)[many <= 1]
        np.add.at(self._sums, at, finite_or_nan(values)[many <= 1])
        np.add.at(self._counts, at, 1.0)

    def estimate(self) -> Estimate | None:
        if not self._counts[-1] or not self._counts[:-1].any():
            return None
        means = self._sums / np.where(self._counts > 0, self._counts, np.nan)
        scores = ((means[-1] - means[:-1]) if self._present else (means[:-1] - means[-1])).T
        return Estimate(scores, np.where(np.isnan(scores), np.nan, 0.0))


def _calls(features: int) -> int:
    require_features(features)
    return features + 2 if features > 1 else 2


def _design(features: int, *, present: bool) -> Iterator[Coalitions]:
    """v(all) and v(none), then each feature alone present, or absent, four at a time."""
    require_features(features)
    yield everyone_and_no_one(features)
    if features == 1:  # its row is v(all) or v(none) itself
        return
    for start in range(0, features, 4):
        rows = np.full((min(4, features - start), features), not present)
        rows[np.arange(len(rows)), start + np.arange(len(rows))] = present
        yield rows
