"""Which parts of the prompt made the model say this? The public names."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from llm_attr_widget.result.attribution import Attribution

if TYPE_CHECKING:
    from llm_attr_widget.widget.compare import compare
    from llm_attr_widget.widget.widget import AttrWidget

__version__ = "0.1.0"
__all__ = [
    "AttrWidget",
    "Attribution",
    "AttributionError",
    "CapabilityError",
    "InputError",
    "Interrupted",
    "Ledger",
    "LedgerError",
    "MethodError",
    "ProtocolError",
    "ScoreError",
    "Separated",
    "Target",
    "TargetError",
    "Update",
    "attribute",
    "compare",
    "load_ledger",
    "run",
]


def __getattr__(name: str) -> object:
    # The widget brings ipywidgets along; scripts that only attribute should not pay for it.
    if name == "AttrWidget":
        from llm_attr_widget.widget.widget import AttrWidget

        return AttrWidget
    if name == "compare":
        from llm_attr_widget.widget.compare import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
