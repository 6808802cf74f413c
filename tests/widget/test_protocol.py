"""The wire: both sides read the same samples, and protocol.ts is what protocol.py prints."""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from llm_attr_widget.errors import ProtocolError
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.typescript import typescript
from llm_attr_widget.widget.wire import decode, decode_command, encode, kind_of

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "tests" / "protocol").glob("*.json"))


EVENTS = {kind_of(event): event for event in get_args(protocol.Event)}


def test_protocol_ts_is_what_python_prints() -> None:
    assert (ROOT / "js" / "src" / "wire" / "protocol.ts").read_text(encoding="utf-8") == typescript()


def sample(path: Path) -> dict[str, Any]:
    """What the file says; a setting that it leaves out is as by default."""
    return json.loads(path.read_text(encoding="utf-8"), object_hook=_completed)


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    if "settings" in found:
        defaults = json.loads(json.dumps(encode(protocol.Settings())))
        return {**found, "settings": {**defaults, **found["settings"]}}
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_survive_the_round_trip(path: Path) -> None:
    ((sort, message),) = sample(path).items()
    record = decode_command(message) if sort == "command" else decode(EVENTS[message["kind"]], message)
    assert is_dataclass(record)
    assert json.loads(json.dumps(encode(record))) == message


def test_every_kind_has_a_sample() -> None:
    kinds = {next(iter(sample(path).values()))["kind"] for path in SAMPLES}
    unions = get_args(protocol.Command) + get_args(protocol.Event)
    assert kinds == {kind_of(record) for record in unions}


SETTINGS = encode(protocol.Settings(prompt="a b"))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("run", "Expected a message with a kind, got str"),
        ({"kind": "fly"}, "got 'fly'"),
        ({"kind": "run"}, r"missing fields \['settings'\]"),
        ({"kind": "stop", "now": True}, r"unknown fields \['now'\]"),
        ({"kind": "run", "settings": {**SETTINGS, "granularity": "letter"}}, "Settings.granularity: expected one of"),
        ({"kind": "run", "settings": {**SETTINGS, "budget": "many"}}, "Settings.budget: expected int, got 'many'"),
        ({"kind": "run", "settings": {**SETTINGS, "trials": True}}, "Settings.trials: expected int, got True"),
        ({"kind": "run", "settings": {**SETTINGS, "seed": 1.5}}, "Settings.seed: expected int, got 1.5"),
        (
            {"kind": "run", "settings": {**SETTINGS, "locked_stretches": [3]}},
            "Settings.locked_stretches: expected str, got 3",
        ),
    ],
)
def test_bad_commands_are_refused_in_plain_words(message: object, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        decode_command(message)
