"""Whatever comes in is decoded or answered in words; nothing that cannot leave again is let in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import traitlets

from llm_attr_widget.errors import AttributionError, ProtocolError
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.wire import decode, decode_command, encode
from tests.widget.front import Front, widget

GOOD = (
    {"kind": "run", "settings": encode(protocol.Settings(prompt="a"))},
    {"kind": "generate", "settings": encode(protocol.Settings(prompt="a"))},
    {"kind": "what_if", "ask": 1, "run": 1, "absent": [0], "replaced": [{"feature": 0, "text": "b"}]},
    {"kind": "extend", "run": 1},
    {"kind": "hello"},
)
OTHERS: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**400, 0.5, float("nan"), "", "x", "\ud800", "a\udfffb", [], [[]], {}),
    *({"a": 1}, {1: 2, "b": 3}, ["\udc00"], b"", np.float64(1)),
)


def changed(value: Any, rng: np.random.Generator) -> Any:
    """The same with something else somewhere in it."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
        return OTHERS[rng.integers(len(OTHERS))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[rng.integers(len(keys))]
    new = value.copy()
    if rng.random() < 0.1 and isinstance(value, dict):
        del new[key]
        return new
    new[key] = changed(value[key], rng)
    return new


def test_any_command_is_decoded_or_refused_in_words() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(20_000):
        command = changed(GOOD[rng.integers(len(GOOD))], rng)
        try:
            decode_command(command)
        except AttributionError as error:
            refused += 1
            str(error).encode()
    assert refused > 10_000


@pytest.mark.parametrize("other", [0, None, "a", [], 1.5, True], ids=repr)
def test_a_record_that_is_no_object_is_refused(other: Any) -> None:
    with pytest.raises(ProtocolError, match="expected an object"):
        decode(protocol.Settings, other)
    with pytest.raises(ProtocolError, match="expected an object"):
        decode_command({"kind": "run", "settings": other})


@pytest.mark.parametrize("name", ["prompt", "target", "against", "method", "granularity", "value"])
def test_half_a_surrogate_pair_gets_into_no_trait(name: str) -> None:
    w = widget()
    before = getattr(w, name)
    with pytest.raises((AttributionError, traitlets.TraitError)) as raised:
        setattr(w, name, "a\ud800b")
    str(raised.value).encode()
    assert getattr(w, name) == before
    front = Front(w)
    front.says({"kind": "run", "settings": {**encode(protocol.Settings()), name: "\udfff"}})
    assert front.events[-1][0]["kind"] == "failed"
    front.events[-1][0]["message"].encode()
    w.run()
    assert w.wait(60).phase == "finished"
