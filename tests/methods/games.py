"""Table games with known answers: values for all 2^n coalitions, and an oracle that shares no code with the methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.types import Coalitions, Estimate, Method, Values


@dataclass(frozen=True)
class TableGame:
    """table: `(2^features, outputs)`; the coalition's index has bit i set where feature i is present."""

    features: int
    table: NDArray[np.float64]

    def __call__(self, coalitions: Coalitions) -> Values:
        return self.table[coalitions @ (1 << np.arange(self.features))]

    @property
    def outputs(self) -> int:
        return self.table.shape[1]

    @property
    def total(self) -> NDArray[np.float64]:
        return self.table[-1] - self.table[0]

    def mapped(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> TableGame:
        return TableGame(self.features, change(self.table))


def random_game(features: int, seed: int, outputs: int = 3) -> TableGame:
    """Interactions of every order: normal Möbius coefficients, order k with a spread of 0.7^k / sqrt(C(n, k))."""
    rng = np.random.default_rng(seed)
    sizes = every_coalition(features).sum(axis=1)
    spread = np.array([0.7**size / sqrt(comb(features, int(size))) for size in sizes])
    table = rng.normal(size=(2**features, outputs)) * spread[:, None]
    for i in range(features):
        split = table.reshape(-1, 2, 2**i, outputs)
        split[:, 1] += split[:, 0]
    return TableGame(features, table)


def every_coalition(features: int) -> Coalitions:
    return (np.arange(2**features)[:, None] >> np.arange(features)) % 2 == 1


def brute_force_shapley(game: TableGame) -> NDArray[np.float64]:
    """`(outputs, features)`: mean gain over all n! orders, one by one."""
    gains = np.zeros((game.outputs, game.features))
    orders = 0
    for order in permutations(range(game.features)):
        index = 0
        for feature in order:
            gains[:, feature] += game.table[index | 1 << feature] - game.table[index]
            index |= 1 << feature
        orders += 1
    return gains / orders


def subset_shapley(game: TableGame) -> NDArray[np.float64]:
    """`(outputs, features)` by Shapley's formula over subsets, for games too large for all orders."""
    n, everyone = game.features, every_coalition(game.features)
    values = np.zeros((game.outputs, n))
    by_size = np.array([1 / (n * comb(n - 1, size)) for size in range(n)])
    for i in range(n):
        without = np.flatnonzero(~everyone[:, i])
        weights = by_size[everyone[without].sum(axis=1)]
        values[:, i] = weights @ (game.table[without | 1 << i] - game.table[without])
    return values


def play(method: Method, game: TableGame, seed: int = 0) -> Estimate:
    """The whole design, played and fitted block by block."""
    fold = method.fold(game.features, game.outputs)
    for block in method.design(game.features, np.random.default_rng(seed)):
        fold.add(block, game(block))
    estimate = fold.estimate()
    assert estimate is not None
    return estimate


def subset_banzhaf(game: TableGame) -> NDArray[np.float64]:
    """`(outputs, features)`: mean gain over all coalitions of the others."""
    everyone = every_coalition(game.features)
    values = np.zeros((game.outputs, game.features))
    for i in range(game.features):
        without = np.flatnonzero(~everyone[:, i])
        values[:, i] = np.mean(game.table[without | 1 << i] - game.table[without], axis=0)
    return values
