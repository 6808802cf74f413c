"""The widget in the notebook: `AttrWidget`, and the wire between kernel and page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_attr_widget.widget.widget import AttrWidget

__all__ = ["AttrWidget"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: the tables of the wire are read without ipywidgets, too.
    if name == "AttrWidget":
        from llm_attr_widget.widget.widget import AttrWidget

        return AttrWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
