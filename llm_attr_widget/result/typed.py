"""Whether a record that was read from a file holds what its type hints say."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints


def mistyped(record: Any) -> list[tuple[str, object]]:
    """Fields of a record whose values are not of their type, with these values.

    Fields that are not given but made, and hints other than those that `has_type` knows, are not looked at.
    """
    hints = get_type_hints(type(record))
    given = [(field.name, getattr(record, field.name)) for field in fields(record) if field.init]
    return [(name, value) for name, value in given if not has_type(value, hints[name])]


def has_type(value: object, hint: Any) -> bool:
    """For str, int, float, bool, None, Literal, tuples of any length and unions of these; True for any other hint."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in args
    if origin in (Union, types.UnionType):
        return any(has_type(value, part) for part in args)
    if origin is tuple:
        items = cast("tuple[object, ...]", value)
        return isinstance(value, tuple) and all(has_type(item, args[0]) for item in items)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, type(None)) else True
