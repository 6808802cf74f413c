"""From coarse to fine: a grid first, then the segments that matter, split in four again and again (a quad-tree)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from llm_attr_widget.engine.run import attribute
from llm_attr_widget.errors import InputError
from llm_attr_widget.game.targets import TargetLike
from llm_attr_widget.inputs.members import divisible, units_of
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Input


def refine(
    model: Any,
    processor: Any,
    prompt: Input,
    target: TargetLike | None = None,
    *,
    budget: int,
    splits: int = 2,
    share: float = 0.5,
    method: str = "shapley",
    seed: int = 0,
    max_new_tokens: int = 32,
    progress: bool = True,
) -> list[Attribution]:
    """Attributions of finer and finer features where it matters, each a game of its own; the last is the finest.

    Their provenance says what was split.

    model, processor: as of `attribute`. splits: how often features are split at most.
    prompt: an ImageInput whose segments are boxes (a grid), or an input of your own with `divisible` and `split`.
    budget: coalitions of the whole, as many for each of the `splits` + 1 rounds.
    share: the fewest features that have this share of all |attribution| are split, those alone that are more than two
        standard errors from zero. Ends early where there is nothing to split.
    Other arguments are those of `attribute`.
    Raises InputError for features that cannot be split, MethodError for a budget that is too small for one round.

    >>> from llm_attr_widget import ImageInput, refine
    >>> from llm_attr_widget.demo import load_vision
    >>> import numpy as np
    >>> model, processor = load_vision()
    >>> image = np.full((64, 64, 3), 255, dtype=np.uint8)
    >>> image[8:24, 8:24] = (220, 30, 30)
    >>> prompt = ImageInput(processor, image, "What shape is red?", segments=2, baseline_image="white")
    >>> rounds = refine(model, processor, prompt, budget=64, splits=1, progress=False)
    >>> len(rounds[0].features)
    4
    """
    divisible(prompt)
    if splits < 0 or not 0 < share <= 1:
        raise InputError(f"Expected splits of at least 0 and a share in (0, 1], got {splits} and {share}.")
    each, spent, done = budget // (splits + 1), 0, ""
    rounds: list[Attribution] = []
    for round_ in range(splits + 1):
        result = attribute(
            model,
            processor,
            prompt,
            target,
            method=method,
            budget=each,
            seed=seed,
            max_new_tokens=max_new_tokens,
            progress=progress,
        )
        spent += result.provenance.calls
        told = replace(result.provenance, granularity=units_of(prompt) + done)
        rounds.append(replace(result, provenance=told))
        chosen = worth_splitting(result, prompt, share)
        if round_ == splits or not chosen or result.phase == "stopped":
            break
        target, prompt = result.target, cast(Any, prompt).split(chosen)
        done = f" ({spent} calls on coarser features before)"
    return rounds


def worth_splitting(result: Attribution, prompt: Input, share: float) -> tuple[int, ...]:
    """The fewest divisible features that have `share` of all divisible ones' |attribution|, less those that may be
    zero.
    """
    able = list(divisible(prompt))
    scores = np.abs(result.sequence[able])
    errors = np.nan_to_num(result.sequence_standard_errors[able], nan=np.inf)  # not known is not small
    order = np.argsort(-scores, kind="stable")
    before = np.cumsum(scores[order]) - scores[order]
    return tuple(
        sorted(
            able[place]
            for place, behind in zip(order.tolist(), before, strict=True)
            if behind < share * scores.sum() and scores[place] > 2 * errors[place]
        )
    )
