"""Which path a model takes: the fastest one that gave the same numbers as the plainest."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.batching import Budget, TokenBudget
from llm_attr_widget.models.huggingface.forward import Alone, alone, started
from llm_attr_widget.models.huggingface.keeping import REFUSALS, LastPositionOnly
from llm_attr_widget.models.huggingface.paths import Job, OneByOne, Padded, Path, Refed, Trust, refed
from llm_attr_widget.models.huggingface.stepwise import StepwiseAligned, StepwisePadded
from llm_attr_widget.models.huggingface.tolerance import close, largest_difference
from llm_attr_widget.models.huggingface.tree.images import PackedImages, packable_images
from llm_attr_widget.models.huggingface.tree.packed import Packed, packable
from llm_attr_widget.types import LogProbs, Prompt

_log = logging.getLogger(__name__)

PATHS: tuple[Path, ...] = (Packed(), PackedImages(), Padded(), OneByOne(), StepwisePadded(), StepwiseAligned(), Refed())


@dataclass
class Settled:
    """What was found out about a model. Names and numbers only, so that it does not keep the model alive.

    path: name of the path that gave the right numbers. checked: the longest sequence it was checked on.
    refused: names of paths that were found wrong after they had been settled on.
    """

    path: str
    checked: int
    budgets: dict[str, TokenBudget] = field(default_factory=dict[str, TokenBudget])
    trust: Trust = field(default_factory=Trust)
    refused: set[str] = field(default_factory=set[str])


@dataclass(frozen=True)
class Comparison:
    """What a path said of some prompts, held against each prompt read alone.

    error: the largest difference in nats; NaN where the path raised an error, which is `raised`.
    """

    path: str
    agrees: bool
    error: float
    raised: str | None = None

    @property
    def reason(self) -> str:
        """Why the path is not to be taken."""
        return f"it raised {self.raised}" if self.raised else f"its scores are off by up to {self.error:.2g} nats"


def path_named(name: str) -> Path:
    return next(path for path in PATHS if path.name == name)


def candidates(anatomy: Anatomy, scoring: str, *, extras: frozenset[str], regime: int = 0) -> tuple[Path, ...]:
    """Paths that may be right, fastest first, for a model that one pass is right for.

    extras: names of the prompts'. regime: 0 where passes of any length up to the prompts' have the same ropes. A row of
    the tree may hold none of a prompt's last tokens, and so be too short a pass for the ropes that belong to them.
    """
    if scoring == "stepwise":
        return (StepwiseAligned(),) if extras else (StepwisePadded(), StepwiseAligned())
    if extras:
        return (PackedImages(), Padded()) if not regime and packable_images(anatomy, extras) else (Padded(),)
    return (Packed(), Padded()) if not regime and packable(anatomy) else (Padded(),)


def probe(
    anatomy: Anatomy,
    prompts: Sequence[Prompt],
    target: tuple[int, ...],
    scoring: str,
    *,
    regime: int = 0,
    refused: Collection[str] = (),
) -> tuple[Path, LogProbs]:
    """The path to take from now on, and the prompts' true scores. prompts: one or a few, the longest last.

    refused: names of paths that are not to be taken.
    Cost: a plain pass for each prompt, one more without the target, and the candidate's own passes.
    """
    plainest = Refed() if scoring == "stepwise" else OneByOne()
    try:
        each = [alone(anatomy, prompt, target) for prompt in prompts]
    except LastPositionOnly as error:
        _log.warning("%s: %s Until then it is asked for one target token at a time.", anatomy.name, error)
        return Refed(), all_scores(Refed(), anatomy, prompts, target, TokenBudget(1))
    truth = Alone(np.concatenate([one.log_probs for one in each]), max(one.largest for one in each))
    if not _one_pass_is_right(anatomy, prompts[-1], target, each[-1]):
        _log.warning(
            "%s reads later tokens when it scores earlier ones: every prompt is read again for each target token.",
            anatomy.name,
        )
        return Refed(), all_scores(Refed(), anatomy, prompts, target, TokenBudget(1))
    if len(prompts) == 1:
        return plainest, truth.log_probs
    extras = frozenset(name for prompt in prompts for name in prompt.extras or ())
    for path in candidates(anatomy, scoring, extras=extras, regime=regime):
        if path.name in refused:
            continue
        found = compare(path, anatomy, prompts, target, truth)
        if found.agrees:
            return path, truth.log_probs
        _log.warning("%s: the path %r is not used, %s.", anatomy.name, path.name, found.reason)
    return plainest, truth.log_probs


def compare(
    path: Path, anatomy: Anatomy, prompts: Sequence[Prompt], target: tuple[int, ...], truth: Alone
) -> Comparison:
    """Hold a path's scores of some prompts, the longest last, against what the model says after each alone."""
    longest = len(started(prompts[-1], anatomy)) + len(target)
    # Padded rows must share a batch to be tried; the tree must be cut, so that keys are carried from row to row.
    tokens = max(1, longest // 2 if isinstance(path, Packed | PackedImages) else len(prompts) * longest)
    try:
        scores = all_scores(path, anatomy, prompts, target, TokenBudget(tokens, most=tokens))
    except REFUSALS as error:
        return Comparison(path.name, agrees=False, error=float("nan"), raised=f"{type(error).__name__}: {error}")
    return Comparison(path.name, close(anatomy, scores, truth), largest_difference(scores, truth))


def all_scores(
    path: Path, anatomy: Anatomy, prompts: Sequence[Prompt], target: tuple[int, ...], budget: Budget
) -> LogProbs:
    """A path's scores of all prompts, `(prompts, target tokens)`."""
    scores = np.full((len(prompts), len(target)), np.nan, dtype=np.float32)
    for batch in path.score(Job(anatomy, prompts, target, budget)):
        scores[list(batch.rows)] = batch.log_probs
    return scores


def _one_pass_is_right(anatomy: Anatomy, prompt: Prompt, target: tuple[int, ...], one_pass: Alone) -> bool:
    """Whether reading the whole target changes the scores of its first tokens."""
    last = len(target) - 1
    # A model of one's own may look ahead by a few tokens only, so more places are looked at.
    places = {0} if anatomy.known else {0, last // 2, last - 1}
    looked_at = sorted(place for place in places if 0 <= place < last)
    if not looked_at:
        return True
    again = np.array([[refed(anatomy, prompt, target, place) for place in looked_at]], dtype=np.float32)
    return close(anatomy, again, replace(one_pass, log_probs=one_pass.log_probs[:, looked_at]))
