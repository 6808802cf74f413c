"""Kriging of many pairs goes through them in parts: the numbers are those of all at once."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.methods import KernelShap
from llm_attr_widget.methods.base import fit
from llm_attr_widget.methods.fits import kriging


@pytest.mark.parametrize(("features", "budget"), [(7, 80), (12, 900)])
def test_parts_change_nothing(features: int, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    method = KernelShap(budget=budget)
    played = np.vstack(list(method.design(features, np.random.default_rng(0))))
    values = np.random.default_rng(1).normal(size=(len(played), 3))
    whole = fit(method, played, values)
    monkeypatch.setattr(kriging, "_AT_ONCE", 7)
    parts = fit(method, played, values)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-12)
    np.testing.assert_allclose(parts.standard_errors, whole.standard_errors, atol=1e-12)
