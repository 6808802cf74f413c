"""A widget and what a front end sees of it, without a browser."""

from __future__ import annotations

import threading
from typing import Any

from llm_attr_widget import AttrWidget
from llm_attr_widget.game.targets import Target
from tests.support import BitsInput, FunctionModel, table, table_model

TARGET = Target((0, 1, 2), (" t0", " t1", " t2"))


class Front:
    """What a front end sees of a widget: every event it sends, and a way to send commands."""

    def __init__(self, widget: AttrWidget) -> None:
        self.widget = widget
        self.events: list[tuple[dict[str, Any], list[bytes]]] = []
        widget.send = lambda content, buffers=None: self.events.append((content, list(buffers or ())))  # type: ignore[method-assign]

    def says(self, message: object) -> None:
        self.widget._handle_custom_msg(message, [])

    def frames(self) -> list[dict[str, Any]]:
        return [event for event, _ in self.events if event["kind"] == "frame"]


def widget(model: FunctionModel | None = None, *, features: int = 6, **options: Any) -> AttrWidget:
    model = model or table_model(table(features, 3), features)
    return AttrWidget(model, None, BitsInput(features), TARGET, **options)


class Held(FunctionModel):
    """A table's answers, one prompt at a time, each only once a test lets it: a run stands where the test needs it."""

    def __init__(self, features: int) -> None:
        self._answers = table_model(table(features, 3), features)._log_probs
        self._free = threading.Event()
        self._let = threading.Semaphore(0)
        super().__init__(self._when_let, batch=1)

    def let(self) -> None:
        """One more prompt may be scored."""
        self._let.release()

    def let_all(self) -> None:
        self._free.set()
        self._let.release()

    def _when_let(self, ids: tuple[int, ...], target: tuple[int, ...]) -> Any:
        if not self._free.is_set():
            assert self._let.acquire(timeout=60), "the test never let this prompt be scored"
        return self._answers(ids, target)
