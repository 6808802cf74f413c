"""Captum's LLM attribution by its own names and calls: change the import line, keep the script.

    from llm_attr_widget.captum import LLMAttribution, LLMGradientAttribution, TextTemplateInput

What differs from captum, and why, stands in one table in docs/captum.md.
"""

from __future__ import annotations

try:
    from captum.attr import (
        FeatureAblation,
        ImageMaskInput,
        InterpretableInput,
        KernelShap,
        LayerGradientShap,
        LayerGradientXActivation,
        LayerIntegratedGradients,
        Lime,
        ProductBaselines,
        RemoteLLMProvider,
        ShapleyValues,
        ShapleyValueSampling,
        TextTemplateInput,
        TextTokenInput,
        VLLMProvider,
    )
except ImportError as error:
    from llm_attr_widget.errors import missing

    raise missing("captum", error, extra="captum", what="llm_attr_widget.captum") from error

from llm_attr_widget.captum.future import Future
from llm_attr_widget.captum.gradients import LLMGradientAttribution
from llm_attr_widget.captum.perturbation import LLMAttribution
from llm_attr_widget.captum.remote import RemoteLLMAttribution
from llm_attr_widget.captum.result import LLMAttributionResult

__all__ = [
    "FeatureAblation",
    "Future",
    "ImageMaskInput",
    "InterpretableInput",
    "KernelShap",
    "LLMAttribution",
    "LLMAttributionResult",
    "LLMGradientAttribution",
    "LayerGradientShap",
    "LayerGradientXActivation",
    "LayerIntegratedGradients",
    "Lime",
    "ProductBaselines",
    "RemoteLLMAttribution",
    "RemoteLLMProvider",
    "ShapleyValueSampling",
    "ShapleyValues",
    "TextTemplateInput",
    "TextTokenInput",
    "VLLMProvider",
]
