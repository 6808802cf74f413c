"""Unknown is not exact: where a standard error is NaN, every place says so."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.methods import ExactShapley, KernelShap, PermutationShapley
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.certainty import band, certainty
from llm_attr_widget.types import Method
from tests.support import BitsInput, table, table_model

SAID = "error not known, play more"


def played(method: Method) -> Attribution:
    target = Target((0, 1), ("a", "b"))
    return attribute(table_model(table(6, 2), 6), None, BitsInput(6), target, method=method, progress=False)


@pytest.fixture(scope="module")
def unknown() -> Attribution:
    """One pair of orders has no spread to tell an error by."""
    return played(PermutationShapley(budget=12))


def test_words_for_each_kind_of_error() -> None:
    nan, zero, some = np.array([0.1, np.nan]), np.zeros(2), np.array([0.0, 0.25])
    assert [certainty(errors, "nats") for errors in (nan, zero, some)] == [
        SAID,
        "exact",
        "standard error up to 0.25 nats",
    ]
    assert [band(error) for error in (np.nan, 0.0, 0.25)] == [f" ({SAID})", "", " ± 0.250"]


def test_an_unknown_error_is_said_everywhere(unknown: Attribution) -> None:
    assert unknown.certainty == SAID
    assert SAID in unknown.doubts
    assert repr(unknown).count(SAID) == 4  # three features on top, and the doubt
    assert unknown.to_dataframe()["standard_error"].isna().all()
    assert unknown.to_csv().count("nan") == 12
    assert SAID in unknown.plot_seq_attr().axes[0].get_ylabel()
    assert any(SAID in axes.get_ylabel() for axes in unknown.plot_token_attr().axes)


@pytest.mark.parametrize("method", [ExactShapley(), KernelShap(budget=40)], ids=repr)
def test_a_known_error_is_not_called_unknown(method: Method) -> None:
    result = played(method)
    assert result.certainty == "exact" if isinstance(method, ExactShapley) else "up to" in result.certainty
    assert SAID not in repr(result)
    assert SAID not in "".join(result.doubts)
    assert SAID not in result.plot_seq_attr().axes[0].get_ylabel()
