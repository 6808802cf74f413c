"""Gradients of a target's log-probs with respect to a layer, for all target tokens from shared forward passes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from llm_attr_widget.errors import InputError, ScoreError
from llm_attr_widget.models.base import check_prompts, check_target
from llm_attr_widget.models.huggingface_anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface_forward import forward, stacked, started
from llm_attr_widget.models.huggingface_layers import Layer, captured, embedding_of, layer_of, replaced
from llm_attr_widget.types import Line, LogProbs, Prompt, Slopes

ON_CPU, ELSEWHERE = 512, 2048
"""Token positions in one forward pass. Their whole graph stays in memory until the last backward pass, and on a CPU a
small one stays in its cache: 1.2 times as fast."""

CAUSAL_WITHIN = {torch.float32: 1e-3, torch.float64: 1e-6}


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
    layer = layer_of(anatomy, line.layer, line.side)
    if len(ids) > 1 and not reads_forward(anatomy, line.end, ids):
        return _one_token_at_a_time(anatomy, layer, line, shares, ids, weights)
    return _shared(anatomy, layer, line, shares, ids, weights)


def _shared(
    anatomy: Anatomy,
    layer: Layer,
    line: Line,
    shares: Sequence[float],
    target: tuple[int, ...],
    weights: NDArray[np.float64],
) -> Iterator[Slopes]:
    if layer.side == "input" and (line.along == "activation" or line.start == line.end):
        yield _where_it_is(anatomy, layer, line, shares, target, weights)
        return
    start, end = activations(anatomy, layer, [line.start, line.end], target)
    factor = {"difference": end - start, "activation": end, "gradient": torch.ones_like(end)}[line.along]
    tokens = ON_CPU if anatomy.device.type == "cpu" else ELSEWHERE
    most = max(1, tokens // (len(line.end.ids) + len(target)))
    at = 0
    while at < len(shares):
        rows = range(at, min(at + most, len(shares)))
        steps = torch.tensor([shares[row] for row in rows], device=end.device, dtype=torch.float64)
        steps = steps.to(end.dtype).reshape(-1, *[1] * (end.ndim - 1))
        try:
            log_probs, gradients = gradients_at(
                anatomy, layer, line.end, target, start + steps * (end - start), weights
            )
        except torch.OutOfMemoryError as error:
            if most == 1:
                raise ScoreError(
                    "The device ran out of memory on one point of the line. Shorten prompt or target, or use a smaller "
                    "number type."
                ) from error
            most = max(1, most // 2)
            continue
        values = torch.stack([_per_position(gradient * factor) for gradient in gradients], dim=1)
        yield Slopes(rows, log_probs, values.double().cpu().numpy())
        at = rows.stop


def _where_it_is(
    anatomy: Anatomy,
    layer: Layer,
    line: Line,
    shares: Sequence[float],
    target: tuple[int, ...],
    weights: NDArray[np.float64],
) -> Slopes:
    """Without a way to go, no point has to be put in the layer's place: the gradient of its input as it is."""
    log_probs, activation, gradients = gradients_of(anatomy, layer, line.end, target, weights)
    factor = activation if line.along == "activation" else torch.ones_like(activation)
    values = torch.stack([_per_position(gradient * factor) for gradient in gradients], dim=1).double().cpu().numpy()
    return Slopes(range(len(shares)), log_probs.repeat(len(shares), 0), values.repeat(len(shares), 0))


def _one_token_at_a_time(
    anatomy: Anatomy,
    layer: Layer,
    line: Line,
    shares: Sequence[float],
    target: tuple[int, ...],
    weights: NDArray[np.float64],
) -> Iterator[Slopes]:
    """For models whose earlier positions see later ones: each target token read after nothing but what precedes it."""
    single: list[Slopes] = []
    for position in range(len(target)):
        last = np.eye(position + 1)[-1:]
        parts = list(_shared(anatomy, layer, line, shares, target[: position + 1], last))
        single.append(_joined(parts))
    width = max(part.values.shape[2] for part in single)
    each = np.zeros((len(shares), len(target), width))
    for position, part in enumerate(single):
        each[:, position, : part.values.shape[2]] = part.values[:, 0]
    log_probs = np.column_stack([part.log_probs[:, -1] for part in single])
    yield Slopes(range(len(shares)), log_probs, np.einsum("ot,rtp->rop", weights, each))


