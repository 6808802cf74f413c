"""The linear models that stand in for scikit-learn's, held against scikit-learn's own."""

from __future__ import annotations

import pytest
import torch
from captum._utils.models.linear_model import SGDLasso, SkLearnLasso, SkLearnLinearRegression, SkLearnRidge
from torch.utils.data import DataLoader, TensorDataset

from llm_attr_widget.captum.linear import Linear, model_for


@pytest.fixture
def samples():
    """Coalitions with weights of several magnitudes, in batches."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 2, (40, 5), generator=generator).float()
    y = x @ torch.tensor([3.0, -2.0, 0.05, 1.0, 0.0]) - 4 + torch.randn(40, generator=generator)
    weights = torch.rand(40, generator=generator) ** 3 * 10
    return DataLoader(TensorDataset(x, y, weights), batch_size=7)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda: SkLearnLasso(alpha=0.2),
        SkLearnLasso,
        lambda: SkLearnRidge(alpha=7.0),
        SkLearnRidge,
        SkLearnLinearRegression,
    ],
    ids=["lasso", "lasso by default", "ridge", "ridge by default", "least squares"],
)
def test_they_are_scikit_learns(samples, wanted, monkeypatch):
    sklearns = wanted()
    sklearns.fit(samples)
    monkeypatch.setattr("llm_attr_widget.captum.linear.find_spec", lambda _: None)
    ours = model_for(wanted())
    assert isinstance(ours, Linear)
    ours.fit(samples)
    torch.testing.assert_close(ours.representation(), sklearns.representation().reshape(1, -1), atol=1e-4, rtol=1e-4)
    new = torch.eye(5)
    torch.testing.assert_close(ours(new).float(), sklearns(new).detach().reshape(-1), atol=1e-4, rtol=1e-4)


def test_models_that_need_no_scikit_learn_and_those_that_have_it_are_left_alone(monkeypatch):
    lasso, descent = SkLearnLasso(alpha=0.1), SGDLasso()
    assert model_for(lasso) is lasso
    monkeypatch.setattr("llm_attr_widget.captum.linear.find_spec", lambda _: None)
    assert model_for(descent) is descent
