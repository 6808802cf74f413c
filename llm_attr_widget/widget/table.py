"""What protocol.py can say of a field beside its type, and how to read it: see there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Annotated, Any, TypeAlias, cast, get_args, get_origin, get_type_hints

Check: TypeAlias = Callable[[object], None]
"""Raises for what a field cannot have."""


@dataclass(frozen=True, slots=True)
class Option:
    """A field of the options panel. about: one line on it; least: the smallest whole number; None for a text."""

    label: str
    about: str
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a buffer of float32 numbers, row-major: each side a number, or what there are so many of."""

    sides: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Formerly:
    """What a field was called in an earlier version: pages read it by that name where it has no other."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a protocol record. hint: its type alone. checks: each raises for a value that it cannot have."""

    name: str
    hint: Any
    default: Any = MISSING
    checks: tuple[Check, ...] = ()
    option: Option | None = None
    shape: Shape | None = None
    formerly: Formerly | None = None


@cache
def fields_of(record: type[Any]) -> tuple[Field, ...]:
    """The fields of a record, in order, those that it shares with others among them."""
    hints = get_type_hints(record, include_extras=True)
    return tuple(_field(field.name, hints[field.name], field.default) for field in fields(record))


def check(record: Any) -> None:
    """Raises what the checks of a record's fields raise for the values in it."""
    for field in fields_of(type(record)):
        for look in field.checks:
            look(getattr(record, field.name))


def _field(name: str, hint: Any, default: Any) -> Field:
    if get_origin(hint) is not Annotated:
        return Field(name, hint, default)
    kind, *more = get_args(hint)
    return Field(
        name,
        kind,
        default,
        checks=tuple(cast(Check, one) for one in more if callable(one)),
        option=next((one for one in more if isinstance(one, Option)), None),
        shape=next((one for one in more if isinstance(one, Shape)), None),
        formerly=next((one for one in more if isinstance(one, Formerly)), None),
    )
