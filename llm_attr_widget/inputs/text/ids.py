"""Token ids from whatever holds them: a prompt or a target that somebody has as ids already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, cast

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.tokens import token_id, token_names, tokenizer_of


def ids_in(given: Any, tokenizer: Any, *, what: str, error: type[AttributionError]) -> tuple[int, ...]:
    """Ids as plain ints, taken as they are: nothing is added and nothing left out.

    given: ids, token strings ("ĠRome"), an array or a tensor of shape (n,) or (1, n), or what a tokenizer
        returns (its `input_ids`). what: "a prompt" or "a target", for the error.
    Raises `error` for anything else: bytes, numbers that are not whole, several rows, strings that are no tokens.
    """
    flat = _flat(given)
    if flat and all(isinstance(token, str) for token in flat):
        return _of_tokens(cast("list[str]", flat), tokenizer, what, error)
    if flat is None or not all(_is_id(token) for token in flat):
        raise error(
            f"Expected {what} as text or as a flat sequence of token ids, got {_described(given)}. "
            'Give a text, or one row of ids: tokenizer(text)["input_ids"].'
        )
    return tuple(int(cast(int, token)) for token in flat)


def as_row(given: Any) -> Any:
    """One id as a row of one; anything else as it is."""
    plain = _plain(given)
    return [plain] if _is_id(plain) else given


def _flat(given: Any) -> list[object] | None:
    """One row; None where there is none, or more than one."""
    given = given["input_ids"] if isinstance(given, Mapping) and "input_ids" in given else given
    given = _plain(cast(Any, given))
    if isinstance(given, str | bytes | bytearray) or not isinstance(given, Sequence):
        return None
    row = [_plain(token) for token in cast("Sequence[Any]", given)]
    if len(row) == 1 and isinstance(row[0], Sequence) and not isinstance(row[0], str | bytes):
        return list(cast("Sequence[object]", row[0]))
    return row


def _plain(value: Any) -> Any:
    """An array or a tensor as (nested) lists or a number."""
    return value.tolist() if hasattr(value, "tolist") else value


def _is_id(token: object) -> bool:
    return not isinstance(token, bool) and isinstance(token, Integral)


def _of_tokens(tokens: list[str], tokenizer: Any, what: str, error: type[AttributionError]) -> tuple[int, ...]:
    words = tokenizer_of(tokenizer)
    ids = [] if words is None else [token_id(words, token) for token in tokens]
    known = ids and None not in ids and token_names(words, [i for i in ids if i is not None]) == tokens
    if not known:
        raise error(
            f"Expected {what} as text, token ids, or tokens of the tokenizer, but not all of {tokens!r:.80} are its "
            'tokens. Give one text: "".join(…).'
        )
    return tuple(i for i in ids if i is not None)


def _described(given: Any) -> str:
    shape = getattr(given, "shape", None)
    if shape is not None:
        return f"{type(given).__name__} of {getattr(given, 'dtype', '?')} and shape {tuple(shape)}"
    return f"{type(given).__name__}: {given!r:.60}"
