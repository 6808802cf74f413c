"""What answers for a language model. To add a back end: one file here, and its name in this face.

A back end of your own needs no entry anywhere: whatever has `score` (`types.Scorer`) can be attributed. `generate` lets
it write the target, `slopes` makes gradient methods work; `tokenizer`, `name`, `vocabulary`, `max_positions` and
`doubts` (sentences on its answers so far) are asked for where they are there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llm_attr_widget.models.function import TableModel
from llm_attr_widget.models.making import as_model

if TYPE_CHECKING:
    from llm_attr_widget.models.chat import ChatModel
    from llm_attr_widget.models.huggingface.model import HuggingFaceModel
    from llm_attr_widget.models.openai import OpenAIModel
    from llm_attr_widget.models.ray import RayModel

_LATER = {"ChatModel": "chat", "HuggingFaceModel": "huggingface.model", "OpenAIModel": "openai", "RayModel": "ray"}
"""Loaded when asked for: torch is not for those who attribute a remote model."""

__all__ = ["ChatModel", "HuggingFaceModel", "OpenAIModel", "RayModel", "TableModel", "as_model"]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
