"""Local models of Hugging Face and their like: the paths of scoring, and the probe that chooses one."""

from __future__ import annotations

from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.selftest import ModelCheck, check_model

__all__ = ["HuggingFaceModel", "ModelCheck", "check_model"]
