"""From coarse to fine: a grid first, then the segments that matter, split in four again and again (a quad-tree)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from llm_attr_widget.engine.run import attribute
from llm_attr_widget.errors import InputError
from llm_attr_widget.game.targets import TargetLike
from llm_attr_widget.inputs.image.prompt import ImageInput
from llm_attr_widget.result.attribution import Attribution


def refine(
    model: Any,
    processor: Any,
    prompt: ImageInput,
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
    """Attributions of finer and finer segments where it matters, each a game of its own; the last is the finest.

    Their provenance says what was split.

    prompt: its segments must be boxes (a grid). budget: coalitions in all, as many for each of the `splits` + 1 rounds.
    share: the fewest segments that have this share of all |attribution| are split, those alone that are more than two
    standard errors from zero. Ends early where there is nothing to split. Other arguments are those of `attribute`.
    Raises InputError for segments that are no boxes, MethodError for a budget that is too small for one round.
    """
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
        told = replace(result.provenance, granularity=prompt.units + done)
        rounds.append(replace(result, provenance=told))
        chosen = worth_splitting(result, prompt, share)
        if round_ == splits or not chosen or result.phase == "stopped":
            break
        target, prompt = result.target, prompt.split(chosen)
        done = f" ({spent} calls on coarser segments before)"
    return rounds


def worth_splitting(result: Attribution, prompt: ImageInput, share: float) -> tuple[int, ...]:
    """The fewest segments that have `share` of all segments' |attribution|, less those that may be zero."""
    count = len(prompt.segmentation.names)
    scores = np.abs(result.sequence[:count])
    errors = np.nan_to_num(result.sequence_standard_errors[:count], nan=np.inf)  # not known is not small
    order = np.argsort(-scores, kind="stable")
    before = np.cumsum(scores[order]) - scores[order]
    boxes = prompt.segmentation.boxes or ((0, 0, 2, 2),) * count
    return tuple(
        sorted(
            int(segment)
            for segment, behind in zip(order, before, strict=True)
            if behind < share * scores.sum() and scores[segment] > 2 * errors[segment] and _divisible(boxes[segment])
        )
    )


def _divisible(box: tuple[int, int, int, int]) -> bool:
    left, top, right, bottom = box
    return max(right - left, bottom - top) > 1
