"""Text to token ids: what a tokenizer adds around a text is there once, and targets are encoded as targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_attr_widget.tokens.asking import decode, ids_of, target_ids_of
from llm_attr_widget.tokens.control import special_ids

Ids = tuple[int, ...]


def encode(tokenizer: Any, texts: Sequence[str], *, add_special_tokens: bool = True) -> list[Ids]:
    """Token ids of each text. Equal texts are encoded once; fast tokenizers get all texts in one call.

    What the tokenizer would add at an end where the text has it already is there once: rendered chat text begins with
    its own bos. Raises InputError for a text with half a surrogate pair, and for a tokenizer that cannot encode.
    Cost: the empty text is encoded too, and a text with one of the added tokens in it twice.
    """
    distinct = list(dict.fromkeys(texts))
    rows = dict(zip(distinct, ids_of(tokenizer, distinct, special=add_special_tokens), strict=True))
    added = ids_of(tokenizer, [""], special=True)[0] if add_special_tokens and texts else ()
    doubled = [text for text, row in rows.items() if any(row.count(i) > added.count(i) for i in added)]
    if doubled:
        special = special_ids(tokenizer)
        for text, plain in zip(doubled, ids_of(tokenizer, doubled, special=False), strict=True):
            rows[text] = _once(tokenizer, rows[text], plain, special)
    return [rows[text] for text in texts]


def begins_itself(tokenizer: Any, text: str) -> bool:
    """Whether a text begins with what the tokenizer would put before it."""
    return encode(tokenizer, [text])[0] != ids_of(tokenizer, [text], special=True)[0]


def around(row: Ids, plain: Ids) -> tuple[Ids, Ids] | None:
    """What stands before and behind the plain ids of a text in its row; None where they are not in it as they are."""
    for start in range(len(row) - len(plain) + 1):
        if row[start : start + len(plain)] == plain:
            return row[:start], row[start + len(plain) :]
    return None


def _once(tokenizer: Any, row: Ids, plain: Ids, special: frozenset[int]) -> Ids:
    """The row of a text without what was added at an end that has it already."""
    added = around(row, plain)
    if added is None:
        return row
    front, back = added
    before = _new(tokenizer, front, plain, special)
    # Seen from its end, a text is a text: the same rule for what is added behind.
    behind = _new(tokenizer, back[::-1], plain[::-1], special)[::-1]
    return (*before, *plain, *behind)


def _new(tokenizer: Any, added: Ids, plain: Ids, special: frozenset[int]) -> Ids:
    """As much of what is added before `plain` as the special tokens that it begins with do not say already."""
    run = 0
    while run < len(plain) and (plain[run] in special or not decode(tokenizer, plain[run : run + 1]).strip()):
        run += 1
    written = [i for i in plain[:run] if i in special]
    if any(tuple(written[at : at + len(added)]) == added for at in range(len(written))):
        return ()
    shared = next((n for n in range(len(added) - 1, 0, -1) if tuple(written[:n]) == added[len(added) - n :]), 0)
    return added[: len(added) - shared]


def encode_target(tokenizer: Any, text: str) -> tuple[Ids, Ids]:
    """A text as an encoder-decoder's tokenizer encodes targets: what each begins with, then the text's own ids.

    A target has a vocabulary of its own in Marian, and begins with its language's code in NLLB, M2M100 and mBART-50;
    the end-of-sequence token that is put behind it is left out. Without a target language (`tgt_lang`) the code is not
    known, and the text is encoded as it is.
    """
    whole, plain = target_ids_of(tokenizer, text)
    front, _ = around(whole, plain) or ((), ())
    return front, plain[len(front) :] if front and plain[: len(front)] == front else plain
