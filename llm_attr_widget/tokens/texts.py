"""One display text per token; joined, they are the whole: what was decoded, or the text that was encoded.

No tokenizer says which stretch of text each of its tokens stands for in a way that always works: a character can be
spread over several tokens (byte-level BPE, byte fallback), a token can change its text with its neighbours
(SentencePiece's ▁, WordPiece's ##), and normalisation can lose what was written. Here this is worked out once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from llm_attr_widget.tokens.asking import decode, ids_of, offsets_of, token_names
from llm_attr_widget.tokens.control import special_ids
from llm_attr_widget.tokens.encoding import Ids, around, encode

_CONTEXT = 5
"""Tokens decoded together with the next one: enough for a space or a character that depends on its neighbours."""

_BROKEN = "\ufffd"
"""What decoders write for bytes that are no character (yet)."""


def token_texts(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """One text per token; joined, they are exactly what the tokenizer decodes all of them to.

    A character that is spread over several tokens belongs to the first of them (to the last, when the tokenizer's
    decoder leaves out what is unfinished instead of writing U+FFFD); the others have an empty text.
    Cost: about three short decodings per token.
    """
    ids = [int(i) for i in ids]
    if not ids:
        return ()
    whole = decode(tokenizer, ids)
    texts = _by_windows(tokenizer, ids)
    if "".join(texts) == whole:
        return texts
    # A later token changed how an earlier one is written (tidied spaces): compare every beginning with the whole.
    beginnings = [decode(tokenizer, ids[: end + 1]) for end in range(len(ids))]
    return _cut(whole, _ends(whole, beginnings))


def aligned_texts(tokenizer: Any, text: str) -> tuple[Ids, tuple[str, ...]]:
    """The text's ids as `encode` makes them, and for each the stretch of `text` it stands for; joined, they are `text`.

    Tokens that the tokenizer added (bos) have an empty text. Whitespace that no token holds goes with the token after
    it, and a character that is spread over several tokens with the first of them.
    """
    ids = encode(tokenizer, [text])[0]
    for special in (True, False):
        # Without special tokens where the text has them itself: `encode` leaves out the second ones.
        found = offsets_of(tokenizer, text, special=special)
        added = None if found is None else around(ids, found[0])
        if found is not None and added is not None:
            front, back = added
            return ids, (*[""] * len(front), *_cut(text, found[1]), *[""] * len(back))
    return ids, _without_offsets(tokenizer, text, ids)


def _without_offsets(tokenizer: Any, text: str, ids: Ids) -> tuple[str, ...]:
    added = around(ids, ids_of(tokenizer, [text], special=False)[0])
    if added is not None:
        front, back = added
        inner = ids[len(front) : len(ids) - len(back)]
        own = (*[""] * len(front), *token_texts(tokenizer, inner), *[""] * len(back))
    else:
        # Special tokens that were added are in the decoded text but not in the text itself.
        special, names = special_ids(tokenizer), token_names(tokenizer, ids)
        own = tuple(
            "" if i in special and name not in text else surface
            for i, name, surface in zip(ids, names, token_texts(tokenizer, ids), strict=True)
        )
    decoded = "".join(own)
    if decoded == text:
        return own
    if decoded == f" {text}":  # SentencePiece puts a space before the text
        first = next(i for i, surface in enumerate(own) if surface)
        return (*own[:first], own[first][1:], *own[first + 1 :])
    return _found(text, own)


def _by_windows(tokenizer: Any, ids: list[int]) -> tuple[str, ...]:
    """Texts from decoding each token together with the few before it."""
    texts: list[str] = []
    start, done = 0, 0
    pending: list[str] = []
    for end in range(1, len(ids) + 1):
        before = decode(tokenizer, ids[start:done])
        pending.append(decode(tokenizer, ids[start:end])[len(before) :])
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
