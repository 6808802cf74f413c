"""What is odd about a prompt and its target before any number is known. Said with the result, not refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from llm_attr_widget.game.targets import Target, TargetLike
from llm_attr_widget.inputs.members import doubts_of, picture_of
from llm_attr_widget.tokens import named_id, token_names
from llm_attr_widget.types import Input

_SPACE = "▁"
"""How SentencePiece writes a space."""


def doubts_of_model(scorer: Any) -> tuple[str, ...]:
    """What a model says of its answers so far, in plain sentences: `doubts`, where it has that."""
    return tuple(getattr(scorer, "doubts", ()))


def odd(
    explained: Input, tokenizer: Any, given: TargetLike | None, target: Target, *, separate: bool
) -> tuple[str, ...]:
    """Plain sentences, empty where nothing is odd. Cost: the whole prompt is encoded once more.

    given: what the target was made from, None where the model wrote it. separate: whether the model is an
    encoder-decoder, whose prompts do end.
    """
    own = doubts_of(explained)
    if tokenizer is None:
        return own
    # Rendering a picture is work, and its processor puts no end behind the prompt.
    ended = not separate and picture_of(explained) is None
    spaced = isinstance(given, str) and not separate
    return (*own, *(_end(explained, tokenizer) if ended else ()), *(_lone_space(tokenizer, target) if spaced else ()))


def _end(explained: Input, tokenizer: Any) -> Iterator[str]:
    ids = explained.render(np.ones((1, len(explained.features)), dtype=bool), np.random.default_rng(0))[0].ids
    shown = "".join(piece.text for piece in explained.pieces).rstrip()
    for role in ("eos", "sep"):
        end = named_id(tokenizer, role)
        if end is None or len(ids) < 2 or ids[-1] != end:
            continue
        name = token_names(tokenizer, [end])[0]
        if not shown.endswith(name):
            yield (
                f"the tokenizer ends the prompt with {name!r}, so the target is read as the beginning of another text: "
                "give a tokenizer that does not add it (add_eos_token=False), or token ids without it"
            )
            return


def _lone_space(tokenizer: Any, target: Target) -> Iterator[str]:
    names = token_names(tokenizer, target.ids[:2])
    if len(names) == 2 and names[0] == _SPACE:
        yield (
            f"the target begins with a space that is a token of its own ({_SPACE!r}), which a model hardly ever "
            "writes: give the target without the space before it, or as token ids"
        )
