"""Trials: independent repetitions of a method's design, with baselines and coalitions drawn anew, and their mean."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.values import Value
from llm_attr_widget.methods.base import student_inflation
from llm_attr_widget.types import Coalitions, Estimate, Fold, Method, Values


class Trials:
    """Fits every trial on its own and averages them, weighted by how much of each was played.

    Standard errors of the mean: from the spread between trials where baselines are sampled (`random`) and two trials
    or more are there, since a trial's own band does not see that its baselines were drawn; else from the trials' own
    errors, which are independent. Where nothing is drawn but coalitions, a `pooled` method
    fits those of all trials at once, which is better than the mean and does not repeat the bias of a regression.

    More may be added by one thread while another one estimates: what comes meanwhile waits for the next estimate.
    """

    def __init__(self, method: Method, features: int, outputs: int, *, random: bool) -> None:
        self._method = method
        self._shape = (features, outputs)
        self._random = random
        self._pooled = not random and getattr(method, "pooled", False)
        self._folds: dict[int, Fold] = {}
        self._rows: dict[int, int] = {}
        self._waiting: deque[tuple[int, Coalitions, Values]] = deque()

    def add(self, trial: int, coalitions: Coalitions, values: Values) -> None:
        """coalitions: `(coalitions, features)`; values: `(coalitions, outputs)`."""
        self._waiting.append((trial, coalitions, values))

    def estimate(self) -> Estimate | None:
        """`(outputs, features)`; None while no trial can say anything."""
        while self._waiting:
            self._fold(*self._waiting.popleft())
        told = [(self._rows[trial], fold.estimate()) for trial, fold in self._folds.items()]
        known = [(rows, estimate) for rows, estimate in told if estimate is not None]
        if not known:
            return None
        if len(known) == 1:
            return known[0][1]
        weights = np.array([rows for rows, _ in known], dtype=np.float64)
        weights /= weights.sum()
        values = np.stack([estimate.values for _, estimate in known])
        mean = np.einsum("t,tof->of", weights, values)
        if self._random:
            return Estimate(mean, _spread(weights, values, mean))
        own = np.stack([estimate.standard_errors for _, estimate in known])
        return Estimate(mean, np.sqrt(np.einsum("t,tof->of", weights**2, own**2)))

    def _fold(self, trial: int, coalitions: Coalitions, values: Values) -> None:
        number = 0 if self._pooled else trial
        if number not in self._folds:
            self._folds[number] = self._method.fold(*self._shape)
            self._rows[number] = 0
        self._folds[number].add(coalitions, values)
        self._rows[number] += len(coalitions)


def _spread(
    weights: NDArray[np.float64], values: NDArray[np.float64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standard error of a weighted mean from the spread of its terms, widened by Student's t.

    With equal weights that is sd / sqrt(trials) times the quotient of quantiles that `student_inflation` gives.
    """
    scatter = np.einsum("t,tof->of", weights**2, (values - mean) ** 2)
    trials = len(weights)
    return np.sqrt(scatter * trials / (trials - 1)) * student_inflation(np.array(trials - 1.0))


def refit(ledger: Ledger, method: Method, value: Value, *, random: bool) -> Estimate | None:
    """The estimate of any method and value function from what was played. Costs no model call."""
    trials: Trials | None = None
    for trial, coalitions, log_probs in ledger.by_trial():
        values = value(log_probs)
        trials = trials or Trials(method, coalitions.shape[1], values.shape[1], random=random)
        trials.add(trial, coalitions, values)
    return trials.estimate() if trials is not None else None


def ends(ledger: Ledger, value: Value) -> NDArray[np.float64]:
    """v(all) and v(none) of each output and of the whole, `(outputs + 1, 2)`; NaN for what was not played."""
    columns: list[NDArray[np.float64]] = []
    for rows in (ledger.coalitions.all(axis=1), ~ledger.coalitions.any(axis=1)):
        played = value(ledger.log_probs[rows]) if rows.any() else None
        columns.append(played.mean(axis=0) if played is not None else np.full(value(_none(ledger)).shape[1], np.nan))
    return np.column_stack(columns)


def _none(ledger: Ledger) -> NDArray[np.float32]:
    return np.empty((0, ledger.log_probs.shape[1]), dtype=np.float32)
