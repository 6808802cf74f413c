"""Ledgers come back from disk as they were, and say so when they can't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget.errors import LedgerError
from llm_attr_widget.game.ledger import KEY_BYTES, UNUSED, Ledger, LedgerWriter, load_ledger


def keys(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.integers(256, size=(rows, KEY_BYTES), dtype=np.uint8)


def test_survives_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    writer = LedgerWriter(11, 3, "game")
    for trial in range(3):
        writer.append(rng.random((50, 11)) < 0.5, rng.normal(size=(50, 3)).astype(np.float32), keys(rng, 50), trial)
    ledger = writer.snapshot()
    ledger.save(tmp_path / "run.npz")
    back = load_ledger(tmp_path / "run.npz")
    np.testing.assert_array_equal(back.coalitions, ledger.coalitions)
    np.testing.assert_array_equal(back.log_probs, ledger.log_probs)
    np.testing.assert_array_equal(back.trials, np.repeat([0, 1, 2], 50))
    np.testing.assert_array_equal(back.keys, ledger.keys)
    assert back.game == "game"


def test_snapshots_do_not_change_as_the_ledger_grows() -> None:
    rng = np.random.default_rng(0)
    writer = LedgerWriter(2, 1, "game")
    writer.append(np.ones((60, 2), dtype=bool), np.ones((60, 1), np.float32), keys(rng, 60), 0)
    before = writer.snapshot()
    writer.append(np.zeros((60, 2), dtype=bool), np.zeros((60, 1), np.float32), keys(rng, 60), 1)
    assert len(before) == 60
    assert before.coalitions.all()
    assert len(writer.snapshot()) == 120


def test_another_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(LedgerError, match="Expected a ledger saved by"):
        load_ledger(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(LedgerError, match="could not be read"):
        load_ledger(tmp_path / "text.npz")


def test_rows_that_no_estimate_used_belong_to_no_trial() -> None:
    writer = LedgerWriter(2, 1, "game")
    for trial in (0, UNUSED, 1):
        writer.append(np.ones((3, 2), dtype=bool), np.ones((3, 1), np.float32), np.zeros((3, KEY_BYTES)), trial)
    ledger = writer.snapshot()
    assert isinstance(ledger, Ledger)
    assert [(trial, len(rows)) for trial, rows, _ in ledger.by_trial()] == [(0, 3), (1, 3)]
    assert len(ledger) == 9
