"""Attention over a row of the tree, stretch by stretch: most of a row's tokens are no ancestors of one another.

A row of 512 tokens attends to 512 keys under one mask, of which each token needs its ancestors alone, some 70. A
stretch of the row needs few keys more than one token does, as its tokens share most ancestors. So attention is computed
for one stretch at a time, with the keys that it needs; everything else in the model sees the whole row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention

_LENGTHS = (64, 128, 256)
_COPY = 48
"""Fetching a key and its value costs about as much as so many queries attending to it."""
_WORTH = 0.8
"""Stretches are used where they cost at most this share of the whole."""


@dataclass(frozen=True)
class Stretch:
    """Some neighbouring queries of a row. keys: positions of those they attend to; mask: `(1, 1, queries, keys)`."""

    queries: slice
    keys: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class Reach:
    """Who attends to each key at most: the row's queries from `starts` up to, but not including, `ends`; `(keys,)`."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def needed(self, queries: int, length: int) -> NDArray[np.bool_]:
        """`(stretches, keys)`: the keys that each stretch of `length` neighbouring queries attends to."""
        first = np.arange(0, queries, length)[:, None]
        return (self.starts < first + length) & (self.ends > first)


def stretches(mask: torch.Tensor, reach: Reach, dtype: torch.dtype) -> tuple[Stretch, ...]:
    """How to cut a row, from its mask `(1, 1, queries, keys)`, True where attended; empty where that doesn't pay."""
    rows = mask[0, 0]
    best: tuple[int, NDArray[np.bool_]] = (0, np.empty((0, 0), dtype=np.bool_))
    cheapest = _WORTH * rows.numel()
    for length in _LENGTHS if rows.device.type == "cpu" else ():
        needed = reach.needed(len(rows), length)
        cost = int(needed.sum()) * (length + _COPY)
        if length < len(rows) and cost < cheapest:
            best, cheapest = (length, needed), cost
    length, needed = best
    return tuple(
        _stretch(rows, number * length, length, torch.from_numpy(keys), dtype) for number, keys in enumerate(needed)
    )


def _stretch(rows: torch.Tensor, start: int, length: int, needed: torch.Tensor, dtype: torch.dtype) -> Stretch:
    keys = needed.nonzero()[:, 0]
    queries = slice(start, min(start + length, len(rows)))
    mask = rows[queries].index_select(1, keys)[None, None]
    additive = torch.where(mask, 0.0, float("-inf")).to(dtype)
    return Stretch(queries, keys, additive)


class StretchedMask(torch.Tensor):
    """A row's mask that knows its stretches: scaled dot-product attention under it is computed one by one.

    Nothing of the model is changed. Whatever else is done with the mask gives a plain tensor, and a plain attention.
    """

    plan: tuple[Stretch, ...]

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        mask = named.get("attn_mask")
        if func is scaled_dot_product_attention and isinstance(mask, StretchedMask) and len(args) == 3:
            return _in_stretches(func, args, named, mask.plan)
        found = super().__torch_function__(func, tuple(types), tuple(args), named)
        return found.as_subclass(torch.Tensor) if isinstance(found, StretchedMask) else found


def stretched(mask: torch.Tensor, reach: Reach, dtype: torch.dtype) -> torch.Tensor:
    """The mask `(1, 1, queries, keys)`, computed with stretch by stretch where that pays, else as it is."""
    plan = stretches(mask, reach, dtype)
    if not plan:
        return mask
    knowing = mask.as_subclass(StretchedMask)
    knowing.plan = plan
    return knowing


def _in_stretches(
    func: Callable[..., torch.Tensor], args: Sequence[torch.Tensor], named: dict[str, Any], plan: Sequence[Stretch]
) -> torch.Tensor:
    query, key, value = args
    return torch.cat(
        [
            func(
                query[:, :, each.queries],
                key.index_select(2, each.keys),
                value.index_select(2, each.keys),
                **{**named, "attn_mask": each.mask},
            )
            for each in plan
        ],
        dim=2,
    )
