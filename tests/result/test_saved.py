"""Files saved by earlier versions still load. Those in saved/ were written by version 0.1.0: never write them anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget import Attribution, load_ledger

SAVED = Path(__file__).parent / "saved"
RESULTS = ("text", "contrast", "gradients", "image")


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_saved_by_0_1_0_loads_with_its_numbers(name: str) -> None:
    result = Attribution.load(SAVED / f"{name}.npz")
    with np.load(SAVED / f"{name}.npz") as file:
        header = json.loads(str(file["header"]))
        for numbers in ("values", "standard_errors", "sequence", "sequence_errors", "ends", "sequence_ends"):
            np.testing.assert_array_equal(getattr(result, numbers), file[numbers])
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
