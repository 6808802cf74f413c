"""Which path a model takes: the fastest one that gave the same numbers as the plainest."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.batching import TokenBudget
from llm_attr_widget.models.huggingface.forward import started, teacher_forced
from llm_attr_widget.models.huggingface.paths import Job, OneByOne, Padded, Path, Refed, refed
from llm_attr_widget.models.huggingface.stepwise import StepwiseAligned, StepwisePadded
from llm_attr_widget.models.huggingface.tree.images import PackedImages, packable_images
from llm_attr_widget.models.huggingface.tree.packed import Packed, packable
from llm_attr_widget.types import LogProbs, Prompt

_log = logging.getLogger(__name__)

# What a model can raise when it is called in a way it does not know.
_REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    AttributionError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)

PATHS: tuple[Path, ...] = (Packed(), PackedImages(), Padded(), OneByOne(), StepwisePadded(), StepwiseAligned(), Refed())


@dataclass
class Settled:
    """What was found out about a model. Names and numbers only, so that it does not keep the model alive.

    path: name of the path that gave the right numbers. checked: the longest sequence it was checked on.
    """

    path: str
    checked: int
    budgets: dict[str, TokenBudget] = field(default_factory=dict[str, TokenBudget])


def path_named(name: str) -> Path:
    return next(path for path in PATHS if path.name == name)


def candidates(anatomy: Anatomy, scoring: str, *, extras: frozenset[str]) -> tuple[Path, ...]:
    """Paths that may be right, fastest first, for a model that one pass is right for. extras: names of the prompts'."""
    if scoring == "stepwise":
        return (StepwiseAligned(),) if extras else (StepwisePadded(), StepwiseAligned())
    if extras:
        return (PackedImages(), Padded()) if packable_images(anatomy, extras) else (Padded(),)
    return (Packed(), Padded()) if packable(anatomy) else (Padded(),)


def probe(anatomy: Anatomy, prompts: Sequence[Prompt], target: tuple[int, ...], scoring: str) -> tuple[Path, LogProbs]:
    """The path to take from now on, and the prompts' true scores. prompts: one or two, the longest last.

    Cost: a plain pass for each prompt, one more without the target, and the candidate's own passes.
    """
    truth = np.concatenate([teacher_forced(anatomy, [prompt], target) for prompt in prompts])
    if not _one_pass_is_right(anatomy, prompts[-1], target, truth[-1]):
        _log.warning(
            "%s reads later tokens when it scores earlier ones: every prompt is read again for each target token.",
            anatomy.name,
        )
        return Refed(), _all_scores(Refed(), anatomy, prompts, target, TokenBudget(1))
    if len(prompts) == 1:
        return (Refed() if scoring == "stepwise" else OneByOne()), truth
    extras = frozenset(name for prompt in prompts for name in prompt.extras or ())
    for path in candidates(anatomy, scoring, extras=extras):
        reason = _differs(path, anatomy, prompts, target, truth)
        if reason is None:
            return path, truth
        _log.warning("%s: the path %r is not used, %s.", anatomy.name, path.name, reason)
    return (Refed() if scoring == "stepwise" else OneByOne()), truth


def tolerance(dtype: torch.dtype) -> float:
    """Largest difference in nats that rounding explains. Half precision is looser: its logits have 8 or 11 bits."""
    return {torch.bfloat16: 0.4, torch.float16: 0.06}.get(dtype, 1e-4)


def _one_pass_is_right(anatomy: Anatomy, prompt: Prompt, target: tuple[int, ...], one_pass: LogProbs) -> bool:
    """Whether reading the whole target changes the scores of its first tokens."""
    last = len(target) - 1
    # A model of one's own may look ahead by a few tokens only, so more places are looked at.
    places = {0} if anatomy.known else {0, last // 2, last - 1}
    looked_at = sorted(place for place in places if 0 <= place < last)
    alone = np.array([refed(anatomy, prompt, target, place) for place in looked_at], dtype=np.float32)
    return _close(anatomy, one_pass[looked_at], alone)


def _differs(
    path: Path, anatomy: Anatomy, prompts: Sequence[Prompt], target: tuple[int, ...], truth: LogProbs
) -> str | None:
    """Why a path must not be taken, None if it may."""
    longest = len(started(prompts[-1], anatomy)) + len(target)
    # Padded rows must share a batch to be tried; the tree must be cut, so that keys are carried from row to row.
    tokens = longest // 2 if isinstance(path, Packed | PackedImages) else 2 * longest
    try:
        scores = _all_scores(path, anatomy, prompts, target, TokenBudget(max(1, tokens), most=max(1, tokens)))
    except _REFUSALS as error:
        return f"it raised {type(error).__name__}: {error}"
    if _close(anatomy, scores, truth):
        return None
    return f"its scores are off by up to {float(np.nanmax(np.abs(scores - truth))):.2g} nats"


def _close(anatomy: Anatomy, scores: LogProbs, truth: LogProbs) -> bool:
    return bool(np.allclose(scores, truth, rtol=tolerance(anatomy.dtype) / 20, atol=tolerance(anatomy.dtype)))


def _all_scores(
    path: Path, anatomy: Anatomy, prompts: Sequence[Prompt], target: tuple[int, ...], budget: TokenBudget
) -> LogProbs:
    scores = np.full((len(prompts), len(target)), np.nan, dtype=np.float32)
    for batch in path.score(Job(anatomy, prompts, target, budget)):
        scores[list(batch.rows)] = batch.log_probs
    return scores
