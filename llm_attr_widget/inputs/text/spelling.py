"""Token ids of an edited text: those of words that were not edited stay as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from llm_attr_widget.inputs.fields import alike
from llm_attr_widget.tokens import decode, encode
from llm_attr_widget.types import Tokenizer


def respelled(
    tokenizer: Tokenizer, before: Sequence[int], ids: Sequence[int], texts: Sequence[str], text: str
) -> tuple[int, ...]:
    """Ids that spell this text where others did; the same where it is the same.

    before: the ids in front of them. texts: what each of the ids stood for.
    The tokenizer's own ids of the whole text where the others were that, too; else those of the words between the first
    and the last that changed, put between the ids of the words around them; each only where decoding gives the text.
    """
    was = "".join(texts)
    if text == was:
        return tuple(ids)
    wanted = decode(tokenizer, before) + text
    for found in _candidates(tokenizer, ids, texts, text):
        if decode(tokenizer, [*before, *found]) == wanted:
            return found
    return _encoded(tokenizer, text)


def _candidates(tokenizer: Tokenizer, ids: Sequence[int], texts: Sequence[str], text: str) -> Iterator[tuple[int, ...]]:
    was = "".join(texts)
    # Behind a special token many tokenizers decode a space that they put there by themselves.
    for bare in (was, was.lstrip()):
        if _encoded(tokenizer, bare) == tuple(ids):
            yield _encoded(tokenizer, text)
            yield _encoded(tokenizer, text.lstrip())
    first, last = _changed(was, text)
    ends = list(accumulate(map(len, texts), initial=0))
    head = max(at for at, end in enumerate(ends) if end <= first)
    tail = min((at for at, start in enumerate(ends) if start >= len(was) - last and at >= head), default=len(ids))
    middle = text[ends[head] : len(text) - (len(was) - ends[tail])]
    for words in (middle, middle.lstrip()):
        yield (*ids[:head], *_encoded(tokenizer, words), *ids[tail:])
    yield _encoded(tokenizer, text.lstrip())


def _changed(was: str, now: str) -> tuple[int, int]:
    """How much both begin and end with, in whole words, the space before a word being part of it."""
    first = alike(was, now)
    while first and not was[first : first + 1].isspace():
        first -= 1
    rest = min(len(was), len(now)) - first
    last = min(rest, alike(was[::-1], now[::-1]))
    while last and not was[len(was) - last].isspace():
        last -= 1
    return first, last


def _encoded(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return encode(tokenizer, [text], add_special_tokens=False)[0]
