"""Gradients of a target's log-probs at a layer or an image, for all target tokens from shared forward passes."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from llm_attr_widget.errors import CapabilityError, ScoreError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.extras import stacked
from llm_attr_widget.models.huggingface.forward import forward, learn_keeping, started
from llm_attr_widget.models.huggingface.layers import Layer, captured, embedding_of, replaced
from llm_attr_widget.types import LogProbs, Prompt

CAUSAL_WITHIN = {torch.float32: 1e-3, torch.float64: 1e-6}


def activations(anatomy: Anatomy, layer: Layer, prompts: Sequence[Prompt], target: Sequence[int]) -> list[torch.Tensor]:
    """What the layer says on each prompt and the target after it, each `(1, positions, …)`. One forward pass each."""
    found: list[torch.Tensor] = []
    learn_keeping(anatomy)
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
    learn_keeping(anatomy)
    with _with_gradients(anatomy.model), replaced(layer, leaf), captured(inlet) as hidden:
        log_probs = said(anatomy, layer, prompt, target, rows=len(points))
        found = _of_each_output(layer, log_probs, hidden, leaf, weights, inlet)
    return log_probs.detach().cpu().numpy(), found


def gradients_at_pixels(
    anatomy: Anatomy,
    layer: Layer,
    prompt: Prompt,
    target: Sequence[int],
    points: tuple[torch.Tensor, torch.Tensor],
    name: str,
    weights: NDArray[np.float64],
) -> tuple[LogProbs, list[tuple[torch.Tensor, torch.Tensor]]]:
    """As `gradients_at`, with respect to a layer's activations and to an image's pixel values at once.

    points: `(points, positions, …)` for the layer, and `(points, …)` for what the model takes as its argument `name`
    for one prompt. Gradients are of these shapes.
    Raises CapabilityError where the model reads its image without gradients.
    """
    embedded, pixels = points
    width, inlet = embedded[0].numel(), _inlet(anatomy)
    reached: list[torch.Tensor] = []
    learn_keeping(anatomy)
    with _with_gradients(anatomy.model):
        # Side by side in one tensor, so that one backward pass through all of it is one through either.
        leaf = torch.cat([embedded.flatten(1), pixels.to(embedded.dtype).flatten(1)], dim=1).detach().requires_grad_()
        # Contiguous, as a processor's own tensors are: some models take views of them.
        stand_in, seen = leaf[:, :width].reshape_as(embedded), leaf[:, width:].contiguous().reshape_as(pixels)
        seen.register_hook(reached.append)
        with replaced(layer, stand_in), captured(inlet) as hidden:
            log_probs = said(anatomy, layer, prompt, target, rows=len(leaf), instead={name: seen.flatten(0, 1)})
            found = _of_each_output(layer, log_probs, hidden, leaf, weights, inlet)
    if not reached:
        raise CapabilityError(
            f"No gradient comes back to {name}: {type(anatomy.core).__name__} reads its image without gradients. "
            "Use a coalition method, such as 'shapley'."
        )
    both = [(each[:, :width].reshape_as(embedded), each[:, width:].reshape_as(pixels)) for each in found]
    return log_probs.detach().cpu().numpy(), both


def gradients_of(
    anatomy: Anatomy, layer: Layer, prompt: Prompt, target: Sequence[int], weights: NDArray[np.float64]
) -> tuple[LogProbs, torch.Tensor, list[torch.Tensor]]:
    """Log-probs `(1, target tokens)`, the layer's activation, and for each output the gradient with respect to it.

    The gradient goes through all that reads the same tensor: what a query projection reads, keys and values read, too,
    while what `gradients_at` puts into the layer's input is seen by the layer alone.
    """
    inlet = _inlet(anatomy)
    learn_keeping(anatomy)
    with _with_gradients(anatomy.model), _rooted(anatomy), captured(layer) as caught, captured(inlet) as hidden:
        log_probs = said(anatomy, layer, prompt, target, rows=1)
        leaf = layer.checked(caught, _positions(anatomy, prompt, target))
        if leaf.requires_grad:
            found = _of_each_output(layer, log_probs, hidden, leaf, weights, inlet)
            return log_probs.detach().cpu().numpy(), leaf.detach(), found
    # All weights are frozen, and the embedding is not known: the layer is asked with its own input put in its place.
    return (log_probs.cpu().numpy(), leaf, gradients_at(anatomy, layer, prompt, target, leaf, weights)[1])


def _inlet(anatomy: Anatomy) -> Layer | None:
    head = _head_module(anatomy)
    return None if head is None or not anatomy.known else Layer("output embedding", head, "input")


def said(
    anatomy: Anatomy,
    layer: Layer,
    prompt: Prompt,
    target: Sequence[int],
    *,
    rows: int,
    instead: Mapping[str, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Log-probs `(rows, target tokens)` of a pass (see `_pass`). Raises ScoreError for NaN."""
    logits = _pass(anatomy, prompt, target, rows=rows, layer=layer, instead=instead)
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
        # What is read before the target (an encoder-decoder's language code) has no part in any output.
        weighted = np.pad(row, (seeds.shape[1] - len(row), 0))
        scale = torch.as_tensor(weighted, dtype=seeds.dtype, device=seeds.device)[None, :, None]
        found.append(_gradient(hidden, leaf, seeds * scale, keep=output < len(weights) - 1))
    return found


