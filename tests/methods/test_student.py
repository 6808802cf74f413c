"""Quantiles of Student's t: against tables, SciPy, and the normal distribution in the limit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from llm_attr_widget.methods.fits.student import quantile


def test_they_are_scipys_for_any_degrees_and_probabilities() -> None:
    degrees = np.concatenate([np.linspace(1, 12, 45), np.geomspace(12, 1e14, 60), [999.99, 1000.0, 1e12]])
    for p in (0.5, 0.6, 0.9, 0.975, 0.999):
        # SciPy's own digits end at about 1e-8 for many degrees.
        np.testing.assert_allclose(quantile(degrees, p), stdtrit(degrees, p), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(("degrees", "value"), [(1, 12.7062047), (2, 4.3026527), (5, 2.5705818), (30, 2.0422725)])
def test_they_are_those_of_printed_tables(degrees: float, value: float) -> None:
    assert float(quantile(np.array(float(degrees)), 0.975)) == pytest.approx(value, abs=1e-7)


def test_they_have_the_shape_of_what_was_asked() -> None:
    assert quantile(np.array(3.0), 0.975).shape == ()
    assert quantile(np.full((2, 3), 3.0), 0.975).shape == (2, 3)
    assert np.isnan(quantile(np.array([np.nan, 4.0]), 0.975)).tolist() == [True, False]


def test_the_series_for_many_degrees_goes_on_where_the_formula_for_few_ends() -> None:
    few, many = quantile(np.array([1000 - 1e-9, 1000.0]), 0.975)
    assert many == pytest.approx(few, rel=1e-11)
