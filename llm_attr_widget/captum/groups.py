"""Which features go together: captum's `feature_mask`, an input's own mask, and both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Groups:
    """of: for each feature of an input its group, numbered in the order of the mask's ids. firsts: of each group, the
    first feature.
    """

    of: tuple[int, ...]
    firsts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.firsts)

    def each(self, found: torch.Tensor) -> torch.Tensor:
        """`(…, features)` out of `(…, groups)`: a group's entry for each of its members."""
        return found[..., list(self.of)]

    def once(self, found: torch.Tensor) -> torch.Tensor:
        """`(…, groups)` out of `(…, features)`, whose members of one group are alike."""
        return found[..., list(self.firsts)]


def groups_of(features: int, feature_mask: Any) -> Groups:
    """feature_mask: captum's: a tensor of ids, one for each feature, a tuple of one such tensor, or None."""
    if feature_mask is None:
        return Groups(tuple(range(features)), tuple(range(features)))
    given = feature_mask[0] if isinstance(feature_mask, tuple) else feature_mask
    ids: list[int] = torch.as_tensor(given).reshape(-1).tolist()
    places = {each: place for place, each in enumerate(sorted(set(ids)))}
    return Groups(tuple(places[each] for each in ids), tuple(ids.index(each) for each in places))


def shown_groups(inp: Any, groups: Groups, device: torch.device) -> tuple[int, ...] | None:
    """For each of the input's `values` its group; None for an input whose `format_attr` is more than a copy to members.

    What `format_attr` does is seen from what it makes of each group's number alone.
    """
    alone = inp.format_attr(groups.each(torch.eye(len(groups), device=device)))
    copied = ((alone == 0) | (alone == 1)).all() and (alone.sum(0) == 1).all()
    return tuple(alone.argmax(0).tolist()) if bool(copied) else None