def _gradient(of: torch.Tensor, leaf: torch.Tensor, seeds: torch.Tensor | None, *, keep: bool) -> torch.Tensor:
    found = torch.autograd.grad(of, leaf, grad_outputs=seeds, retain_graph=keep, allow_unused=True)
    gradient = cast("torch.Tensor | None", found[0])
    # A layer that nothing after it reads (its output is discarded) has no influence: that is a gradient of zero.
    return torch.zeros_like(leaf) if gradient is None else gradient


def reads_forward(anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> bool:
    """Whether the first target token's log-prob stays the same when the model reads later tokens, too.

    It does not where ropes change on the way from the first to the last token.
    """
    if anatomy.limits.separate:
        return True
    shortest = len(started(prompt, anatomy))
    if anatomy.ropes.regime(shortest) != anatomy.ropes.regime(shortest + len(target) - 1):
        return False
    with left_as_found(anatomy.model):
        logits = [_pass(anatomy, prompt, ids, rows=1)[0, 0] for ids in (target, target[:1])]
    first, alone = (row.double().log_softmax(-1)[target[0]].item() for row in logits)
    return abs(first - alone) <= CAUSAL_WITHIN.get(anatomy.dtype, 0.2)


def _pass(
    anatomy: Anatomy,
    prompt: Prompt,
    target: Sequence[int],
    *,
    rows: int,
    layer: Layer | None = None,
    instead: Mapping[str, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Logits `(rows, target tokens, vocabulary)` where the target's tokens are read, of `rows` equal prompts.

    layer: what is looked at meanwhile. If it is the LM head, it is called on all positions. instead: arguments of the
    model's forward for all rows, in place of those of the prompt's extras.
    """
    ids = list(started(prompt, anatomy))
    read = list(target[:-1])
    separate = anatomy.limits.separate
    whole = ids if separate else [*ids, *read]
    tokens = torch.tensor([whole] * rows, device=anatomy.device)
    further: dict[str, Any] = {**stacked([prompt.extras] * rows, anatomy, len(whole)), **(instead or {})}
    if separate:
        further["decoder_input_ids"] = torch.tensor([[*anatomy.decoder_start, *read]] * rows, device=anatomy.device)
        logits = forward(anatomy, tokens, mask=torch.ones_like(tokens), further=further).logits
        return logits[:, len(anatomy.decoder_start) - 1 :]
    mask = torch.ones_like(tokens)
    if layer is not None and layer.module is _head_module(anatomy):
        return forward(anatomy, tokens, mask=mask, further=further).logits[:, len(ids) - 1 :]
    keep = torch.arange(len(ids) - 1, len(whole), device=anatomy.device)
    return forward(anatomy, tokens, mask=mask, keep=keep, further=further).logits


def _positions(anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> int:
    return len(started(prompt, anatomy)) + (0 if anatomy.limits.separate else len(target) - 1)


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
