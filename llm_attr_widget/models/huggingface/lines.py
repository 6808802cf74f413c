"""Gradients along a straight line: which points of it share a pass, at a layer or at an image's pixel values, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError, ScoreError
from llm_attr_widget.models.base import check_prompts, check_target
from llm_attr_widget.models.huggingface.anatomy import Anatomy
from llm_attr_widget.models.huggingface.forward import started
from llm_attr_widget.models.huggingface.gradients import (
    activations,
    gradients_at,
    gradients_at_pixels,
    gradients_of,
    reads_forward,
)
from llm_attr_widget.models.huggingface.layers import Layer, layer_of
from llm_attr_widget.types import ImageDifferences, Line, LogProbs, Slopes

ON_CPU, ELSEWHERE = 640, 2048
"""Token positions in one forward pass. Their whole graph stays in memory until the last backward pass, and on a CPU a
small one stays in its cache: 1.2 times as fast."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """What `slopes` was asked for."""

    anatomy: Anatomy
    layer: Layer
    line: Line
    shares: Sequence[float]
    target: tuple[int, ...]
    weights: NDArray[np.float64]


def slopes(
    anatomy: Anatomy, line: Line, shares: Sequence[float], target: Sequence[int], weights: NDArray[np.float64]
) -> Iterator[Slopes]:
    """See `types.Differentiable.slopes`.

    Raises InputError for prompts of different length, CapabilityError for a layer that has no gradient for positions.
    """
    ids = check_target(target, anatomy.limits)
    check_prompts([line.start, line.end], ids, anatomy.limits)
    if len(started(line.start, anatomy)) != len(started(line.end, anatomy)):
        raise InputError(
            f"Gradients need a baseline of as many tokens as the prompt, {len(line.end.ids)}, but it has "
            f"{len(line.start.ids)}. Use a baseline that replaces tokens instead of removing them."
        )
    asked = _Asked(anatomy, layer_of(anatomy, line.layer, line.side), line, shares, ids, weights)
    if len(ids) > 1 and not reads_forward(anatomy, line.end, ids):
        return _one_token_at_a_time(asked)
    return _shared(asked)


def _shared(asked: _Asked) -> Iterator[Slopes]:
    """All target tokens from the same passes, as many points in each as the device takes."""
    line, shares = asked.line, asked.shares
    still = line.along == "activation" or line.start == line.end
    if asked.layer.side == "input" and line.image is None and still:
        yield _where_it_is(asked)
        return
    track = _of_layer(asked) if line.image is None else _of_pixels(asked, line.image)
    tokens = ON_CPU if asked.anatomy.device.type == "cpu" else ELSEWHERE
    most = max(1, tokens // (len(line.end.ids) + len(asked.target)))
    at = 0
    while at < len(shares):
        rows = range(at, min(at + most, len(shares)))
        try:
            log_probs, values = track.visit([shares[row] for row in rows])
        except torch.OutOfMemoryError as error:
            if most == 1:
                raise ScoreError(
                    "The device ran out of memory on one point of the line. Shorten prompt or target, or use a smaller "
                    "number type."
                ) from error
            most = max(1, most // 2)
            continue
        yield Slopes(rows, log_probs, values.double().cpu().numpy())
        at = rows.stop


@dataclass(frozen=True, eq=False)
class _OfLayer:
    """start, end: the layer's activations, `(1, positions, …)`. factor: what gradients are multiplied with."""

    asked: _Asked
    start: torch.Tensor
    end: torch.Tensor
    factor: torch.Tensor

    def visit(self, shares: Sequence[float]) -> tuple[LogProbs, torch.Tensor]:
        """Log-probs `(shares, target tokens)` and slopes `(shares, outputs, positions)`."""
        asked = self.asked
        log_probs, gradients = gradients_at(
            asked.anatomy,
            asked.layer,
            asked.line.end,
            asked.target,
            _between(self.start, self.end, shares),
            asked.weights,
        )
        return log_probs, torch.stack([_per_position(gradient * self.factor) for gradient in gradients], dim=1)


def _of_layer(asked: _Asked) -> _OfLayer:
    line = asked.line
    start, end = activations(asked.anatomy, asked.layer, [line.start, line.end], asked.target)
    factor = {"difference": end - start, "activation": end, "gradient": torch.ones_like(end)}[line.along]
    return _OfLayer(asked, start, end, factor)


