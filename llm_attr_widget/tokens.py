"""Between text and token ids: encoding many texts, and one display text per token that joins to the whole.

No tokenizer says which stretch of text each of its tokens stands for in a way that always works: a character can be
spread over several tokens (byte-level BPE, byte fallback), a token can change its text with its neighbours
(SentencePiece's ▁, WordPiece's ##), and normalisation can lose what was written. Here this is worked out once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

from llm_attr_widget.types import Tokenizer

_CONTEXT = 5
"""Tokens decoded together with the next one: enough for a space or a character that depends on its neighbours."""

_BROKEN = "\ufffd"
"""What decoders write for bytes that are no character (yet)."""


def encode(tokenizer: Tokenizer, texts: Sequence[str], *, add_special_tokens: bool = True) -> list[tuple[int, ...]]:
    """Token ids of each text. Equal texts are encoded once; fast tokenizers get all texts in one call."""
    distinct = list(dict.fromkeys(texts))
    if getattr(tokenizer, "is_fast", False) and distinct:
        batch = cast(Any, tokenizer)(distinct, add_special_tokens=add_special_tokens)["input_ids"]
    else:
        batch = [tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"] for text in distinct]
    ids = {text: tuple(int(i) for i in row) for text, row in zip(distinct, batch, strict=True)}
    return [ids[text] for text in texts]


def tokenizer_of(given: Any) -> Any:
    """The tokenizer of a processor, which has one beside its image processor; anything else is given back."""
    return getattr(given, "tokenizer", given)


def special_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Ids of the tokens that mark something (bos, eos, turns). The unk token is not one: it stands for a word."""
    unknown = getattr(tokenizer, "unk_token_id", None)
    markers = {getattr(tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "pad", "cls", "sep")}
    return frozenset(i for i in tokenizer.all_special_ids if i != unknown or i in markers)


def special_texts(tokenizer: Tokenizer) -> tuple[str, ...]:
    """How the special tokens are written, such as "<s>", longest first."""
    texts = tokenizer.convert_ids_to_tokens(sorted(special_ids(tokenizer)))
    return tuple(sorted({text for text in texts if text}, key=lambda text: (-len(text), text)))


def token_texts(tokenizer: Tokenizer, ids: Sequence[int]) -> tuple[str, ...]:
    """One text per token; joined, they are exactly `tokenizer.decode(ids)`.

    A character that is spread over several tokens belongs to the first of them (to the last, when the tokenizer's
    decoder leaves out what is unfinished instead of writing U+FFFD); the others have an empty text.
    Cost: about three short decodings per token.
    """
    ids = [int(i) for i in ids]
    if not ids:
        return ()
    whole = tokenizer.decode(ids)
    texts = _by_windows(tokenizer, ids)
    if "".join(texts) == whole:
        return texts
    # A later token changed how an earlier one is written (tidied spaces): compare every beginning with the whole.
    beginnings = [tokenizer.decode(ids[: end + 1]) for end in range(len(ids))]
    return _cut(whole, _ends(whole, beginnings))


def aligned_texts(tokenizer: Tokenizer, text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The ids of `tokenizer(text)`, and for each the stretch of `text` it stands for; joined, they are `text`.

    Tokens that the tokenizer added (bos) have an empty text. Whitespace that no token holds goes with the token after
    it, and a character that is spread over several tokens with the first of them.
    """
    if getattr(tokenizer, "is_fast", False):
        encoded = cast(Any, tokenizer)(text, return_offsets_mapping=True)
        ids = tuple(int(i) for i in encoded["input_ids"])
        return ids, _cut(text, [int(end) for _, end in encoded["offset_mapping"]])
    ids = tuple(int(i) for i in tokenizer(text)["input_ids"])
    special = special_ids(tokenizer)
    names = tokenizer.convert_ids_to_tokens(list(ids))
    # Special tokens that were added are in the decoded text but not in the text itself.
    own = tuple(
        "" if i in special and name not in text else surface
        for i, name, surface in zip(ids, names, token_texts(tokenizer, ids), strict=True)
    )
    decoded = "".join(own)
    if decoded == text:
        return ids, own
    if decoded == f" {text}":  # SentencePiece puts a space before the text
        first = next(i for i, surface in enumerate(own) if surface)
        return ids, (*own[:first], own[first][1:], *own[first + 1 :])
    return ids, _found(text, own)


def _by_windows(tokenizer: Tokenizer, ids: list[int]) -> tuple[str, ...]:
    """Texts from decoding each token together with the few before it."""
    texts: list[str] = []
    start, done = 0, 0
    pending: list[str] = []
    for end in range(1, len(ids) + 1):
        before = tokenizer.decode(ids[start:done])
        pending.append(tokenizer.decode(ids[start:end])[len(before) :])
        # Up to four tokens may make one character: wait until it is whole.
        if not pending[-1].endswith(_BROKEN) or end == len(ids) or len(pending) >= _CONTEXT:
            texts += _cut(pending[-1], _ends(pending[-1], pending))
            pending = []
            start, done = max(end - _CONTEXT, done), end
    return tuple(texts)


def _ends(whole: str, beginnings: Sequence[str]) -> list[int]:
    """For each beginning, how far it agrees with the whole; one character further where it ends inside a character."""
    ends: list[int] = []
    for beginning in beginnings:
        end = _agreement(whole, beginning)
        ends.append(end + 1 if end < len(whole) and beginning[end : end + 1] == _BROKEN else end)
    return ends


def _agreement(a: str, b: str) -> int:
    """Length of the longest common beginning."""
    limit = min(len(a), len(b))
    if a[:limit] == b[:limit]:
        return limit
    return next(i for i in range(limit) if a[i] != b[i])


def _cut(text: str, ends: Sequence[int]) -> tuple[str, ...]:
    """`text` cut at `ends`, made to ascend; what is left over goes with the last piece that has a text."""
    cuts = [0]
    for end in ends:
        cuts.append(min(max(cuts[-1], end), len(text)))
    last = max((i for i in range(1, len(cuts)) if cuts[i] > cuts[i - 1]), default=len(cuts) - 1)
    cuts[last:] = [len(text)] * (len(cuts) - last)
    return tuple(text[a:b] for a, b in pairwise(cuts))


def _found(text: str, surfaces: Sequence[str]) -> tuple[str, ...]:
    """Where each token's letters stand in a text that the tokenizer does not give back as it was.

    Case, accents and spaces are left out of account; what lies between two tokens that were found goes with the
    unknown tokens between them, else with the later one.
    """
    plain = _plain(text)
    ends: list[int] = []
    unknown: list[int] = []
    position = 0
    for i, surface in enumerate(surfaces):
        letters = _plain(surface).strip()
        letters = letters[2:] if letters.startswith("##") and len(letters) > 2 else letters
        at = plain.find(letters, position, position + len(letters) + 64) if letters else -1
        if at < 0:
            ends.append(position)
            if letters:
                unknown.append(i)
            continue
        if unknown:
            ends[unknown[0]] = position + len(plain[position:at].rstrip())
        position = at + len(letters)
        ends.append(position)
        unknown = []
    if unknown:
        ends[unknown[0]] = len(text)
    return _cut(text, ends)


def _plain(text: str) -> str:
    """As long as `text`, each character in lower case and without its accent."""
    return "".join(unicodedata.normalize("NFKD", c)[0].lower()[:1] or c for c in text)
