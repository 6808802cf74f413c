"""From prompts to scores: what shares a pass, which path is taken, and what happens when a path turns out wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from torch import nn

from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.batching import Budget, FixedBudget, TokenBudget
from llm_attr_widget.models.huggingface.forward import extended, started
from llm_attr_widget.models.huggingface.paths import Job, Unfit
from llm_attr_widget.models.huggingface.probe import Settled, path_named, probe
from llm_attr_widget.models.huggingface.ranks import ranks_of
from llm_attr_widget.types import Prompt, Scored

_log = logging.getLogger(__name__)

_settled: WeakKeyDictionary[nn.Module, dict[tuple[str, ...], Settled]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Part:
    """Tokens of a target that are read under the same ropes, after some of the prompts.

    rows: the prompts. columns: which tokens of the target. regime: see `Ropes.regime`.
    """

    rows: list[int]
    columns: range
    regime: tuple[int, int]


def scored(
    anatomy: Anatomy, prompts: Sequence[Prompt], target: tuple[int, ...], scoring: str, budget: Budget | None
) -> Iterator[Scored]:
    """Log-probs of the target after each prompt, batch by batch, in any order.

    budget: of tokens in a pass; None: learned from what passes cost, and remembered for the model. Where several ranks
    share the model, it is not learned.
    """
    if budget is None and ranks_of(anatomy.model) is not None:
        budget = FixedBudget(first_budget(anatomy.device.type, scoring).tokens)
    scores = np.empty((len(prompts), len(target)), dtype=np.float32)
    missing = np.full(len(prompts), len(target))
    for part in parts(anatomy, prompts, target):
        read = [extended(anatomy, prompts[row], target[: part.columns.start]) for row in part.rows]
        wanted = target[part.columns.start : part.columns.stop]
        for batch in _part_scored(anatomy, read, wanted, scoring, part.regime, budget):
            rows = np.array(part.rows)[list(batch.rows)]
            scores[rows, part.columns.start : part.columns.stop] = batch.log_probs
            missing[rows] -= len(wanted)
            done = rows[missing[rows] == 0]
            if len(done):
                yield Scored(done.tolist(), scores[done])


def parts(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int]) -> list[Part]:
    """What may share a pass, the shortest first: everything, unless ropes change with the length of a pass.

    Token k of the target is said by a model that reads `len(prompt) + k` tokens: tokens on different sides of where
    the ropes change are read apart. An encoder-decoder model's prompts are read by its encoder, the target is not.
    """
    everything = Part(list(range(len(prompts))), range(len(target)), (0, 0))
    if anatomy.ropes.constant or not prompts:
        return [everything]
    found: dict[tuple[tuple[int, int], int, int], list[int]] = {}
    for row, prompt in enumerate(prompts):
        length = len(started(prompt, anatomy))
        step = 0 if anatomy.limits.separate else 1
        regimes = [anatomy.ropes.regime(length + step * k) for k in range(len(target))]
        starts = [k for k in range(len(target)) if k == 0 or regimes[k] != regimes[k - 1]]
        for start, stop in zip(starts, [*starts[1:], len(target)], strict=True):
            found.setdefault((regimes[start], start, stop), []).append(row)
    return [Part(rows, range(start, stop), regime) for (regime, start, stop), rows in sorted(found.items())]


def _part_scored(
    anatomy: Anatomy,
    prompts: list[Prompt],
    target: tuple[int, ...],
    scoring: str,
    regime: tuple[int, int],
    budget: Budget | None,
) -> Iterator[Scored]:
    remembered = _settled.setdefault(anatomy.model, {})
    extras = sorted({name for prompt in prompts for name in prompt.extras or ()})
    beyond = int(regime != (0, 0))
    key = (scoring, str(anatomy.attention), str(anatomy.dtype), str(beyond), *extras)
    rest = sorted(range(len(prompts)), key=lambda index: len(prompts[index].ids))
    longest = len(prompts[rest[-1]].ids) + len(target) if rest else 0
    while rest:
        # A sliding window or scaled positions may only show beyond some length: longer prompts are probed anew.
        if key not in remembered or remembered[key].checked < longest:
            few = _few(rest)
            rest = [index for index in rest if index not in few]
            before = remembered.get(key, Settled("", 0))
            if key not in remembered:
                _say_what_is_changed(anatomy)
            path, scores = probe(
                anatomy, [prompts[i] for i in few], target, scoring, regime=beyond, refused=before.refused
            )
            # One prompt alone says nothing about batches: the next prompts are probed again.
            checked = longest if len(few) > 1 else 0
            remembered[key] = Settled(path.name, checked, before.budgets, before.trust, before.refused)
            yield Scored(few, scores)
            continue
        settled = remembered[key]
        learned = settled.budgets.setdefault(settled.path, first_budget(anatomy.device.type, scoring))
        job = Job(anatomy, [prompts[index] for index in rest], target, budget or learned, settled.trust)
        left = set(rest)
        try:
            for batch in path_named(settled.path).score(job):
                rows = [rest[row] for row in batch.rows]
                left.difference_update(rows)
                yield Scored(rows, batch.log_probs)
        except Unfit as error:
            _log.warning("%s: the path %r is not used any more, %s.", anatomy.name, settled.path, error)
            settled.refused.add(settled.path)
            settled.checked = 0
        rest = [index for index in rest if index in left]


def _say_what_is_changed(anatomy: Anatomy) -> None:
    own = getattr(anatomy.config, "_attn_implementation", None)
    if own != anatomy.attention:
        _log.warning(
            "%s has %s, which takes no masks of our own: it is scored under %s, and has %s again afterwards.",
            anatomy.name,
            own,
            anatomy.attention,
            own,
        )


def _few(rest: Sequence[int]) -> list[int]:
    """Prompts to probe with, of some in order of length: the shortest, one between, and the longest, which is last."""
    return sorted({rest[0], rest[len(rest) // 2], rest[-1]}, key=rest.index)


def first_budget(device: str, scoring: str) -> TokenBudget:
    """Where to begin measuring: small passes lose little on a CPU, much on an accelerator or token by token."""
    if device != "cpu":
        return TokenBudget(4096, least=1024, most=65_536)
    return TokenBudget(2048, least=512, most=8192) if scoring == "stepwise" else TokenBudget(640, most=5120)
