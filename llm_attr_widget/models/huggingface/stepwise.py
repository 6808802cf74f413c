"""Forced decoding: the target is fed token by token, with a cache, for many prompts at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

import torch

from llm_attr_widget.errors import CapabilityError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.batching import next_batch
from llm_attr_widget.models.huggingface.extras import fill_of, stackable, stacked
from llm_attr_widget.models.huggingface.forward import Output, forward, padded, read, started
from llm_attr_widget.models.huggingface.paths import Job, make_room
from llm_attr_widget.types import LogProbs, Prompt, Scored


class StepwisePadded:
    """Prompts of similar length, padded on the left, with explicit positions. Not for prompts with extras."""

    name = "stepwise, left-padded"

    def score(self, job: Job) -> Iterator[Scored]:
        order = sorted(range(len(job.prompts)), key=lambda index: len(job.prompts[index].ids))
        yield from _in_batches(job, order, aligned=False)


class StepwiseAligned:
    """Prompts of equal length together: no padding, so right for recurrent layers, images and any kind of position."""

    name = "stepwise, one length at a time"

    def score(self, job: Job) -> Iterator[Scored]:
        groups: dict[object, list[int]] = {}
        for index, prompt in enumerate(job.prompts):
            groups.setdefault((len(started(prompt, job.anatomy)), stackable(prompt, job.anatomy)), []).append(index)
        for group in groups.values():
            yield from _in_batches(job, group, aligned=True)


def _in_batches(job: Job, order: list[int], *, aligned: bool) -> Iterator[Scored]:
    lengths = [len(started(job.prompts[index], job.anatomy)) + len(job.target) - 1 for index in order]
    start = 0
    while start < len(order):
        end = next_batch(lengths, start, budget=job.budget.tokens, most_rows=len(order))
        rows = order[start:end]
        began = perf_counter()
        try:
            log_probs = _decode(job.anatomy, [job.prompts[row] for row in rows], job.target, aligned=aligned)
        except RuntimeError as error:
            make_room(error, job.budget, alone=len(rows) == 1)
            continue
        # A batch is as many passes as there are target tokens, and its rows share the reading of all weights: judged
        # by the whole batch, it would stay small and slow. Up to 16 passes count as one, then a stop would come late.
        job.budget.done(len(rows) * lengths[end - 1], (perf_counter() - began) / min(len(job.target), 16))
        yield Scored(rows, log_probs)
        start = end


def _decode(anatomy: Anatomy, prompts: Sequence[Prompt], target: Sequence[int], *, aligned: bool) -> LogProbs:
    """Log-probs of the target, `(prompts, target tokens)`, one step for each token."""
    with left_as_found(anatomy.model):
        first = _first_encoder_decoder if anatomy.limits.separate else _first_causal
        state = first(anatomy, prompts, aligned=aligned)
        columns: list[torch.Tensor] = []
        for position, token in enumerate(target):
            columns.append(read(state.output.logits[:, -1], torch.full((len(prompts),), token)))
            if position + 1 < len(target):
                state = state.after(anatomy, token)
    return torch.stack(columns, dim=1).numpy()


class _CausalState:
    """After some tokens of a causal model: its last output, and which keys of the cache are no padding."""

    def __init__(
        self,
        output: Output,
        mask: torch.Tensor | None,
        positions: torch.Tensor | None,
        rows: int,
        further: Mapping[str, Any],
    ) -> None:
        self.output = _with_cache(output)
        self.mask = mask
        self.positions = positions
        self.rows = rows
        self.further = further

    def after(self, anatomy: Anatomy, token: int) -> _CausalState:
        ids = torch.full((self.rows, 1), token, device=anatomy.device)
        mask = None if self.mask is None else torch.cat([self.mask, torch.ones_like(ids)], dim=1)
        positions = None if self.positions is None else self.positions + 1
        output = forward(
            anatomy, ids, mask=mask, positions=positions, cache=self.output.cache, caching=True, further=self.further
        )
        return _CausalState(output, mask, positions, self.rows, self.further)


def _first_causal(anatomy: Anatomy, prompts: Sequence[Prompt], *, aligned: bool) -> _CausalState:
    rows = [started(prompt, anatomy) for prompt in prompts]
    last = torch.tensor([max(len(row) for row in rows) - 1], device=anatomy.device)
    if aligned:
        ids, _ = padded(rows, anatomy)
        further = stacked([prompt.extras for prompt in prompts], anatomy, ids.shape[1])
        output = forward(anatomy, ids, caching=True, keep=last, further=further)
        return _CausalState(output, None, None, len(rows), _of_last_token(further, anatomy))
    flipped_ids, flipped_mask = padded([row[::-1] for row in rows], anatomy)
    ids, mask = flipped_ids.flip(1), flipped_mask.flip(1)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    output = forward(anatomy, ids, mask=mask, positions=positions, caching=True, keep=last)
    return _CausalState(output, mask, positions[:, -1:], len(rows), {})


def _of_last_token(further: Mapping[str, Any], anatomy: Anatomy) -> dict[str, Any]:
    """What each token of the target has of the prompt's last one: which images it looks at, for one."""
    return {name: value[:, -1:] for name, value in further.items() if fill_of(name, anatomy) == "last"}


class _DecoderState:
    """After some target tokens of an encoder-decoder model: the encoder's states are kept."""

    def __init__(self, output: Output, mask: torch.Tensor, encoded: Any) -> None:
        self.output = _with_cache(output)
        self.mask = mask
        self.encoded = encoded

    def after(self, anatomy: Anatomy, token: int) -> _DecoderState:
        further = {
            "encoder_outputs": (self.encoded,),
            "decoder_input_ids": torch.full((len(self.mask), 1), token, device=anatomy.device),
        }
        output = forward(anatomy, None, mask=self.mask, cache=self.output.cache, caching=True, further=further)
        return _DecoderState(output, self.mask, self.encoded)


def _first_encoder_decoder(anatomy: Anatomy, prompts: Sequence[Prompt], *, aligned: bool) -> _DecoderState:
    # The encoder reads right-padded rows either way; the decoder has no padding at all.
    del aligned
    ids, mask = padded([started(prompt, anatomy) for prompt in prompts], anatomy)
    begun = torch.tensor([anatomy.decoder_start] * len(prompts), device=anatomy.device)
    further = {**stacked([prompt.extras for prompt in prompts], anatomy, ids.shape[1]), "decoder_input_ids": begun}
    output = forward(anatomy, ids, mask=mask, caching=True, further=further)
    return _DecoderState(output, mask, output.encoded)


def _with_cache(output: Output) -> Output:
    if output.cache is None:
        raise CapabilityError("The model returns no cache, so it cannot be fed token by token.")
    return output
