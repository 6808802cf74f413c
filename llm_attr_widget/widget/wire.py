"""JSON ↔ the dataclasses of protocol.py, strictly: what is not in the protocol is an error in plain words."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

from llm_attr_widget.errors import ProtocolError
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.table import fields_of

Record = TypeVar("Record")


def encode(record: Any) -> dict[str, Any]:
    """A protocol dataclass as plain JSON values."""
    return asdict(record)


def encode_value(value: Any) -> Any:
    """What a field holds, as plain JSON values."""
    if isinstance(value, tuple):
        return [encode_value(item) for item in cast("tuple[object, ...]", value)]
    return encode(value) if is_dataclass(value) else value


def buffers(record: Any) -> tuple[bytes, ...]:
    """What of a record travels beside a message: its buffers, in order."""
    return tuple(getattr(record, field.name) for field in fields_of(type(record)) if field.shape is not None)


def decode_command(message: object) -> protocol.Command:
    """The command a front end sent. Raises ProtocolError, saying which field is off."""
    if not isinstance(message, Mapping):
        raise ProtocolError(f"Expected a message with a kind, got {type(message).__name__}.")
    kind = cast("Mapping[str, object]", message).get("kind")
    kinds = {kind_of(command): command for command in get_args(protocol.Command)}
    if isinstance(kind, str) and kind in kinds:
        return decode(kinds[kind], cast("Mapping[str, object]", message))
    raise ProtocolError(f"Expected a message kind out of {', '.join(map(repr, kinds))}, got {kind!r}.")


def kind_of(message: type[Any]) -> str:
    """The `kind` by which a command or event is told from others."""
    return get_args(next(field.hint for field in fields_of(message) if field.name == "kind"))[0]


def decode(record: type[Record], message: object) -> Record:
    """One record from JSON values. What can be null may be left out.

    Raises ProtocolError for what is no object, for missing, unknown and mistyped fields and text that is half a
    surrogate pair, and what the record raises for values it cannot have.
    """
    if not isinstance(message, Mapping):
        raise ProtocolError(f"{record.__name__}: expected an object, got {message!r:.80}.")
    message = cast("Mapping[str, object]", message)
    hints = {field.name: field.hint for field in fields_of(record)}
    unknown = sorted(set(message) - set(hints), key=repr)
    missing = [name for name, hint in hints.items() if name not in message and not _nullable(hint)]
    if unknown or missing:
        raise ProtocolError(f"{record.__name__}: missing fields {missing}, unknown fields {unknown}.")
    values = {name: message.get(name) for name in hints}
    return record(**{name: decode_value(hints[name], values[name], f"{record.__name__}.{name}") for name in hints})


def _nullable(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def decode_value(hint: Any, value: Any, where: str) -> Any:
    """A value of the type that `hint` says, from a JSON value. Raises ProtocolError, naming `where`, for any other."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        raise ProtocolError(f"{where}: expected one of {', '.join(map(repr, args))}, got {value!r}.")
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        (only,) = [part for part in args if part is not type(None)]
        return decode_value(only, value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ProtocolError(f"{where}: expected a list, got {type(value).__name__}.")
        return tuple(decode_value(args[0], item, where) for item in cast("list[object]", value))
    if is_dataclass(hint):
        return decode(cast("type[Any]", hint), value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1000:
        return float(value)
    if hint is str and isinstance(value, str) and _halves(value):
        raise ProtocolError(f"{where}: expected text, got half of a surrogate pair in it, which no message can hold.")
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ProtocolError(f"{where}: expected {hint.__name__}, got {value!r}.")


def _halves(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
