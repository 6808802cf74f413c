"""Another text in the place of what is absent, whatever kind of text the prompt is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llm_attr_widget.errors import InputError
from llm_attr_widget.types import Input


def rebased(prompt: Input, baseline: str | None) -> Input:
    """The same prompt, whose absent parts are replaced by this text; None and "" leave it as it is.

    Of single tokens it must be one token. Raises InputError for a prompt whose baseline is no text of its own.
    """
    if not baseline:
        return prompt
    given: Any = prompt
    for name in ("baseline_text", "baseline_token"):
        if name in getattr(given, "__dataclass_fields__", {}):
            return replace(given, **{name: baseline})
    raise InputError(
        f"Expected a prompt whose absent parts a text can stand in for, got a {type(prompt).__name__}, whose baseline "
        f"is its own ({prompt.baseline}). Leave baseline empty, or give the prompt another one in Python."
    )
