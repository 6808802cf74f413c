"""Which tokens are no one's words: special tokens, and control tokens that a tokenizer was given without saying so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from llm_attr_widget.tokens.asking import ids_of, named_id, token_id, token_names

_ROLES = ("bos", "eos", "pad", "cls", "sep")

# How control tokens are written: <|im_start|>, <｜User｜>, <think>, </s>, [INST], [/INST], [gMASK], <<SYS>>.
_MARK = re.compile(r"<[|｜][^\n]*[|｜]>|<<?/?[^<>\s]+>?>|\[/?[A-Za-z][A-Za-z0-9_]*\]")
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
"""A byte of a character that the vocabulary does not have: part of a word, whatever it is registered as."""


def special_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of the tokens that mark something (bos, eos, turns). The unk token is not one: it stands for a word.

    With those of the added vocabulary that are special though no role names them, are written as marks are, or stand
    in the chat template.
    """
    unknown = named_id(tokenizer, "unk")
    markers = {found for role in _ROLES if (found := named_id(tokenizer, role)) is not None}
    control = {
        i
        for i, (text, special) in _added(tokenizer).items()
        if not _BYTE.fullmatch(text) and (special or _is_mark(tokenizer, text))
    }
    return frozenset(i for i in {*_told(tokenizer), *markers, *control} if i != unknown or i in markers)


def special_texts(tokenizer: Any) -> tuple[str, ...]:
    """How the special tokens are written, such as "<s>", longest first."""
    return _longest_first(token_names(tokenizer, sorted(special_ids(tokenizer))))


def added_texts(tokenizer: Any) -> tuple[str, ...]:
    """How all added tokens are written, words among them, longest first. A text is never cut inside one."""
    return _longest_first([text for text, _ in _added(tokenizer).values()])


def _longest_first(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text.strip()}, key=lambda text: (-len(text), text)))


def _told(tokenizer: Any) -> set[int]:
    """What a tokenizer says its special tokens are; where it says nothing, what it puts around an empty text."""
    ids = getattr(tokenizer, "all_special_ids", None)
    if ids is not None:
        return {int(i) for i in ids}
    names = getattr(tokenizer, "all_special_tokens", None)
    if names is not None:
        return {found for name in names if (found := token_id(tokenizer, str(name))) is not None}
    bare = set(ids_of(tokenizer, [""], special=False)[0])
    return set(ids_of(tokenizer, [""], special=True)[0]) - bare


def _added(tokenizer: Any) -> dict[int, tuple[str, bool]]:
    """The added vocabulary: each id's text, and whether it was added as a special token."""
    found = getattr(tokenizer, "added_tokens_decoder", None)
    if found is None and callable(ask := getattr(tokenizer, "get_added_tokens_decoder", None)):
        found = ask()
    if isinstance(found, Mapping):
        tokens = cast("Mapping[Any, Any]", found).items()
        return {int(i): (str(getattr(t, "content", t)), bool(getattr(t, "special", False))) for i, t in tokens}
    ask = getattr(tokenizer, "get_added_vocab", None)
    by_text = cast("Mapping[str, int]", ask()) if callable(ask) else {}
    return {int(i): (str(text), False) for text, i in by_text.items()}


def _is_mark(tokenizer: Any, text: str) -> bool:
    bare = text.strip()
    if _MARK.fullmatch(bare):
        return True
    template = getattr(tokenizer, "chat_template", None)
    return isinstance(template, str) and bool(bare) and not bare.isalnum() and bare in template