def _joined(parts: Sequence[Slopes]) -> Slopes:
    rows = [row for part in parts for row in part.rows]
    log_probs = np.concatenate([part.log_probs for part in parts])
    return Slopes(rows, log_probs, np.concatenate([part.values for part in parts]))


def activations(anatomy: Anatomy, layer: Layer, prompts: Sequence[Prompt], target: Sequence[int]) -> list[torch.Tensor]:
    """What the layer says on each prompt and the target after it, each `(1, positions, …)`. One forward pass each."""
    found: list[torch.Tensor] = []
    for prompt in prompts:
        with left_as_found(anatomy.model), captured(layer) as caught:
            _pass(anatomy, prompt, target, rows=1, layer=layer)
        found.append(layer.checked(caught, _positions(anatomy, prompt, target)).detach())
    return found


def gradients_at(
    anatomy: Anatomy,
    layer: Layer,
    prompt: Prompt,
    target: Sequence[int],
    points: torch.Tensor,
    weights: NDArray[np.float64],
) -> tuple[LogProbs, list[torch.Tensor]]:
    """Log-probs `(points, target tokens)`, and for each output the gradient, `(points, positions, …)`.

    points: `(points, positions, …)`, what stands in for the layer's activations while the model reads `prompt`.
    weights: `(outputs, target tokens)`. Cost: one forward pass over all points, one backward pass for each output.
    """
    leaf = points.detach().requires_grad_()
    inlet = _inlet(anatomy)
    with _with_gradients(anatomy.model), replaced(layer, leaf), captured(inlet) as hidden:
        log_probs = _said(anatomy, layer, prompt, target, rows=len(points))
        found = _of_each_output(layer, log_probs, hidden, leaf, weights, inlet)
    return log_probs.detach().cpu().numpy(), found


def gradients_of(
    anatomy: Anatomy, layer: Layer, prompt: Prompt, target: Sequence[int], weights: NDArray[np.float64]
) -> tuple[LogProbs, torch.Tensor, list[torch.Tensor]]:
    """Log-probs `(1, target tokens)`, the layer's activation, and for each output the gradient with respect to it.

    The gradient goes through all that reads the same tensor: what a query projection reads, keys and values read, too,
    while what `gradients_at` puts into the layer's input is seen by the layer alone.
    """
    inlet = _inlet(anatomy)
    with _with_gradients(anatomy.model), _rooted(anatomy), captured(layer) as caught, captured(inlet) as hidden:
        log_probs = _said(anatomy, layer, prompt, target, rows=1)
        leaf = layer.checked(caught, _positions(anatomy, prompt, target))
        if leaf.requires_grad:
            found = _of_each_output(layer, log_probs, hidden, leaf, weights, inlet)
            return log_probs.detach().cpu().numpy(), leaf.detach(), found
    # All weights are frozen, and the embedding is not known: the layer is asked with its own input put in its place.
    return (log_probs.cpu().numpy(), leaf, gradients_at(anatomy, layer, prompt, target, leaf, weights)[1])


def _inlet(anatomy: Anatomy) -> Layer | None:
    head = _head_module(anatomy)
    return None if head is None or not anatomy.known else Layer("output embedding", head, "input")


def _said(anatomy: Anatomy, layer: Layer, prompt: Prompt, target: Sequence[int], *, rows: int) -> torch.Tensor:
    logits = _pass(anatomy, prompt, target, rows=rows, layer=layer)
    wanted = torch.tensor(list(target), device=logits.device).expand(rows, -1)
    log_probs = logits.float().log_softmax(-1).gather(2, wanted[..., None])[..., 0]
    if bool(torch.isnan(log_probs).any()):
        raise ScoreError("The model returned NaN logits. Check its weights and its number type.")
    return log_probs


def _of_each_output(
    layer: Layer,
    log_probs: torch.Tensor,
    hidden: list[torch.Tensor],
    leaf: torch.Tensor,
    weights: NDArray[np.float64],
    inlet: Layer | None,
) -> list[torch.Tensor]:
    through = hidden[0] if len(hidden) == 1 and hidden[0].requires_grad else None
    at_head = inlet is not None and layer.module is inlet.module
    if through is None or through is leaf or through.shape[:2] != log_probs.shape or at_head:
        return _through_head(log_probs, leaf, weights)
    return _through_hidden(log_probs, through, leaf, weights)


