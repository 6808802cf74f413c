"""What a tokenizer is asked, and what stands in for what one lacks. Nothing else here asks a tokenizer anything.

Hugging Face's tokenizers can do all of it. Others can do less: remote code whose `decode` takes tensors only or whose
ids come as tensors, `tokenizers` and SentencePiece with other names for the same things, captum's interface, classes
that only encode and decode.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from llm_attr_widget.errors import InputError

# What only a tokenizer can do, and what only a processor has beside its tokenizer.
_OF_TOKENIZERS = ("encode", "convert_ids_to_tokens", "convert_tokens_to_ids", "get_vocab", "id_to_token")
_OF_PROCESSORS = ("image_processor", "feature_extractor", "video_processor", "audio_processor")

_NOT_A_TENSOR = (AttributeError, AssertionError, LookupError, TypeError, ValueError, RuntimeError)
"""What Python code raises when it is given a list where it expected a tensor."""


def tokenizer_of(given: Any) -> Any:
    """The tokenizer of a processor, which has one beside what reads images or sound; anything else is given back.

    A tokenizer may hold an engine of its own in an attribute of that name: what can encode or name tokens, and reads
    nothing but text, is a tokenizer itself.
    """
    inside = getattr(given, "tokenizer", None)
    if inside is None or not _is_tokenizer(inside):
        return given
    reads_more = any(getattr(given, part, None) is not None for part in _OF_PROCESSORS)
    return inside if reads_more or not _is_tokenizer(given) else given


def _is_tokenizer(given: Any) -> bool:
    return any(callable(getattr(given, name, None)) for name in _OF_TOKENIZERS)


def ids_of(tokenizer: Any, texts: Sequence[str], *, special: bool) -> list[tuple[int, ...]]:
    """Token ids of each text. special: with those that the tokenizer adds by itself.

    Fast tokenizers get all texts in one call. Raises InputError for half a surrogate pair, which is no character, and
    for a tokenizer that has neither a call nor `encode`.
    """
    for text in texts:
        check_characters(text)
    if getattr(tokenizer, "is_fast", False) and texts:
        return [_row(row) for row in tokenizer(list(texts), add_special_tokens=special)["input_ids"]]
    ask = _asked_for_ids(tokenizer)
    options = {"add_special_tokens": special} if _takes(ask, "add_special_tokens") else {}
    rows = [_row(ask(text, **options)) for text in texts]
    if special or not texts:
        return rows
    # A tokenizer that knows no such keyword, or does not follow it, adds to the empty text what it adds to any.
    around = _row(ask("", **options))
    added = around if not options or around == _row(ask("", add_special_tokens=True)) else ()
    return [_without(row, added) for row in rows]


def target_ids_of(tokenizer: Any, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A target's ids with what the tokenizer adds to targets, and without.

    Equal to `ids_of` without special tokens for a tokenizer that knows no targets, and for one whose target language is
    not set. Raises InputError as `ids_of`.
    """
    check_characters(text)
    if not callable(tokenizer) or not _named(tokenizer, "text_target") or getattr(tokenizer, "tgt_lang", "") is None:
        plain = ids_of(tokenizer, [text], special=False)[0]
        return plain, plain
    return _row(tokenizer(text_target=text)), _row(tokenizer(text_target=text, add_special_tokens=False))


def offsets_of(tokenizer: Any, text: str, *, special: bool) -> tuple[tuple[int, ...], list[int]] | None:
    """The text's ids, and for each the offset in the text where it ends; None where the tokenizer does not say."""
    if not getattr(tokenizer, "is_fast", False):
        return None
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=special)
    return _row(encoded), [int(end) for _, end in encoded["offset_mapping"]]


def check_characters(text: str) -> None:
    """Raises InputError for a text with half a surrogate pair, which no tokenizer can read."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"The text has half a surrogate pair at offset {error.start}, which is no character. "
            'Repair it, for instance with text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").'
        ) from error


def repaired(text: str) -> str:
    """The text with "�" for half a surrogate pair, so that it can be written, sent and shown."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def decode(tokenizer: Any, ids: Iterable[int]) -> str:
    """The text of these tokens, special ones as they are written. No ids: ""."""
    listed = [int(i) for i in ids]
    if not listed:
        return ""
    write = getattr(tokenizer, "decode", None)
    if not callable(write):
        return "".join(token_names(tokenizer, listed))
    # Some leave special tokens out unless told: a token without its text could not be shown.
    options = {"skip_special_tokens": False} if _named(write, "skip_special_tokens") else {}
    try:
        return str(write(listed, **options))
    except _NOT_A_TENSOR as error:
        try:
            return str(write(_as_tensor(listed), **options))
        except _NOT_A_TENSOR:
            raise InputError(
                f"{type(tokenizer).__name__}.decode takes neither a list nor a tensor of token ids: {error}. "
                "Give a tokenizer whose decode does."
            ) from error


