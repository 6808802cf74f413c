"""In Colab: no message of more than a megabyte, and never the numbers of one run under the name of another."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from llm_attr_widget.widget.colab import MOST_BYTES, light, parcels, weight
from tests.support import BitsInput, table_model
from tests.widget.front import Front, widget


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module by which Colab's kernels are told, with what anywidget asks of it."""
    module: Any = ModuleType("google.colab.output")
    module.enabled = 0

    def enable() -> None:
        module.enabled += 1

    module.enable_custom_widget_manager = enable
    module._widgets = ModuleType("_widgets")
    module._widgets._installed_url = None
    monkeypatch.setitem(sys.modules, "google.colab.output", module)
    return module


@pytest.mark.parametrize(
    "value",
    [
        "",
        "日本語",
        b"\x00" * 7,
        memoryview(np.zeros(5)),
        [1, 2.5, None],
        {"a": ["x" * 50, {"b": True}]},
        -1.2345678901234567,
    ],
    ids=("empty", "kanji", "bytes", "memoryview", "list", "nested", "number"),
)
def test_a_weight_is_no_less_than_what_travels(value: object) -> None:
    import json

    def plain(part: object) -> object:
        return "" if isinstance(part, (bytes, memoryview)) else part

    buffers = len(value) if isinstance(value, bytes) else value.nbytes if isinstance(value, memoryview) else 0
    assert weight(value) >= len(json.dumps(plain(value), ensure_ascii=False).encode()) + buffers - 2


def test_parcels_carry_every_trait_once_and_say_whose_numbers_they_are_at_the_end() -> None:
    third = b"\x00" * (MOST_BYTES // 3)
    state = {
        "status": "finished",
        "chart": {"label": third},
        "values": third,
        "errors": third,
        "ends": third,
        "seed": 0,
    }
    sent = list(parcels(state))
    assert sorted(name for names in sent for name in names) == sorted(state)
    assert all(sum(weight(state[name]) for name in names) <= MOST_BYTES for names in sent)
    order = [name for names in sent for name in names]
    assert order.index("chart") > max(order.index(name) for name in ("values", "errors", "ends"))
    assert list(parcels({})) == []


def test_what_no_message_holds_is_left_out_and_the_newest_of_a_list_stay() -> None:
    half = b"\x00" * (MOST_BYTES // 2)
    state = light(
        {"values": bytes(MOST_BYTES + 1), "records": [{"at": at, "values": half} for at in range(4)], "seed": 3}
    )
    assert state["values"] == b""
    assert [record["at"] for record in state["records"]] == [3]
    assert state["seed"] == 3


def test_a_large_run_ends_in_messages_that_colab_takes(colab: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    side = 600
    model = table_model(np.zeros((2, 3)), 1)
    model._log_probs = lambda ids, target: -1.0 - np.cos(np.arange(side) + len(ids))  # type: ignore[method-assign]
    from llm_attr_widget import AttrWidget, Target

    target = Target(tuple(range(side)), tuple(f" t{at}" for at in range(side)))
    w = AttrWidget(model, None, BitsInput(side), target, method="leave_one_out")
    front = Front(w)
    sent: list[tuple[dict[str, Any], int]] = []

    def kept(message: dict[str, Any], buffers: Any = None) -> None:
        sent.append((message, weight(message) + sum(map(len, buffers or ()))))

    monkeypatch.setattr(w, "_send", kept)
    w.run()
    result = w.wait(60)
    assert result is not None
    assert result.values.shape == (side, side)
    assert np.frombuffer(w.values, "<f4").size == side * side  # Python keeps them: to_html() has all
    told = {name for message, _ in sent for name in message["state"]}
    told |= {path[0] for message, _ in sent for path in message["buffer_paths"]}
    assert {"values", "errors", "chart", "status"} <= told
    assert max(size for _, size in sent) <= 1_000_000
    events = [weight(event) + sum(map(len, buffers)) for event, buffers in front.events]
    assert max(events) <= 1_000_000
    assert sum(event["rows"] for event, _ in front.events if event.get("kind") == "frame") >= side


def test_the_manager_of_widgets_is_enabled_where_colab_is_and_nowhere_else(
    colab: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anywidget import _util

    _util.enable_custom_widget_manager_once.cache_clear()
    widget()
    assert colab.enabled == 1
    _util.enable_custom_widget_manager_once.cache_clear()
    monkeypatch.delitem(sys.modules, "google.colab.output")
    widget()
    assert colab.enabled == 1
