"""Coalitions in which every feature is present with probability 1/2, each at most once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from llm_attr_widget.methods.base import everyone_and_no_one, in_blocks, row_keys
from llm_attr_widget.types import Coalitions

_LISTED_FEATURES = 12
_DRAWN_AT_ONCE = 8


def uniform_design(features: int, calls: int, rng: np.random.Generator) -> Iterator[Coalitions]:
    """v(all) and v(none), then distinct coalitions drawn uniformly, `calls` (at most 2^features) in all."""
    ends = everyone_and_no_one(features)
    yield ends
    if features <= _LISTED_FEATURES:
        ids = 1 + rng.permutation(2**features - 2)[: calls - 2]
        yield from in_blocks((ids[:, None] >> np.arange(features)) % 2 == 1, _DRAWN_AT_ONCE)
        return
    seen = set(row_keys(ends))
    while len(seen) < calls:
        rows = rng.random((min(_DRAWN_AT_ONCE, calls - len(seen)), features)) < 0.5
        fresh = [key not in seen and not seen.add(key) for key in row_keys(rows)]
        if any(fresh):
            yield rows[fresh]
