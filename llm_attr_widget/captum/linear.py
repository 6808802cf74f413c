"""LIME's and KernelSHAP's linear models where scikit-learn is not installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from captum._utils.models.linear_model import SkLearnLasso, SkLearnLinearRegression, SkLearnRidge
from captum._utils.models.model import Model

from llm_attr_widget.methods.fits.lasso import Gram, lasso


class Linear(Model):
    """Weighted least squares with a free intercept, as scikit-learn's class of the same options.

    l1: minimises Σ w r² / (2 Σ w) + l1 Σ|β|; l2: minimises Σ w r² + l2 Σ β².
    """

    def __init__(self, *, l1: float = 0.0, l2: float = 0.0) -> None:
        self._l1 = l1
        self._l2 = l2
        self._weights = np.zeros(0)
        self._intercept = 0.0

    def fit(self, train_data: Any, **_: object) -> None:
        batches = list(train_data)
        features, values, weights = (
            torch.cat([batch[i] for batch in batches]).double().cpu().numpy() for i in range(3)
        )
        values, weights = values.reshape(-1), weights.reshape(-1)
        share = weights / weights.sum()
        centre, level = share @ features, float(share @ values)
        x, y = features - centre, values - level
        moments = (x * share[:, None]).T @ y
        if self._l1 > 0:
            gram = Gram(x * np.sqrt(share)[:, None])
            self._weights = lasso(gram, moments[None], np.array([self._l1]), np.zeros((1, len(moments))))[0]
        else:
            ridge = (x * share[:, None]).T @ x + self._l2 / weights.sum() * np.eye(len(moments))
            self._weights = np.linalg.lstsq(ridge, moments, rcond=None)[0]
        self._intercept = level - float(centre @ self._weights)

    def representation(self) -> torch.Tensor:
        return torch.from_numpy(self._weights).float()[None]

    def __call__(self, x: Any) -> torch.Tensor:
        return x.double() @ torch.from_numpy(self._weights) + self._intercept


def model_for(wanted: Any) -> Any:
    """The linear model that was asked for, or ours in its place where it needs scikit-learn and there is none."""
    if find_spec("sklearn") is not None:
        return wanted
    strength = float(getattr(wanted, "construct_kwargs", {}).get("alpha", 1.0))
    if isinstance(wanted, SkLearnLasso):
        return Linear(l1=strength)
    if isinstance(wanted, SkLearnRidge):
        return Linear(l2=strength)
    return Linear() if isinstance(wanted, SkLearnLinearRegression) else wanted
