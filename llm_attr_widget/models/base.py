"""What every back end checks before it calls its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_attr_widget.errors import InputError, TargetError
from llm_attr_widget.types import Prompt


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model can read.

    vocabulary: number of token ids it knows, or None where it cannot be told before a call.
    max_positions: most tokens in one sequence, or None where there is no limit.
    separate: whether prompt and target are two sequences (encoder-decoder) rather than one.
    """

    vocabulary: int | None
    max_positions: int | None
    separate: bool = False


def check_target(target: Sequence[int], limits: Limits) -> tuple[int, ...]:
    """The target as a tuple of plain ints. Raises TargetError if it is empty or outside the vocabulary."""
    ids = tuple(int(token) for token in target)
    if not ids:
        raise TargetError(
            "The target is empty: there is no token to score. Give at least one target token, or let the model "
            "generate one with a larger max_new_tokens."
        )
    if limits.vocabulary is not None and not all(0 <= token < limits.vocabulary for token in ids):
        wrong = next(token for token in ids if not 0 <= token < (limits.vocabulary or 0))
        raise TargetError(
            f"Target token id {wrong} is outside the model's vocabulary of {limits.vocabulary} tokens. "
            "Use the tokenizer that belongs to the model."
        )
    return ids


def check_prompts(prompts: Sequence[Prompt], target: Sequence[int], limits: Limits) -> None:
    """Raises InputError for ids outside the vocabulary, TargetError where prompt and target do not fit together."""
    for prompt in prompts:
        if limits.vocabulary is not None and prompt.ids:
            low, high = min(prompt.ids), max(prompt.ids)
            if low < 0 or high >= limits.vocabulary:
                raise InputError(
                    f"Prompt token id {low if low < 0 else high} is outside the model's vocabulary of "
                    f"{limits.vocabulary} tokens. The tokenizer does not fit the model: use the one that belongs to it."
                )
    if limits.max_positions is None or not prompts:
        return
    longest = max(len(prompt.ids) for prompt in prompts)
    # The last target token is only predicted, never read.
    needed = max(longest, len(target)) if limits.separate else longest + len(target) - 1
    if needed > limits.max_positions:
        raise TargetError(
            f"A prompt of {longest} tokens and a target of {len(target)} tokens need {needed} positions, but the model "
            f"has {limits.max_positions}. Shorten the prompt or the target."
        )
