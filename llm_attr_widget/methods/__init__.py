"""How attributions come out of a game: `design` says which coalitions to play, `fold` fits what was played."""

from __future__ import annotations

from llm_attr_widget.methods.ablation import AddOneIn, LeaveOneOut
from llm_attr_widget.methods.banzhaf import Banzhaf
from llm_attr_widget.methods.base import fit
from llm_attr_widget.methods.gradients import (
    LayerGradientShap,
    LayerGradientXActivation,
    LayerIntegratedGradients,
)
from llm_attr_widget.methods.kernel_shap import KernelShap
from llm_attr_widget.methods.lime import Lime
from llm_attr_widget.methods.owen import Groups, Owen
from llm_attr_widget.methods.permutation import PermutationShapley
from llm_attr_widget.methods.registry import COALITION_METHODS, GRADIENT_METHODS, METHODS, Entry, make_method
from llm_attr_widget.methods.shapley import ExactShapley
from llm_attr_widget.methods.sparse import Sparse

__all__ = [
    "COALITION_METHODS",
    "GRADIENT_METHODS",
    "METHODS",
    "AddOneIn",
    "Banzhaf",
    "Entry",
    "ExactShapley",
    "Groups",
    "KernelShap",
    "LayerGradientShap",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "LeaveOneOut",
    "Lime",
    "Owen",
    "PermutationShapley",
    "Sparse",
    "fit",
    "make_method",
]
