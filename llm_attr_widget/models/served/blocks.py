"""A block of prompts asked of one server: what is answered is kept, whatever becomes of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np

from llm_attr_widget.errors import AttributionError, ScoreError
from llm_attr_widget.models.blocks import halves
from llm_attr_widget.models.served.dialects import Dialect, Echo, Question
from llm_attr_widget.models.served.server import Lost, Refusal, Server
from llm_attr_widget.models.served.sharing import Outcome
from llm_attr_widget.tokens import decode
from llm_attr_widget.types import Prompt, Scored


@dataclass(frozen=True)
class Asked:
    """What is asked of each server. positions: how many tokens it takes, None where it does not say."""

    model: str
    prompts: list[Prompt]
    target: tuple[int, ...]
    tokenizer: Any
    positions: int | None


def asker(asked: Asked, server: Server, dialect: Dialect, closed: Event) -> Callable[[list[int]], Outcome]:
    """What scores blocks of rows at that server.

    A request that the server refuses, or fails at, is halved until the one prompt is found that it is about: that
    costs less than twice the logarithm of its prompts in requests, and all others have their answers.
    """
    question = Question(server.asking(closed), asked.model, asked.target, asked.tokenizer)

    def answered(rows: list[int]) -> Outcome:
        found: dict[int, list[float]] = {}
        wrong: AttributionError | None = None
        parts = [rows]
        while parts:
            part = parts.pop(0)
            ids = [asked.prompts[row].ids for row in part]
            try:
                each = _fitting(asked, dialect, ids).rows(question, ids)
            except (Refusal, Lost) as error:
                if not error.alone:
                    left = tuple(row for row in rows if row not in found) if isinstance(error, Lost) else ()
                    return Outcome(_as_scored(found, asked.target), error, left)
                if len(part) > 1 and wrong is None:
                    parts = [*halves(part), *parts]
                else:
                    wrong = wrong or error
                continue
            except AttributionError as error:  # an answer that is none, or not of this dialect
                server.hide(error)
                return Outcome(_as_scored(found, asked.target), wrong or error)
            for row, answer in zip(part, each, strict=True):
                if isinstance(answer, list):
                    found[row] = answer
                else:
                    wrong = wrong or answer
        if isinstance(wrong, Lost) and not found:
            return Outcome(None, wrong, tuple(rows))  # another server may answer what this one fails at
        if isinstance(wrong, Refusal | Lost) and found:
            wrong = _about_one(wrong, asked, next(row for row in rows if row not in found))
        return Outcome(_as_scored(found, asked.target), wrong)

    return answered


def _fitting(asked: Asked, dialect: Dialect, ids: Sequence[Sequence[int]]) -> Dialect:
    """Another way of asking the same server where a prompt leaves no room for the token that this one has written."""
    longest = max(len(each) for each in ids) + len(asked.target)
    full = asked.positions is not None and longest + dialect.spare > asked.positions
    return Echo(0) if full else dialect


def _about_one(error: AttributionError, asked: Asked, row: int) -> AttributionError:
    ids = asked.prompts[row].ids
    text = f"{ids[:12]} …" if asked.tokenizer is None else f"{decode(asked.tokenizer, ids)!r:.80}"
    said = f"One prompt, of {len(ids)} tokens ({text}), is not answered while others are: {error}"
    return Refusal(said, error.status) if isinstance(error, Refusal) else ScoreError(said)


def _as_scored(found: Mapping[int, list[float]], target: Sequence[int]) -> Scored | None:
    if not found:
        return None
    return Scored(list(found), np.array(list(found.values()), dtype=np.float32).reshape(len(found), len(target)))
