"""Games whose Shapley values are known, by kind: what estimators are compared on. No model is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.methods.games import TableGame, every_coalition, random_game, subset_shapley

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.bool_]

TABLES = Path(__file__).parent / "tables.npz"
"""Every coalition's log-prob on the shipped text model: `python -m benchmarks.estimators --tables` writes it."""


@dataclass(frozen=True)
class Game:
    """value: of coalitions `(rows, features)`, one number each; shapley: `(features,)`."""

    features: int
    value: Callable[[Rows], Array]
    shapley: Array


@dataclass(frozen=True)
class Family:
    """make: a game from its number of features and a seed; games: how many seeds are played."""

    title: str
    make: Callable[[int, int], Game]
    features: int
    budgets: Sequence[int]
    games: int


def table_game(table: Array) -> Game:
    """table: `(2^features,)`, coalition S at the sum of 2^i over i in S."""
    game = TableGame(len(table).bit_length() - 1, np.asarray(table[:, None], dtype=np.float64))
    return Game(game.features, lambda rows: game(rows)[:, 0], subset_shapley(game)[0])


def fading(features: int, seed: int) -> Game:
    """Interactions of every order, which fade with it."""
    return table_game(random_game(features, seed=seed, outputs=1).table[:, 0])


def saturating(features: int, seed: int) -> Game:
    """log σ(Σ w): evidence for one token, as a log-prob."""
    weights = np.random.default_rng(seed).normal(scale=1.5, size=features)
    return table_game(-np.logaddexp(0, -(every_coalition(features) @ weights)))


def noise(features: int, seed: int) -> Game:
    """Every coalition's value drawn on its own: nothing can be foreseen."""
    return table_game(np.random.default_rng(seed).normal(size=2**features))


def sparse(features: int, seed: int) -> Game:
    """Terms that need one to four features at once, about as many as features."""
    rng = np.random.default_rng(seed)
    counts = {1: features // 4, 2: features // 3, 3: features // 5, 4: features // 8}
    terms = [
        (rng.choice(features, size, replace=False), rng.normal() * 2)
        for size, count in counts.items()
        for _ in range(count)
    ]
    shapley = np.zeros(features)
    for members, worth in terms:
        shapley[members] += worth / len(members)

    def value(rows: Rows) -> Array:
        found = np.zeros(len(rows))
        for members, worth in terms:
            found += worth * rows[:, members].all(axis=1)
        return found

    return Game(features, value, shapley)


def documents(features: int, seed: int) -> Game:
    """log σ(Σ w - 2), an eighth of the documents with a weight, the others with next to none; weights in hundredths."""
    rng = np.random.default_rng(seed)
    weights = np.zeros(features)
    chosen = rng.choice(features, max(3, features // 8), replace=False)
    weights[chosen] = rng.exponential(2, len(chosen))
    weights = np.rint(100 * (weights + rng.normal(scale=0.05, size=features))).astype(np.int64)

    def value(rows: Rows) -> Array:
        return -np.logaddexp(0, 2.0 - (rows @ weights) / 100)

    return Game(features, value, shapley_of_sums(weights, lambda sums: -np.logaddexp(0, 2.0 - sums / 100)))


def shapley_of_sums(weights: NDArray[np.int64], value: Callable[[Array], Array]) -> Array:
    """Of a game whose value depends on the sum of whole weights alone, exactly, by counting coalitions of each size and
    sum (Castro et al. 2009, section 5.2).
    """
    features, least = len(weights), int(weights[weights < 0].sum())
    sums = np.arange(least, int(weights[weights > 0].sum()) + 1)
    found = np.zeros(features)
    for feature in range(features):
        # Shares of all coalitions of the others, by size and sum; in Shapley's formula each size weighs 1 / n.
        shares = np.zeros((features, len(sums)))
        shares[0, -least] = 1.0
        for count, weight in enumerate(np.delete(weights, feature).tolist()):
            joined = np.roll(shares[:-1], weight, axis=1)
            sizes = np.arange(count + 2)[:, None] / (count + 1)  # drawn so that every size stays equally likely
            shares[1 : count + 2] = shares[1 : count + 2] * (1 - sizes[1:]) + joined[: count + 1] * sizes[1:]
        worth = value(sums + float(weights[feature])) - value(sums.astype(np.float64))
        found[feature] = float(shares.mean(axis=0) @ worth)
    return found


def few_of_many(features: int, seed: int) -> Game:
    """log σ(Σ w - 2) over five of the features; each feature adds a little of its own."""
    rng = np.random.default_rng(seed)
    table = -np.logaddexp(0, 2.0 - every_coalition(5) @ rng.exponential(2, 5))
    return _among(features, table, rng)


def redundant(features: int, seed: int) -> Game:
    """Either of two documents is enough, any of three others, and a sixth adds to it; the rest add a little."""
    has = every_coalition(6)
    table = 5.0 * has[:, :2].any(axis=1) + 3.0 * has[:, 2:5].any(axis=1) + 1.0 * has[:, 5]
    return _among(features, table, np.random.default_rng(seed))


def negation(features: int, seed: int) -> Game:
    """A statement of two parts that a third turns round, another that holds without it; the rest add a little."""
    stated, by, denied, other, fifth, sixth = every_coalition(6).T
    table = 4.0 * (stated & by) - 6.0 * (stated & by & denied) + 3.0 * (other & ~(by & denied)) + 2.0 * fifth + sixth
    return _among(features, table, np.random.default_rng(seed))


def _among(features: int, table: Array, rng: np.random.Generator) -> Game:
    """The table's game on features drawn at random, plus a small slope of each."""
    small = table_game(table)
    members = rng.choice(features, small.features, replace=False)
    slopes = rng.normal(scale=0.05, size=features)
    shapley = slopes.copy()
    shapley[members] += small.shapley
    return Game(features, lambda rows: small.value(rows[:, members]) + rows @ slopes, shapley)


def shipped(_: int, seed: int) -> Game:
    """The shipped text model on twelve words: one of two questions, by turns."""
    tables = np.load(TABLES)["tables"]
    return table_game(tables[seed % len(tables)].astype(np.float64))


SMALL = (48, 100, 200, 400, 800, 1600)
FAMILIES: tuple[Family, ...] = (
    Family("Interactions of every order that fade (0.7 per feature), 12 features", fading, 12, SMALL, 12),
    Family("Evidence that saturates: log σ of a weighted sum, 12 features", saturating, 12, SMALL, 12),
    Family("The shipped text model, two questions of 12 words", shipped, 12, SMALL, 12),
    Family("Terms of one to four features, 64 features", sparse, 64, (160, 320, 640, 1280), 6),
    Family("Few relevant documents of 40, saturating", documents, 40, (100, 200, 400, 800), 6),
    Family("Redundant documents among 40: either is enough", redundant, 40, (100, 200, 400, 800), 6),
    Family("A negation among 40", negation, 40, (100, 200, 400, 800), 6),
    Family("Five relevant of 100", few_of_many, 100, (200, 400, 800), 6),
    Family("Five relevant of 500", few_of_many, 500, (320, 640, 1280), 3),
    Family("White noise: every coalition's value drawn on its own, 12 features", noise, 12, SMALL, 12),
)
