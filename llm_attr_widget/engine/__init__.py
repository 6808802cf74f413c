"""A run: what is asked is planned, played, and fitted. Offers the whole of it at once, or update by update.

The functions `run`, `plan`, `play`, `extend` and `refine` are in the files of their names; all that callers need of
them is in `llm_attr_widget` itself.
"""

from __future__ import annotations

from llm_attr_widget.engine.extend import further
from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.run import attribute
from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.engine.update import Interrupted, Update

__all__ = ["Interrupted", "Plan", "Separated", "Update", "attribute", "further"]
