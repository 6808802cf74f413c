"""Runs over table games: events, trials, resume, stop; and the attribution that is left."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from llm_attr_widget.engine.plan import Plan, plan
from llm_attr_widget.engine.play import play
from llm_attr_widget.engine.run import attribute, run
from llm_attr_widget.errors import LedgerError, MethodError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Prob
from llm_attr_widget.methods import ExactShapley, KernelShap, Lime, PermutationShapley
from llm_attr_widget.methods.registry import COALITION_METHODS, make_method
from llm_attr_widget.types import Method
from tests.support import BitsInput, table, table_game, table_model

STUDENT_11 = 2.200985160 / 1.959963985  # 97.5% quantiles of Student's t with 11 degrees of freedom, and of the normal


def ready(method: Method, *, features: int = 5, tokens: int = 3, trials: int = 1, **game: object) -> Plan:
    return Plan(table_game(features, tokens, **game)[0], method, trials, 0, "table", "word")  # type: ignore[arg-type]


def shapley_by_hand(values: np.ndarray, features: int) -> np.ndarray:
    """Mean marginal contribution over all orders; values: (2 ** features, outputs) → (outputs, features)."""
    total = np.zeros((values.shape[1], features))
    orders = list(permutations(range(features)))
    for order in orders:
        row = 0
        for feature in order:
            total[:, feature] += values[row + 2**feature] - values[row]
            row += 2**feature
    return total / len(orders)


def last(ready: Plan, **options: object):
    return list(play(ready, **options))[-1].attribution  # type: ignore[arg-type]


def test_exact_shapley_is_the_mean_over_all_orders_for_tokens_and_sequence() -> None:
    result = last(ready(ExactShapley()))
    values = table(5, 3).astype(float)
    np.testing.assert_allclose(result.values, shapley_by_hand(values, 5), atol=1e-9)
    np.testing.assert_allclose(result.sequence, shapley_by_hand(values.sum(axis=1, keepdims=True), 5)[0], atol=1e-9)
    assert result.gap == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(result.ends, np.column_stack([values[-1], values[0]]))
    assert result.phase == "finished"


def test_probabilities_are_explained_as_probabilities() -> None:
    result = last(ready(ExactShapley(), value=Prob()))
    values = np.exp(table(5, 3).astype(float))
    np.testing.assert_allclose(result.values, shapley_by_hand(values, 5), atol=1e-7)
    np.testing.assert_allclose(result.sequence, shapley_by_hand(values.prod(axis=1, keepdims=True), 5)[0], atol=1e-7)


def test_a_span_is_the_sum_of_its_rows_with_errors_of_its_own() -> None:
    result = last(ready(KernelShap(budget=24)))
    span = result.span(0, 2)
    np.testing.assert_allclose(span.values[0], result.values[:2].sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(span.ends, result.ends[:2].sum(axis=0, keepdims=True), atol=1e-5)
    assert span.outputs == (" t0 t1",)
    with pytest.raises(ValueError, match="0 <= start < stop <= 3"):
        result.span(2, 4)


def test_another_method_fits_the_same_coalitions() -> None:
    result = last(ready(ExactShapley()))
    refit = result.refit(Lime(budget=32))
    assert refit.label == "LIME weight"
    assert refit.values.shape == result.values.shape
    assert not np.allclose(refit.values, result.values)


def test_events_begin_empty_grow_and_end_once() -> None:
    events = list(play(ready(PermutationShapley(budget=200), features=8), seconds_per_update=0))
    assert np.isnan(events[0].attribution.values).all()
    calls = [event.calls for event in events]
    assert calls == sorted(calls)
    assert calls[0] == 0
    assert calls[-1] <= events[-1].planned
    assert [event.phase for event in events[-2:]] == ["running", "finished"]
    assert len(events) > 5


def test_how_often_one_looks_does_not_change_the_numbers() -> None:
    often = list(play(ready(KernelShap(budget=100), features=8), seconds_per_update=0))
    seldom = list(play(ready(KernelShap(budget=100), features=8), seconds_per_update=60))
    assert len(often) > len(seldom)
    np.testing.assert_allclose(often[-1].attribution.values, seldom[-1].attribution.values, atol=1e-9)


def test_trials_are_averaged_and_their_spread_is_the_error() -> None:
    result = last(ready(ExactShapley(), features=4, trials=12, random=True))
    each = [
        result.refit(ExactShapley()).values if trial is None else last_of_trial(result, trial) for trial in range(12)
    ]
    np.testing.assert_allclose(result.values, np.mean(each, axis=0), atol=1e-9)
    np.testing.assert_allclose(result.standard_errors, STUDENT_11 * np.std(each, axis=0, ddof=1) / np.sqrt(12))
    assert (result.standard_errors > 0).all()


def last_of_trial(result, trial: int) -> np.ndarray:
    rows = result.ledger.trials == trial
    by_row = {
        sum(2**i for i in np.flatnonzero(c)): v
        for c, v in zip(result.ledger.coalitions[rows], result.ledger.log_probs[rows].astype(float), strict=True)
    }
    return shapley_by_hand(np.stack([by_row[row] for row in range(16)]), 4)


def test_a_stop_keeps_what_there_is() -> None:
    looks = iter([False] * 6 + [True] * 99)
    result = last(ready(KernelShap(budget=400), features=10), cancelled=lambda: next(looks), seconds_per_update=0)
    assert result.phase == "stopped"
    assert 0 < result.provenance.calls < 400
    assert np.isfinite(result.values).all()


def test_a_ledger_of_another_game_is_refused() -> None:
    log_probs = table(3, 2)
    target = Target((0, 1), ("a", "b"))
    ledger = last(ready(ExactShapley())).ledger
    with pytest.raises(LedgerError, match="another game"):
        plan(table_model(log_probs, 3), None, BitsInput(3), target, resume=ledger)


def test_attribute_drains_the_run() -> None:
    model = table_model(table(4, 2), 4)
    target = Target((0, 1), ("a", "b"))
    result = attribute(model, None, BitsInput(4), target, method="exact_shapley", progress=False)
    *_, event = run(model, None, BitsInput(4), target, method="exact_shapley")
    np.testing.assert_array_equal(result.values, event.attribution.values)
    frame = result.to_dataframe()
    assert list(frame.columns) == ["output", "output_text", "feature", "feature_text", "value", "standard_error"]
    assert frame.loc[(frame.output == 1) & (frame.feature == 2), "value"].item() == result.values[1, 2]
    assert "Shapley value of 4 features for 'ab'" in repr(result)


def test_bad_arguments_are_told_before_anything_is_played() -> None:
    model = table_model(table(4, 2), 4)
    target = Target((0,), ("a",))
    with pytest.raises(MethodError, match="at least one trial"):
        attribute(model, None, BitsInput(4), target, trials=0)
    with pytest.raises(MethodError, match="shapely"):
        attribute(model, None, BitsInput(4), target, method="shapely")
    with pytest.raises(MethodError, match="budget to the method itself"):
        attribute(model, None, BitsInput(4), target, method=ExactShapley(), budget=9)
    assert not model.asked


class SlowFold:
    """A fit that takes ten seconds by its clock; playing takes one for each coalition."""

    def __init__(self, fold, seconds: list[float]) -> None:
        self._fold, self._seconds, self.fits = fold, seconds, 0

    def add(self, coalitions, values) -> None:
        self._seconds[0] += len(coalitions)
        self._fold.add(coalitions, values)

    def estimate(self):
        self.fits += 1
        self._seconds[0] += 10.0
        return self._fold.estimate()


def test_what_fits_cost_stays_small_beside_what_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often there could be an event: or refitting all that was played after each block would be quadratic."""
    seconds, folds = [0.0], []
    make = KernelShap.fold

    def fold(self, features, outputs):
        folds.append(SlowFold(make(self, features, outputs), seconds))
        return folds[-1]

    monkeypatch.setattr(KernelShap, "fold", fold)
    events = list(play(ready(KernelShap(budget=2000), features=11), seconds_per_update=0, clock=lambda: seconds[0]))
    assert folds[0].fits <= 2 + 2000 / 400
    assert len(events) > 4
    assert events[-1].calls == 2000


@pytest.mark.parametrize("name", [entry.name for entry in COALITION_METHODS])
def test_every_method_streams_each_token_and_the_sequence(name: str) -> None:
    events = list(play(ready(make_method(name), features=8), seconds_per_update=0))  # type: ignore[arg-type]
    told = [event.attribution for event in events if np.isfinite(event.attribution.values).any()]
    assert len(told) >= 3
    assert told[-1].values.shape == told[-1].standard_errors.shape == (3, 8)
    assert np.isfinite(told[-1].values).all()
    assert np.isfinite(told[-1].sequence_standard_errors).all()
    if "sparse" not in name:
        np.testing.assert_allclose(told[-1].sequence, told[-1].values.sum(axis=0), atol=1e-5)
