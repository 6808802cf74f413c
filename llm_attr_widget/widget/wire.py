"""JSON ↔ the dataclasses of protocol.py, strictly: what is not in the protocol is an error in plain words."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from llm_attr_widget.errors import ProtocolError
from llm_attr_widget.widget import protocol

Record = TypeVar("Record")


def encode(record: Any) -> dict[str, Any]:
    """A protocol dataclass as plain JSON values."""
    return asdict(record)


def decode_command(message: object) -> protocol.Command:
    """The command a front end sent. Raises ProtocolError, saying which field is off."""
    if not isinstance(message, Mapping):
        raise ProtocolError(f"Expected a message with a kind, got {type(message).__name__}.")
    kind = cast("Mapping[str, object]", message).get("kind")
    for command in get_args(protocol.Command):
        if kind in get_args(_hints(command)["kind"]):
            return decode(command, cast("Mapping[str, object]", message))
    known = ", ".join(repr(get_args(_hints(command)["kind"])[0]) for command in get_args(protocol.Command))
    raise ProtocolError(f"Expected a message kind out of {known}, got {kind!r}.")


def decode(record: type[Record], message: Mapping[str, object]) -> Record:
    """One record from JSON values. Raises ProtocolError for missing, unknown and mistyped fields."""
    hints = _hints(record)
    unknown = sorted(set(message) - set(hints))
    missing = [name for name in hints if name not in message]
    if unknown or missing:
        raise ProtocolError(f"{record.__name__}: missing fields {missing}, unknown fields {unknown}.")
    return record(**{name: _value(hints[name], message[name], f"{record.__name__}.{name}") for name in hints})


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        raise ProtocolError(f"{where}: expected one of {', '.join(map(repr, args))}, got {value!r}.")
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        (only,) = [part for part in args if part is not type(None)]
        return _value(only, value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ProtocolError(f"{where}: expected a list, got {type(value).__name__}.")
        return tuple(_value(args[0], item, where) for item in cast("list[object]", value))
    if is_dataclass(hint):
        return decode(cast("type[Any]", hint), value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ProtocolError(f"{where}: expected {hint.__name__}, got {value!r}.")


@cache
def _hints(record: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(record)
    return {field.name: hints[field.name] for field in fields(record)}