@dataclass(frozen=True, eq=False)
class _OfPixels:
    """The input embedding and an image's pixel values go the same share of the way at the same time.

    start, end: of the pixel values, as the model takes them for one prompt, with an axis of one before.
    of, at: where the differences of the image's segments are; by: how much they are.
    """

    asked: _Asked
    image: ImageDifferences
    words: _OfLayer
    start: torch.Tensor
    end: torch.Tensor
    of: torch.Tensor
    at: torch.Tensor
    by: torch.Tensor

    def visit(self, shares: Sequence[float]) -> tuple[LogProbs, torch.Tensor]:
        """The same, `(shares, outputs, segments + positions)`."""
        asked = self.asked
        points = _between(self.words.start, self.words.end, shares), _between(self.start, self.end, shares)
        log_probs, gradients = gradients_at_pixels(
            asked.anatomy, asked.layer, asked.line.end, asked.target, points, self.image.name, asked.weights
        )
        found = [
            torch.cat([self._per_segment(pixels), _per_position(words * self.words.factor)], dim=1)
            for words, pixels in gradients
        ]
        return log_probs, torch.stack(found, dim=1)

    def _per_segment(self, gradient: torch.Tensor) -> torch.Tensor:
        """`(points, segments)`"""
        flat = gradient.float().flatten(1)[:, self.at] * self.by
        none = torch.zeros(len(flat), self.image.segments, device=flat.device)
        return none.index_add_(1, self.of, flat)


def _of_pixels(asked: _Asked, image: ImageDifferences) -> _OfPixels:
    anatomy = asked.anatomy
    start, end = (
        torch.as_tensor((prompt.extras or {})[image.name]).to(anatomy.device, anatomy.dtype)[None]
        for prompt in (asked.line.start, asked.line.end)
    )
    of, at, by = (torch.from_numpy(array).to(anatomy.device) for array in (image.of, image.at, image.by))
    return _OfPixels(asked, image, _of_layer(asked), start, end, of, at, by)


def _between(start: torch.Tensor, end: torch.Tensor, shares: Sequence[float]) -> torch.Tensor:
    """`(shares, …)`: the points of the line from start to end, each `(1, …)`."""
    steps = torch.tensor(list(shares), device=end.device, dtype=torch.float64)
    return start + steps.to(end.dtype).reshape(-1, *[1] * (end.ndim - 1)) * (end - start)


def _where_it_is(asked: _Asked) -> Slopes:
    """Without a way to go, no point has to be put in the layer's place: the gradient of its input as it is."""
    log_probs, activation, gradients = gradients_of(
        asked.anatomy, asked.layer, asked.line.end, asked.target, asked.weights
    )
    factor = activation if asked.line.along == "activation" else torch.ones_like(activation)
    values = torch.stack([_per_position(gradient * factor) for gradient in gradients], dim=1).double().cpu().numpy()
    times = len(asked.shares)
    return Slopes(range(times), log_probs.repeat(times, 0), values.repeat(times, 0))


def _one_token_at_a_time(asked: _Asked) -> Iterator[Slopes]:
    """For models whose earlier positions see later ones: each target token read after nothing but what precedes it."""
    single: list[Slopes] = []
    for position in range(len(asked.target)):
        last = np.eye(position + 1)[-1:]
        single.append(_joined(list(_shared(replace(asked, target=asked.target[: position + 1], weights=last)))))
    width = max(part.values.shape[2] for part in single)
    each = np.zeros((len(asked.shares), len(asked.target), width))
    for position, part in enumerate(single):
        each[:, position, : part.values.shape[2]] = part.values[:, 0]
    log_probs = np.column_stack([part.log_probs[:, -1] for part in single])
    yield Slopes(range(len(asked.shares)), log_probs, np.einsum("ot,rtp->rop", asked.weights, each))


def _joined(parts: Sequence[Slopes]) -> Slopes:
    rows = [row for part in parts for row in part.rows]
    log_probs = np.concatenate([part.log_probs for part in parts])
    return Slopes(rows, log_probs, np.concatenate([part.values for part in parts]))


def _per_position(slope: torch.Tensor) -> torch.Tensor:
    """`(points, positions)`: summed over whatever axes a position has."""
    return slope.float().flatten(2).sum(2) if slope.ndim > 2 else slope.float()
