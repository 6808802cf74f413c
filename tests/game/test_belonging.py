"""A ledger is resumed with the game and the model that it was played with, whole, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget import Attribution, attribute, load_ledger
from llm_attr_widget.engine.extend import further
from llm_attr_widget.engine.play import play
from llm_attr_widget.errors import LedgerError
from llm_attr_widget.game.belonging import game_print
from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.methods import KernelShap
from llm_attr_widget.types import Coalitions, Prompt
from tests.support import BitsInput, FunctionModel, table, table_game, table_model

TARGET = Target((0, 1), ("a", "b"))
SAVED = Path(__file__).parent.parent / "result" / "saved"


class Told(FunctionModel):
    """A model that says which one it is."""

    def __init__(self, weights: int) -> None:
        super().__init__(table_model(table(5, 2, seed=weights), 5)._log_probs)
        self.weights = weights

    @property
    def fingerprint(self) -> str:
        return f"weights {self.weights}"


@dataclass(frozen=True)
class Shifted(BitsInput):
    """The same features and baseline, made into other ids: another tokenizer, or another template around them."""

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        return [Prompt((*prompt.ids, 999)) for prompt in super().render(coalitions, rng)]


def played(model: FunctionModel, **options: object) -> Attribution:
    return attribute(model, None, BitsInput(5), TARGET, method=KernelShap(budget=16), progress=False, **options)  # type: ignore[arg-type]


def test_game_prints_tell_games_apart() -> None:
    one, _ = table_game(4, 2)
    assert game_print(one) == game_print(table_game(4, 2, seed=9)[0])
    others = [table_game(5, 2)[0], table_game(4, 3)[0], table_game(4, 2, random=True)[0]]
    others += [replace(one, input=Shifted(4)), replace(one, scorer=Told(1)), replace(one, scorer=Told(2))]
    assert len({game_print(game) for game in (one, *others)}) == 7


def test_another_models_ledger_is_refused() -> None:
    ledger = played(Told(1)).ledger
    np.testing.assert_allclose(played(Told(1), resume=ledger).values, played(Told(1)).values, atol=1e-9)
    with pytest.raises(LedgerError, match="another model: its weights"):
        played(Told(2), resume=ledger)


def test_another_encoding_is_refused() -> None:
    model = Told(1)
    with pytest.raises(LedgerError, match="tokenizer, its chat template"):
        attribute(model, None, Shifted(5), TARGET, resume=played(model).ledger, progress=False)


def test_a_model_that_changed_between_two_runs_is_not_extended() -> None:
    model = Told(1)
    result = played(model)
    model.weights = 2
    with pytest.raises(LedgerError, match="changed since"):
        list(play(further(result)))


def broken(ledger: Ledger) -> dict[str, Ledger]:
    scores = ledger.log_probs.copy()
    nan, infinite = scores.copy(), scores.copy()
    nan[3, 1], infinite[0, 0] = np.nan, -np.inf
    return {
        "1 of 32 are NaN or infinite": replace(ledger, log_probs=nan),
        "NaN or infinite": replace(ledger, log_probs=infinite),
        r"keys of shape \(16, 16\), got \(10, 16\)": replace(ledger, keys=ledger.keys[:10]),
        r"keys of shape": replace(ledger, keys=ledger.keys[:, :8]),
        r"log_probs of shape \(16, 2\), got \(16, 1\)": replace(ledger, log_probs=scores[:, :1]),
        r"log_probs of shape": replace(ledger, log_probs=scores[:-1]),
        r"trials of shape": replace(ledger, trials=ledger.trials[1:]),
        r"coalitions of shape": replace(ledger, coalitions=ledger.coalitions[:, :4]),
    }


def test_a_ledger_that_no_run_leaves_behind_is_refused() -> None:
    ledger = played(Told(1)).ledger
    for said, wrong in broken(ledger).items():
        with pytest.raises(LedgerError, match=said):
            played(Told(1), resume=wrong)


def test_a_damaged_file_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    ledger = played(Told(1)).ledger
    for name in ("keys", "trials", "log_probs"):
        replace(ledger, **{name: getattr(ledger, name)[:-1]}).save(tmp_path / "cut.npz")
        with pytest.raises(LedgerError, match=f"its {name} of shape"):
            load_ledger(tmp_path / "cut.npz")
    replace(ledger, log_probs=ledger.log_probs[:, 0]).save(tmp_path / "flat.npz")
    with pytest.raises(LedgerError, match="its log_probs"):
        load_ledger(tmp_path / "flat.npz")


def test_a_ledger_of_0_1_0_loads_but_is_not_resumed_from() -> None:
    ledger = load_ledger(SAVED / "text_ledger.npz")
    features, tokens = ledger.coalitions.shape[1], ledger.log_probs.shape[1]
    target = Target(tuple(range(tokens)), tuple(f" t{i}" for i in range(tokens)))
    model = FunctionModel(lambda _, target: [-1.0] * len(target))
    with pytest.raises(LedgerError, match=r"does not say which model.*0\.1\.0"):
        attribute(model, None, BitsInput(features), target, resume=ledger, progress=False)


def test_a_model_without_a_fingerprint_is_resumed_with_a_doubt() -> None:
    model = table_model(table(5, 2, seed=1), 5)
    ledger = played(model).ledger
    again = played(model, resume=ledger)
    (doubt,) = [doubt for doubt in again.doubts if "fingerprint" in doubt]
    assert "FunctionModel" in doubt
    assert doubt in str(again.status)
    assert not any("fingerprint" in doubt for doubt in played(model).doubts)
    known = Told(1)
    assert not any("fingerprint" in doubt for doubt in played(known, resume=played(known).ledger).doubts)
