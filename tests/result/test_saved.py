"""Files saved by earlier versions still load. Those in saved/ were written by version 0.1.0: never write them anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget import Attribution, Ledger, LedgerError, load_ledger

SAVED = Path(__file__).parent / "saved"
RESULTS = ("text", "contrast", "gradients", "image")


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_saved_by_0_1_0_loads_with_its_numbers(name: str) -> None:
    result = Attribution.load(SAVED / f"{name}.npz")
    with np.load(SAVED / f"{name}.npz") as file:
        header = json.loads(str(file["header"]))
        for numbers in ("values", "standard_errors", "sequence", "ends", "sequence_ends"):
            np.testing.assert_array_equal(getattr(result, numbers), file[numbers])
        np.testing.assert_array_equal(result.sequence_standard_errors, file["sequence_errors"])
    assert result.provenance.planned == header["provenance"]["budget"]
    assert type(result.method).__name__ == header["method"]["name"]
    assert type(result.value).__name__ == header["value"]["name"]
    assert result.features == tuple(header["features"])
    assert (result.picture is None) == (name != "image")
    assert (result.against is None) == (name != "contrast")


@pytest.mark.parametrize("name", [name for name in RESULTS if name != "gradients"])
def test_its_ledger_can_be_fitted_again(name: str) -> None:
    result = Attribution.load(SAVED / f"{name}.npz")
    again = result.refit(result.method)
    np.testing.assert_allclose(again.ends, result.ends, atol=1e-5)
    assert again.outputs == result.outputs
    if again.adds_up:
        np.testing.assert_allclose(again.values.sum(axis=1), again.ends[:, 0] - again.ends[:, 1], atol=1e-4)


def test_a_ledger_saved_by_0_1_0_loads() -> None:
    ledger, result = load_ledger(SAVED / "text_ledger.npz"), Attribution.load(SAVED / "text.npz")
    np.testing.assert_array_equal(ledger.coalitions, result.ledger.coalitions)
    np.testing.assert_array_equal(ledger.log_probs, result.ledger.log_probs)


def test_a_result_of_0_1_0_saved_again_has_todays_names(tmp_path: Path) -> None:
    old = Attribution.load(SAVED / "contrast.npz")
    old.save(tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as file:
        names, header = set(file.files), json.loads(str(file["header"]))
    assert "sequence_standard_errors" in names
    assert "sequence_errors" not in names
    assert "planned" in header["provenance"]
    assert "budget" not in header["provenance"]
    again = Attribution.load(tmp_path / "again.npz")
    assert again.provenance == old.provenance
    assert (again.target, again.against, again.value) == (old.target, old.against, old.value)


@pytest.mark.parametrize(("name", "kind"), [("text_ledger", Attribution), ("text", Ledger)])
def test_a_ledger_is_no_result_and_a_result_no_ledger(name: str, kind: type[Attribution] | type[Ledger]) -> None:
    with pytest.raises(LedgerError, match=r"Expected a .* saved by \w+\.save at .*but the file is something else"):
        kind.load(SAVED / f"{name}.npz")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize(("name", "kind"), [("text", Attribution), ("text_ledger", Ledger)])
def test_a_file_cut_short_is_said_to_be_unreadable(
    name: str, kind: type[Attribution] | type[Ledger], share: float, tmp_path: Path
) -> None:
    whole = (SAVED / f"{name}.npz").read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(LedgerError, match="could not be read"):
        kind.load(path)


def test_a_stretch_of_the_target_can_be_saved(tmp_path: Path) -> None:
    part = Attribution.load(SAVED / "text.npz").span(0, 1)
    part.save(tmp_path / "part.npz")
    again = Attribution.load(tmp_path / "part.npz")
    assert again.value == part.value
    np.testing.assert_array_equal(again.sequence_standard_errors, part.sequence_standard_errors)
