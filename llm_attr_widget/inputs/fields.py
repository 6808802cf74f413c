"""A prompt in fields, each edited on its own: and which text is in which field where all were edited as one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError

_AT_ONCE = 1 << 20
"""So many pairs of a field's beginning and end are compared together."""


_BETWEEN = "that what stands between them is found unchanged, so that it can be told which text is whose"
_REPEATED = "that a text which stands in several places is the same in all of them"


@dataclass(frozen=True, slots=True)
class Field:
    """A stretch of a prompt as it is edited. Joined, the fields' texts are the prompt as one text.

    label: whose words these are ("user", "document") or which slot's; "" where nothing is to be told apart.
    fixed: why it cannot be edited, in a sentence; "" where it can.
    repeats: the field, by its position, whose text stands here once more.
    """

    text: str
    label: str = ""
    fixed: str = ""
    repeats: int | None = None


def joined(fields: Sequence[Field]) -> str:
    """The prompt as one text."""
    return "".join(field.text for field in fields)


def fits(fields: Sequence[Field], texts: Sequence[str]) -> bool:
    """Whether these are texts for the fields: one for each, fixed ones as they are, repeated ones repeated."""
    return len(texts) == len(fields) and all(
        text == (field.text if field.fixed else text if field.repeats is None else texts[field.repeats])
        for field, text in zip(fields, texts, strict=True)
    )


def alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    if other.startswith(one):
        return len(one)
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def texts_in(fields: Sequence[Field], whole: str) -> tuple[str, ...]:
    """The text of each field, from all of them edited as one text.

    What stands between the fields must be found in it unchanged and in order. Where it is found at several places,
    those count that leave most of each field's text as it was at its beginning and its end, and most fields untouched.
    Raises InputError where it is not found, and where it cannot be told which text belongs to which field.
    Cost: for each field a comparison of all the places where it may begin with all where it may end.
    """
    if whole == joined(fields):
        return tuple(field.text for field in fields)
    between, free = _apart(fields)
    body = whole[len(between[0]) : len(whole) - len(between[-1])]
    framed = whole == between[0] + body + between[-1]
    cuts = _cuts([fields[at].text for at in free], between[1:-1], body) if framed and free else None
    if cuts is None:
        raise InputError(_refusal(fields, _BETWEEN))
    given = {at: body[start:end] for at, (start, end) in zip(free, cuts, strict=True)}
    texts = tuple(given.get(at, field.text) for at, field in enumerate(fields))
    if not fits(fields, texts):
        raise InputError(_refusal(fields, _REPEATED))
    return texts


def _apart(fields: Sequence[Field]) -> tuple[list[str], list[int]]:
    """The fixed texts before, between and after the other fields, and the positions of these."""
    between, free = [""], list[int]()
    for at, field in enumerate(fields):
        if field.fixed:
            between[-1] += field.text
        else:
            free.append(at)
            between.append("")
    return between, free


def _cuts(before: Sequence[str], between: Sequence[str], body: str) -> list[tuple[int, int]] | None:
    """Where each text now begins and ends; None where that is nowhere, or at several places just as well.

    before: the texts as they were. Dynamic programming over the places of what stands between them.
    """
    starts = np.zeros(1, dtype=np.int64)
    best, ways = np.zeros(1), np.ones(1)
    steps: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    for at, text in enumerate(before):
        last = at == len(before) - 1
        ends = np.array([len(body)] if last else list(_found(between[at], body)), dtype=np.int64)
        if len(ends) == 0:
            return None
        best, ways, came = _step(text, body, starts, ends, best, ways)
        steps.append((starts, ends, came))
        starts = ends if last else ends + len(between[at])
    if not np.isfinite(best[0]) or ways[0] > 1:
        return None
    cuts: list[tuple[int, int]] = []
    end = 0
    for begins, ends, came in reversed(steps):
        start = int(came[end])
        cuts.append((int(begins[start]), int(ends[end])))
        end = start
    return cuts[::-1]


def _step(
    text: str,
    body: str,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    best: NDArray[np.float64],
    ways: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Of each end the fewest characters that change up to there, in how many ways (at most 2), and from which start."""
    same = np.array([alike(text, body[start : start + len(text)]) for start in starts])
    tail = np.array([alike(text[::-1], body[max(0, end - len(text)) : end][::-1]) for end in ends])
    cost = np.empty(len(ends))
    count, came = np.empty(len(ends)), np.empty(len(ends), dtype=np.int64)
    block = max(1, _AT_ONCE // len(starts))
    for first in range(0, len(ends), block):
        some = slice(first, first + block)
        length = ends[None, some] - starts[:, None]
        kept = np.minimum(same[:, None] + tail[None, some], np.minimum(len(text), length))
        changed = len(text) + length - 2 * kept
        total = np.where(length >= 0, best[:, None] + changed + 0.5 * (changed > 0), np.inf)
        cost[some], came[some] = total.min(axis=0), total.argmin(axis=0)
        count[some] = np.minimum(2, np.where(total == cost[some], ways[:, None], 0).sum(axis=0))
    return cost, count, came


def _found(what: str, body: str) -> Iterator[int]:
    """Where it stands in the text; nothing stands everywhere."""
    at = body.find(what)
    while at >= 0:
        yield at
        at = body.find(what, at + 1)


def _refusal(fields: Sequence[Field], expected: str) -> str:
    reasons = [field.fixed for field in fields if field.fixed and field.text.strip()]
    editable = [field.label for field in fields if not field.fixed and field.repeats is None]
    if not editable:
        return f"{reasons[0] if reasons else 'This prompt has no text that can be edited.'} Make another AttrWidget."
    named = ", ".join(repr(label) if label else "text" for label in editable)
    return (
        f"This prompt has {len(editable)} fields ({named}), and of a text for all of them it is expected {expected}. "
        "Edit each field by its own text, or make another AttrWidget for another prompt."
    )
