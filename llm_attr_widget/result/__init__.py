"""What a run gives back: the numbers, where they come from, how far to trust them, and the files they are kept in."""

from __future__ import annotations

from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.check import Check
from llm_attr_widget.result.provenance import Provenance

__all__ = ["Attribution", "Check", "Provenance"]
