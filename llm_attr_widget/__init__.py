"""Which parts of the prompt made the model say this? The public names.

`AttrWidget` shows, `attribute` computes; `METHODS` says which methods there are and when to use which.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llm_attr_widget import inputs, methods, models
from llm_attr_widget.engine.extend import extend, further
from llm_attr_widget.engine.refine import refine
from llm_attr_widget.engine.run import attribute, run
from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.engine.update import Interrupted, Update
from llm_attr_widget.errors import (
    AttributionError,
    CapabilityError,
    InputError,
    LedgerError,
    MethodError,
    ProtocolError,
    ScoreError,
    TargetError,
)
from llm_attr_widget.game.ledger import Ledger, load_ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.inputs import ChatInput, ImageInput, TemplateInput, TextInput, TokenInput
from llm_attr_widget.methods import METHODS
from llm_attr_widget.models import TableModel
from llm_attr_widget.result.attribution import Attribution

if TYPE_CHECKING:
    from llm_attr_widget.models import HuggingFaceModel, OpenAIModel, RayModel
    from llm_attr_widget.widget.compare import compare
    from llm_attr_widget.widget.widget import AttrWidget

    __version__: str

__all__ = [
    "METHODS",
    "AttrWidget",
    "Attribution",
    "AttributionError",
    "CapabilityError",
    "ChatInput",
    "HuggingFaceModel",
    "ImageInput",
    "InputError",
    "Interrupted",
    "Ledger",
    "LedgerError",
    "MethodError",
    "OpenAIModel",
    "ProtocolError",
    "RayModel",
    "ScoreError",
    "Separated",
    "TableModel",
    "Target",
    "TargetError",
    "TemplateInput",
    "TextInput",
    "TokenInput",
    "Update",
    "attribute",
    "compare",
    "extend",
    "further",
    "inputs",
    "load_ledger",
    "methods",
    "models",
    "refine",
    "run",
]

# The widget brings ipywidgets along, a model torch: who asks for neither should not pay for them.
_LATER = {
    "AttrWidget": "widget.widget",
    "compare": "widget.compare",
    "HuggingFaceModel": "models",
    "OpenAIModel": "models",
    "RayModel": "models",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":  # of what is installed: pyproject.toml has it, and nothing else in the package
        from importlib.metadata import version

        return version(__name__)
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
