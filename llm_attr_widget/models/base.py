"""What every back end checks before it calls its model, and how generation arguments are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

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


def before(start: tuple[int, ...], target: Sequence[int]) -> tuple[int, ...]:
    """What a decoder reads before ids of the caller's: what is forced after its start token is not read twice, where
    they begin with it themselves.
    """
    forced = start[1:]
    return start[:1] if forced and tuple(target[: len(forced)]) == forced else start


def generation_options(given: Any) -> dict[str, Any]:
    """Generation arguments as a dict: a mapping, or transformers' GenerationConfig, which is then one of them.

    Raises InputError for anything else.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given))
    if callable(getattr(given, "to_diff_dict", None)):
        return {"generation_config": given}
    raise InputError(
        f"Expected generation arguments as a dict or a GenerationConfig, got {type(given).__name__}. "
        'Write gen_args={"do_sample": True, "temperature": 0.7}.'
    )


def flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """All that is asked for by name: arguments, and before them what a `generation_config` among them sets."""
    config = options.get("generation_config")
    told = {} if config is None else dict(config if isinstance(config, Mapping) else config.to_diff_dict())
    # A version is no argument, and what a config says None of it leaves open.
    known = {name: value for name, value in told.items() if name != "transformers_version" and value is not None}
    return {**known, **{name: value for name, value in options.items() if name != "generation_config"}}


def length_asked(options: Mapping[str, Any], otherwise: int) -> tuple[int, dict[str, Any]]:
    """How many tokens to write, and the options without that: their `max_new_tokens` counts before `otherwise`.

    Raises InputError unless it is a whole number of at least 1.
    """
    asked = flat(options).get("max_new_tokens")
    most = otherwise if asked is None else asked
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise InputError(f"max_new_tokens must be 1 or more, not {most!r}.")
    return most, {name: value for name, value in options.items() if name != "max_new_tokens"}
