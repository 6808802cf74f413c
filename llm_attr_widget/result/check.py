"""Trust: how well an attribution predicts coalitions that it has not seen, and what removing features really does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import MethodError
from llm_attr_widget.game.game import Evaluator, Game
from llm_attr_widget.types import UNKNOWN_ERROR, Coalitions

# Below these a linear reading of the numbers misleads more than it helps. Rank correlation is the "linear datamodeling
# score" of Park et al. 2023 (TRAK, arXiv:2303.14186, Def. 2.3); ContextCite (arXiv:2409.00729, 4.2) reports ~0.5-0.9.
RANK_TRUSTED = 0.6
R_SQUARED_TRUSTED = 0.3
FEWEST = 8
GAP_TRUSTED = 0.1
"""Largest gap, as a share of the largest |v(all) - v(none)|."""

TOO_LITTLE = "too little was played to tell every feature's attribution"
CONVERGED = 0.2
"""Largest standard error, as a share of the range of attributions."""


@dataclass(frozen=True, slots=True)
class Check:
    """Figures of faithfulness, all for the target as a whole, in the value function's unit.

    rank_correlation: Spearman's, of predicted and real values over the held-out coalitions (NaN when either is
    constant). r_squared: 1 - squared error / variance of the same; can be below 0. gap: largest |row sum -
    (v(all) - v(none))|, None where not promised. held_out: how many coalitions; seen: how many of them the fit had
    played after all, because the game has too few others. calls: what the check cost.

    deletion, insertion: `(steps, 2)`: share of features removed (kept), and the value, taking the features with the
    highest attribution first. A faithful attribution drops (rises) early.
    """

    rank_correlation: float
    r_squared: float
    gap: float | None
    held_out: int
    seen: int
    calls: int
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    @property
    def trusted(self) -> bool:
        """Whether the additive reading of the numbers holds up on coalitions that were not used for them."""
        return self.rank_correlation >= RANK_TRUSTED and self.r_squared >= R_SQUARED_TRUSTED

    @property
    def verdict(self) -> str:
        figures = f"rank correlation {self.rank_correlation:.2f}, R² {self.r_squared:.2f} on {self.held_out} coalitions"
        if self.trusted:
            return f"The attributions predict what the model does when features are left out ({figures})."
        return (
            f"Do not read these numbers as if they added up: they predict poorly what the model does when several "
            f"features are left out ({figures}). Features interact; try coarser features or a pairwise look."
        )

    def __repr__(self) -> str:
        return f"Check({self.verdict})"


@dataclass(frozen=True, slots=True)
class Additive:
    """An additive reading of attributions for the target as a whole.

    sequence: `(features,)`; everything, nothing: v(all) and v(none); adds_up: whether the method promises that the
    attributions sum to their difference.
    """

    sequence: NDArray[np.float64]
    everything: float
    nothing: float
    adds_up: bool

    def predict(self, coalitions: Coalitions) -> NDArray[np.float64]:
        """The value it expects of each coalition, `(coalitions,)`.

        Anchored where the method is: at v(none) for methods that add up, else at v(all), from which absent features
        take their share.
        """
        if self.adds_up:
            return self.nothing + coalitions @ self.sequence
        return self.everything - (~coalitions) @ self.sequence


def check(
    game: Game, played: Coalitions, reading: Additive, *, gap: float | None, calls: int = 64, seed: int = 0
) -> Check:
    """Spend about `calls` model calls on coalitions that are not among those `played`.

    Half go to random coalitions (each with its own rate of presence, uniform in 0…1), a quarter to each curve.
    """
    if calls < FEWEST:
        raise MethodError(f"Expected at least {FEWEST} calls for a check, got calls={calls}.")
    rng = np.random.default_rng([seed, 0xC4EC])
    evaluator = Evaluator(game)
    held_out, seen = _held_out(played, game.features, calls // 2, rng)
    real = _whole(game, evaluator, held_out, rng)
    predicted = reading.predict(held_out)
    removal, share = _removal(reading.sequence, calls // 4)
    deletion = _whole(game, evaluator, ~removal, rng)
    insertion = _whole(game, evaluator, removal, rng)
    return Check(
        rank_correlation=spearman(predicted, real),
        r_squared=_r_squared(predicted, real),
        gap=gap,
        held_out=len(held_out),
        seen=seen,
        calls=evaluator.scored,
        deletion=np.column_stack([share, deletion]),
        insertion=np.column_stack([share, insertion]),
    )


def convergence(sequence: NDArray[np.float64], errors: NDArray[np.float64]) -> float | None:
    """Largest standard error over the range of attributions: 0 when exact; None while either is not known.

    Covert and Lee 2021 (arXiv:2012.01536, section 3.4) stop sampling where it falls below a threshold.
    """
    if not (np.isfinite(sequence).all() and np.isfinite(errors).all()) or len(sequence) == 0:
        return None
    largest, span = float(errors.max()), float(np.ptp(sequence))
    if largest == 0:
        return 0.0
    return largest / span if span > 0 else None


def doubts(
    reading: Additive,
    played: tuple[Coalitions, NDArray[np.float64]],
    *,
    gap: float | None,
    change: float,
    converged: float | None,
    certain: str,
) -> tuple[str, ...]:
    """Why not to trust these attributions, in plain sentences, as far as can be told without a model call.

    played: coalitions and the values of the target as a whole that the attributions were made from; change: largest
    |v(all) - v(none)|; converged: see `convergence`; certain: see `certainty`.
    """
    if not np.isfinite(reading.sequence).all():
        return (TOO_LITTLE,)
    found: list[str] = []
    if gap is not None and gap > GAP_TRUSTED * change:
        found.append(f"the numbers miss v(all) - v(none) by up to {gap:.3g}, of {change:.3g}: take more steps")
    if converged is None or converged > CONVERGED:
        share = "as large as" if converged is None else f"up to {100 * converged:.0f}% of"
        known = certain != UNKNOWN_ERROR
        found.append(f"standard errors are {share} the range of attributions: play more" if known else UNKNOWN_ERROR)
    coalitions, values = played
    if len(coalitions) >= 2 * coalitions.shape[1] + 2:
        explained = _r_squared(reading.predict(coalitions), values)
        if explained < R_SQUARED_TRUSTED:
            found.append(
                f"features interact: added up, the numbers explain {100 * max(explained, 0):.0f}% of what was played"
            )
    return tuple(found)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's rank correlation; NaN when either side is constant."""
    ranks = _ranks(one), _ranks(other)
    spread = float(np.std(ranks[0]) * np.std(ranks[1]))
    if spread == 0:
        return float("nan")
    return float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / spread)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1 on; equal values share the mean of theirs. All NaN where one is."""
    if np.isnan(values).any():
        return np.full(values.shape, np.nan)
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(sizes) - (sizes - 1) / 2)[group]


def _r_squared(predicted: NDArray[np.float64], real: NDArray[np.float64]) -> float:
    variance = float(np.var(real))
    return 1 - float(np.mean((real - predicted) ** 2)) / variance if variance > 0 else float("nan")


def _held_out(played: Coalitions, features: int, count: int, rng: np.random.Generator) -> tuple[Coalitions, int]:
    """Random coalitions, those that were not played first, and how many of them had been played."""
    known = {row.tobytes() for row in played}
    drawn = rng.random((20 * count, features)) < rng.random((20 * count, 1))
    fresh: dict[bytes, NDArray[np.bool_]] = {}
    old: dict[bytes, NDArray[np.bool_]] = {}
    for row in drawn:
        (old if row.tobytes() in known else fresh)[row.tobytes()] = row
    chosen = [*list(fresh.values())[:count], *list(old.values())[: max(0, count - len(fresh))]]
    return np.stack(chosen), len(chosen) - min(count, len(fresh))


def _removal(sequence: NDArray[np.float64], steps: int) -> tuple[Coalitions, NDArray[np.float64]]:
    """Which features are taken at each step, the highest attribution first; and their share of all."""
    features = len(sequence)
    order = np.argsort(-np.nan_to_num(sequence), kind="stable")
    counts = np.unique(np.linspace(0, features, min(steps, features + 1)).round().astype(int))
    taken = np.zeros((len(counts), features), dtype=bool)
    for row, count in enumerate(counts):
        taken[row, order[:count]] = True
    return taken, counts / features


def _whole(game: Game, evaluator: Evaluator, coalitions: Coalitions, rng: np.random.Generator) -> NDArray[np.float64]:
    return game.value(evaluator.play(coalitions, rng, lambda: False))[:, -1]