def token_names(tokenizer: Any, ids: Iterable[int]) -> list[str]:
    """How the vocabulary writes each token ("Ġlives", "▁lives"); its decoded text where the vocabulary is not told."""
    listed = [int(i) for i in ids]
    many = getattr(tokenizer, "convert_ids_to_tokens", None)
    if callable(many):
        return [str(name or "") for name in cast("Iterable[Any]", many(listed))]
    one = _first_method(tokenizer, ("id_to_token", "id_to_piece", "IdToPiece"))
    if one is not None:
        return [str(one(i) or "") for i in listed]
    if callable(getattr(tokenizer, "decode", None)):
        return [decode(tokenizer, [i]) for i in listed]
    return [f"<{i}>" for i in listed]


def token_id(tokenizer: Any, name: str) -> int | None:
    """The id of the token that is written so in the vocabulary; None where there is none."""
    one = _first_method(tokenizer, ("convert_tokens_to_ids", "token_to_id", "piece_to_id", "PieceToId"))
    found = one(name) if one is not None else None
    if found is None:
        vocabulary = _first_method(tokenizer, ("get_vocab",))
        found = vocabulary().get(name) if vocabulary is not None else None
    if found is None:
        ids = ids_of(tokenizer, [name], special=False)[0]
        found = ids[0] if len(ids) == 1 else None
    return None if found is None else int(found)


def named_id(tokenizer: Any, role: str) -> int | None:
    """The id of a token by its role ("bos", "eos", "pad", "unk", …); None where the tokenizer has none."""
    for name in (f"{role}_token_id", f"{role}_id"):
        found = getattr(tokenizer, name, None)
        found = found() if callable(found) else found
        # SentencePiece says -1 for a token that it does not have.
        if isinstance(found, int | np.integer) and found >= 0:
            return int(found)
    return None


def _asked_for_ids(tokenizer: Any) -> Callable[..., Any]:
    ask = tokenizer if callable(tokenizer) else getattr(tokenizer, "encode", None)
    if not callable(ask):
        raise InputError(
            f"Expected a tokenizer that encodes text, got {type(tokenizer).__name__}, which has neither a call nor "
            "encode(text). Give the tokenizer that belongs to the model."
        )
    return ask


def _row(answer: Any) -> tuple[int, ...]:
    """The ids of one text, however they are wrapped: a mapping, an encoding, a list, a tensor, a batch of one."""
    if isinstance(answer, Mapping):
        answer = cast("Mapping[str, Any]", answer)["input_ids"]
    else:
        answer = getattr(answer, "input_ids", getattr(answer, "ids", answer))
    row = _listed(answer)
    if len(row) == 1 and isinstance(_listed(row[0]), list):
        row = _listed(row[0])
    return tuple(int(i) for i in row)


def _listed(value: Any) -> Any:
    """A tensor or a tuple as a list; a number as it is."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return list(cast("tuple[Any, ...]", plain)) if isinstance(plain, tuple) else plain


def _without(row: tuple[int, ...], added: tuple[int, ...]) -> tuple[int, ...]:
    """The row without what was added around it: as much of `added` in front as it begins with, the rest behind."""
    for front in range(len(added), -1, -1):
        behind = len(added) - front
        if row[:front] == added[:front] and row[len(row) - behind :] == added[front:] and len(row) >= len(added):
            return row[front : len(row) - behind]
    return row


def _as_tensor(ids: list[int]) -> Any:
    # Whoever has a tokenizer for tensors has loaded torch; this package does not load it for those who have not.
    torch: Any = sys.modules.get("torch")
    return np.array(ids) if torch is None else torch.tensor(ids)


def _first_method(tokenizer: Any, names: Sequence[str]) -> Callable[..., Any] | None:
    methods = (getattr(tokenizer, name, None) for name in names)
    return next((method for method in methods if callable(method)), None)


def _named(method: Callable[..., Any], name: str) -> bool:
    return name in _parameters(method)


def _takes(method: Callable[..., Any], name: str) -> bool:
    known = _parameters(method)
    return name in known or "**" in known


def _parameters(method: Callable[..., Any]) -> frozenset[str]:
    """Names of what a method takes, and "**" where it takes any keyword."""
    plain = getattr(method, "__func__", None)
    if plain is None and inspect.isroutine(method):
        return _signature(method)
    return _signature(plain or type(method).__call__)


@lru_cache(maxsize=256)
def _signature(function: Callable[..., Any]) -> frozenset[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled code that does not say what it takes
        return frozenset()
    return frozenset("**" if each.kind is each.VAR_KEYWORD else each.name for each in parameters)
