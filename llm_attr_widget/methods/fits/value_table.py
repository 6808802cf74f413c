"""Values by coalition: what the methods that look single coalitions up keep while a run streams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.methods.base import Grown, finite_or_nan, row_keys
from llm_attr_widget.types import Coalitions, Values


class ValueTable:
    """Mean value of every coalition that was played. Coalitions that were not are NaN when looked up."""

    def __init__(self, features: int, outputs: int) -> None:
        self._features = features
        self._outputs = outputs
        self._index: dict[bytes, int] = {}
        self._sums = Grown(outputs)
        self._counts = Grown()

    def __len__(self) -> int:
        return len(self._index)

    def add(self, coalitions: Coalitions, values: Values) -> None:
        """values: `(coalitions, outputs)`. A coalition played again (sampled baselines) is averaged."""
        at = [self._index.setdefault(key, len(self._index)) for key in row_keys(coalitions)]
        new = len(self._index) - len(self._sums)
        self._sums.extend(new)
        self._counts.extend(new)
        np.add.at(self._sums.rows, at, finite_or_nan(values))
        np.add.at(self._counts.rows, at, 1.0)

    def look_up(self, coalitions: Coalitions) -> tuple[Values, NDArray[np.bool_]]:
        """Values `(coalitions, outputs)`, and which of the coalitions were played."""
        at = np.array([self._index.get(key, -1) for key in row_keys(coalitions)], dtype=np.intp)
        played = at >= 0
        values = np.full((len(at), self._outputs), np.nan)
        values[played] = self._sums.rows[at[played]] / self._counts.rows[at[played], None]
        return values, played
