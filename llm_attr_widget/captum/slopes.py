"""One gradient attribution: forward passes that all target tokens share, point by point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from llm_attr_widget.captum.groups import groups_of, shown_groups
from llm_attr_widget.captum.positions import Positions
from llm_attr_widget.captum.prompts import shown_tokens
from llm_attr_widget.captum.result import LLMAttributionResult
from llm_attr_widget.methods.gradients import Side
from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.gradients import activations, gradients_of, reads_forward
from llm_attr_widget.models.huggingface.layers import Layer, layer_of
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Line, Prompt

Array: TypeAlias = NDArray[np.float64]
Sample: TypeAlias = tuple[Prompt, Prompt, Prompt]
"""A prompt, its baseline, and the prompt at which the gradient is taken."""


@dataclass(frozen=True)
class Ask:
    """What the gradient is asked about. method: captum's. device: where captum's result would be."""

    model: HuggingFaceModel
    tokenizer: Any
    inp: Any
    positions: Positions
    target: tuple[int, ...]
    method: Any
    device: torch.device


@dataclass(frozen=True)
class Path:
    """Points of one line, and the weight of each. start, end: what the sum of attributions is compared with."""

    line: Line
    shares: Sequence[float]
    weights: Sequence[float]
    has_baseline: bool

    @property
    def ends(self) -> list[tuple[Prompt, Prompt]]:
        return [(self.line.end, self.line.start)]

    def slopes(self, ask: Ask) -> Iterator[tuple[float, Array]]:
        """Weight and weighted slopes `(target tokens, positions)` of each batch of points."""
        weights = np.asarray(self.weights)
        for part in ask.model.slopes(self.line, self.shares, ask.target, np.eye(len(ask.target))):
            there = weights[list(part.rows)]
            yield float(there.sum()), np.tensordot(there, part.values, axes=1)


@dataclass(frozen=True)
class Visit:
    """Samples of gradient SHAP."""

    samples: Sequence[Sample]
    layer: str
    side: Side
    multiply_by_inputs: bool
    has_baseline: bool

    @property
    def weights(self) -> Sequence[float]:
        return [1 / len(self.samples)] * len(self.samples)

    @property
    def ends(self) -> list[tuple[Prompt, Prompt]]:
        return [(whole, base) for whole, base, _ in self.samples]

    def slopes(self, ask: Ask) -> Iterator[tuple[float, Array]]:
        """As of a Path; equal samples are computed once."""
        anatomy = ask.model.anatomy(ask.target)
        layer = layer_of(anatomy, self.layer, self.side)
        share = 1 / len(self.samples)
        together = len(ask.target) == 1 or reads_forward(anatomy, self.samples[0][0], ask.target)
        known: dict[tuple[Prompt, ...], Array] = {}
        for sample in self.samples:
            if sample not in known:
                visit = _visited if together else _visited_for_each
                known[sample] = visit(anatomy, layer, sample, ask.target, multiply=self.multiply_by_inputs)
            yield share, share * known[sample]


def _visited(
    anatomy: Anatomy, layer: Layer, sample: Sample, target: Sequence[int], *, multiply: bool, only: slice = slice(None)
) -> Array:
    """One sample's `(target tokens, positions)`. only: for these of the target's tokens."""
    full, base = activations(anatomy, layer, sample[:2], target)
    _, _, slopes = gradients_of(anatomy, layer, sample[2], target, np.eye(len(target))[only])
    factor = full - base if multiply else torch.ones_like(full)
    return np.stack([(slope * factor).flatten(2).sum(2)[0].double().cpu() for slope in slopes])


def _visited_for_each(
    anatomy: Anatomy, layer: Layer, sample: Sample, target: Sequence[int], *, multiply: bool
) -> Array:
    """The same for a model whose earlier positions read later ones: each token after nothing but what precedes it."""
    single = [
        _visited(anatomy, layer, sample, target[: place + 1], multiply=multiply, only=slice(-1, None))[0]
        for place in range(len(target))
    ]
    width = max(map(len, single))
    return np.stack([np.pad(each, (0, width - len(each))) for each in single])


class GradientJob:
    """Follows a Path or a Visit. See `future.Job`."""

    def __init__(self, ask: Ask, way: Path | Visit) -> None:
        self._ask = ask
        self._way = way
        self._whole = float(sum(way.weights))
        self._so_far: tuple[float, Array | None] = (0.0, None)
        self._ends: Array | None = None

    @property
    def progress(self) -> float:
        return min(1.0, self._so_far[0] / self._whole)

    def steps(self, *, at_once: int | None = None) -> Iterator[None]:
        """at_once has no effect: points of a line go through the model in batches of its own choice."""
        del at_once
        self._ends = self._scored()
        yield
        for weight, slopes in self._way.slopes(self._ask):
            done, total = self._so_far
            self._so_far = (done + weight, slopes if total is None else total + slopes)
            yield

    def partial(self) -> LLMAttributionResult | None:
        done, total = self._so_far
        return None if total is None or self._ends is None else self._result(total * (self._whole / done))

    def result(self) -> LLMAttributionResult:
        found = self.partial()
        if found is None:
            raise RuntimeError("The gradients were not computed: its steps come first.")
        return found

    def _scored(self) -> Array:
        """Log-probs with the whole prompt and the mean of those with its baselines, `(2, target tokens)`, nats."""
        pairs = self._way.ends
        prompts = list(dict.fromkeys(prompt for pair in pairs for prompt in pair))
        scores: dict[Prompt, Array] = {}
        for batch in self._ask.model.score(prompts, self._ask.target):
            for row, log_probs in zip(batch.rows, batch.log_probs, strict=True):
                scores[prompts[row]] = log_probs.astype(np.float64)
        return np.stack([np.mean([scores[pair[side]] for pair in pairs], axis=0) for side in (0, 1)])

    def _result(self, found: Array) -> LLMAttributionResult:
        """found: `(target tokens, positions)`, positions of the target after those of the prompt."""
        ask, both = self._ask, self._ends
        if both is None:
            raise RuntimeError("Both ends are scored before anything else.")
        groups = ask.positions.gathered(found, ask.inp.n_itp_features).to(ask.device)
        attr = ask.inp.format_attr(groups)
        result = LLMAttributionResult(
            seq_attr=attr.sum(0),
            token_attr=attr,
            input_tokens=list(ask.inp.values),
            output_tokens=shown_tokens(torch.tensor(ask.target), ask.tokenizer),
            output_probs=torch.from_numpy(np.exp(both[0])).float().to(ask.device),
            inp=ask.inp,
        )
        result.method, result.target = ask.method, torch.tensor(ask.target)
        result.group_attr, result.group_token_attr = groups.sum(0), groups
        result.group_of = shown_groups(ask.inp, groups_of(ask.inp.n_itp_features, None), attr.device)
        nothing = both[1] if self._way.has_baseline else np.full(len(ask.target), np.nan)
        result.ends = np.column_stack([both[0], nothing])
        if self._way.has_baseline:
            result.delta = torch.from_numpy(found.sum(1) - (both[0] - both[1])).float()
        return result
