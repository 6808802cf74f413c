"""Owen values: Shapley values that respect a tree of features (paragraphs, sentences, words)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.base import everyone_and_no_one, require_budget, require_features
from llm_attr_widget.methods.permutation import ChainFold, chain_blocks
from llm_attr_widget.types import Coalitions

Groups: TypeAlias = Sequence[Union[int, "Groups"]]
"""A tree: each node a feature's index or a sequence of nodes. `((0, 1, 2), (3, (4, 5)))`."""


@dataclass(frozen=True, kw_only=True)
class Owen:
    """Mean gain over random orders in which every group joins as one block, at every level of the tree.

    Owen 1977 for one level of groups, Winter 1989 ("levels structure") for more. The values of a group's members add
    up to the group's own Shapley value among its siblings, and all of them to v(all) - v(none). A feature meets
    only coalitions that cut no group but its own, so prompts stay readable and far fewer orders are needed.
    Orders come in antithetic pairs, an order and its reverse.

    groups: nested sequences that hold every feature's index once. None means the prompt's own in a run (turns,
        paragraphs, sentences, phrases; quarters of an image and theirs), and where it has none, neighbours in runs of
        about sqrt(features).
    budget: model calls; None means 2 + 8 (features - 1), four pairs. Cost: 2 + 2 (features - 1) for each pair.
    Standard errors: as for PermutationShapley, of orders drawn independently.
    """

    groups: Groups | None = field(default=None, repr=False)
    budget: int | None = None

    name: str = field(default="owen", init=False, repr=False)
    label: str = field(default="Owen value", init=False, repr=False)
    adds_up: bool = field(default=True, init=False, repr=False)
    sampled: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.groups is not None:  # lists come from files
            object.__setattr__(self, "groups", _as_tuples(self.groups))

    def grouped(self, groups: Groups, features: int) -> Owen:
        """With these groups, where it has none of its own and they hold each of the features once."""
        whole = sorted(leaves(groups)) == list(range(features))
        return replace(self, groups=groups) if self.groups is None and whole else self

    def calls(self, features: int) -> int:
        return 2 + self._pairs(features) * 2 * (features - 1)

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]:
        pairs = self._pairs(features)
        tree = self._tree(features)
        yield everyone_and_no_one(features)
        for _ in range(pairs):
            order = np.array(list(shuffled(tree, rng)), dtype=np.intp)
            yield from chain_blocks(order)
            yield from chain_blocks(order[::-1])

    def fold(self, features: int, outputs: int) -> ChainFold:
        return ChainFold(features, outputs)

    def _tree(self, features: int) -> Groups:
        if self.groups is None:
            return neighbours(features)
        members = sorted(leaves(self.groups))
        if members != list(range(features)):
            raise MethodError(
                f"Expected groups that hold each of the features 0 to {features - 1} once, got {members}. "
                "Give nested sequences of feature indices, such as ((0, 1), (2, (3, 4)))."
            )
        return self.groups

    def _pairs(self, features: int) -> int:
        require_features(features)
        self._tree(features)
        if features == 1:
            return 0
        budget = 8 * features if self.budget is None else self.budget
        require_budget(budget, at_least=2 * features, features=features)
        return (budget - 2) // (2 * (features - 1))


def neighbours(features: int) -> tuple[tuple[int, ...], ...]:
    """Features in reading order, in runs of about sqrt(features)."""
    runs: Sequence[NDArray[np.intp]] = np.array_split(np.arange(features), ceil(sqrt(features)))
    return tuple(tuple(int(feature) for feature in run) for run in runs)


def _as_tuples(groups: Groups) -> Groups:
    return tuple(node if isinstance(node, int) else _as_tuples(node) for node in groups)


def leaves(groups: Groups) -> Iterator[int]:
    """Feature indices of a tree, in its order."""
    for node in groups:
        if isinstance(node, int):
            yield node
        else:
            yield from leaves(node)


def shuffled(groups: Groups, rng: np.random.Generator) -> Iterator[int]:
    """Feature indices of a tree with the nodes of every group in random order."""
    for at in rng.permutation(len(groups)):
        node = groups[int(at)]
        if isinstance(node, int):
            yield node
        else:
            yield from shuffled(node, rng)
