"""A widget and what a front end sees of it, without a browser."""

from __future__ import annotations

import time
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


def slow(features: int, seconds: float = 0.02) -> FunctionModel:
    quick = table_model(table(features, 3), features)
    answer = quick._log_probs

    def score(ids: tuple[int, ...], target: tuple[int, ...]) -> Any:
        time.sleep(seconds)
        return answer(ids, target)

    return FunctionModel(score, batch=1)