def _through_head(log_probs: torch.Tensor, leaf: torch.Tensor, weights: NDArray[np.float64]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for output, row in enumerate(weights):
        summed = (log_probs * torch.as_tensor(row, dtype=log_probs.dtype, device=log_probs.device)).sum()
        found.append(_gradient(summed, leaf, None, keep=output < len(weights) - 1))
    return found


def _through_hidden(
    log_probs: torch.Tensor, hidden: torch.Tensor, leaf: torch.Tensor, weights: NDArray[np.float64]
) -> list[torch.Tensor]:
    """The same, going through the LM head once for all outputs.

    A token's log-prob depends on the last hidden state at its own position alone, so the gradient of the sum over
    tokens holds every token's gradient side by side.
    """
    (seeds,) = torch.autograd.grad(log_probs.sum(), hidden, retain_graph=True)
    found: list[torch.Tensor] = []
    for output, row in enumerate(weights):
        scale = torch.as_tensor(row, dtype=seeds.dtype, device=seeds.device)[None, :, None]
        found.append(_gradient(hidden, leaf, seeds * scale, keep=output < len(weights) - 1))
    return found


def _gradient(of: torch.Tensor, leaf: torch.Tensor, seeds: torch.Tensor | None, *, keep: bool) -> torch.Tensor:
    found = torch.autograd.grad(of, leaf, grad_outputs=seeds, retain_graph=keep, allow_unused=True)
    gradient = cast("torch.Tensor | None", found[0])
    # A layer that nothing after it reads (its output is discarded) has no influence: that is a gradient of zero.
    return torch.zeros_like(leaf) if gradient is None else gradient


def reads_forward(anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> bool:
    """Whether the first target token's log-prob stays the same when the model reads later tokens, too."""
    if anatomy.limits.separate:
        return True
    with left_as_found(anatomy.model):
        logits = [_pass(anatomy, prompt, ids, rows=1)[0, 0] for ids in (target, target[:1])]
    first, alone = (row.double().log_softmax(-1)[target[0]].item() for row in logits)
    return abs(first - alone) <= CAUSAL_WITHIN.get(anatomy.dtype, 0.2)


def _pass(
    anatomy: Anatomy, prompt: Prompt, target: Sequence[int], *, rows: int, layer: Layer | None = None
) -> torch.Tensor:
    """Logits `(rows, target tokens, vocabulary)` where the target's tokens are read, of `rows` equal prompts.

    layer: what is looked at meanwhile. If it is the LM head, it is called on all positions.
    """
    ids = list(started(prompt, anatomy))
    read = list(target[:-1])
    separate = anatomy.limits.separate
    whole = ids if separate else [*ids, *read]
    tokens = torch.tensor([whole] * rows, device=anatomy.device)
    further: dict[str, Any] = stacked([prompt.extras] * rows, anatomy, len(whole))
    if separate:
        further["decoder_input_ids"] = torch.tensor([[anatomy.decoder_start or 0, *read]] * rows, device=anatomy.device)
        return forward(anatomy, tokens, mask=torch.ones_like(tokens), further=further).logits
    mask = torch.ones_like(tokens)
    if layer is not None and layer.module is _head_module(anatomy):
        return forward(anatomy, tokens, mask=mask, further=further).logits[:, len(ids) - 1 :]
    keep = torch.arange(len(ids) - 1, len(whole), device=anatomy.device)
    return forward(anatomy, tokens, mask=mask, keep=keep, further=further).logits


def _positions(anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> int:
    return len(started(prompt, anatomy)) + (0 if anatomy.limits.separate else len(target) - 1)


def _per_position(slope: torch.Tensor) -> torch.Tensor:
    """`(points, positions)`: summed over whatever axes a position has."""
    return slope.float().flatten(2).sum(2) if slope.ndim > 2 else slope.float()


def _head_module(anatomy: Anatomy) -> nn.Module | None:
    try:
        head = cast(Any, anatomy.core).get_output_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return head if isinstance(head, nn.Module) else None


@contextmanager
def _rooted(anatomy: Anatomy) -> Generator[None]:
    """Activations have gradients inside, even where all weights are frozen, as far as the embedding is known."""

    def root(_: nn.Module, __: Any, embedded: torch.Tensor) -> torch.Tensor:
        return embedded if embedded.requires_grad else embedded.detach().requires_grad_()

    embedding = embedding_of(anatomy)
    if embedding is None:
        yield
        return
    handle = embedding.register_forward_hook(root)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _with_gradients(model: nn.Module) -> Generator[None]:
    with left_as_found(model), torch.inference_mode(False), torch.enable_grad():
        yield
