"""The notebook's cell that a widget was made in, so that a run ends when its cell is run again."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any, Protocol

from IPython.core.getipython import get_ipython


class Stops(Protocol):
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """key: equal for every time that a cell is run; run: different each time."""

    key: str
    run: int


_made_in: weakref.WeakKeyDictionary[Stops, Cell] = weakref.WeakKeyDictionary()


def made_here(widget: Stops) -> None:
    """Stop what widgets of an earlier run of this cell are at: their variable and their place on the page are taken.

    What they have stays theirs. Nothing outside of IPython.
    """
    here = _here()
    if here is None:
        return
    for other, cell in list(_made_in.items()):
        if cell.key == here.key and cell.run != here.run:
            other.stop()
    _made_in[widget] = here


def _here() -> Cell | None:
    """The cell that runs: by its id where the front end tells it (JupyterLab), else by its text."""
    shell: Any = get_ipython()
    if shell is None:
        return None
    asked: dict[str, Any] = shell.get_parent() if hasattr(shell, "get_parent") else {}
    name = asked.get("metadata", {}).get("cellId")
    texts = shell.user_ns.get("In") or [""]
    return Cell(f"id {name}" if name else f"text {texts[-1]}", shell.execution_count)
