"""Models that number positions by the ids they read: the padding token has no number, and moves those behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.gradients import activations, reads_forward, said
from llm_attr_widget.models.huggingface.layers import embedding_of, layer_of, replaced
from llm_attr_widget.types import Line, LogProbs, Prompt, Scored

_NUMBERING = ("create_position_ids_from_input_ids", "make_positions")
"""What transformers calls the function: M2M100, NLLB-MoE, FSMT, SeamlessM4T, and RoBERTa with its kin have one."""


def moved_by_padding(anatomy: Anatomy, line: Line) -> bool:
    """Whether the ends of a line have other positions: it is one of input embeddings, and ids number the positions."""
    at_embedding = line.side == "output" and layer_of(anatomy, line.layer, line.side).module is embedding_of(anatomy)
    return at_embedding and any(map(_numbers, anatomy.core.modules()))


def _numbers(module: nn.Module) -> bool:
    owners = (type(module), sys.modules.get(type(module).__module__))
    return any(callable(getattr(owner, name, None)) for owner in owners for name in _NUMBERING)


@dataclass(frozen=True)
class Placed:
    """Scores prompts as the points of a line are read: each token's embedding at the place that the whole prompt's
    token has. anatomy: of the model, before a target.
    """

    anatomy: Callable[[Sequence[int]], Anatomy]
    whole: Prompt

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """One prompt at a time, all of the whole one's length. Cost: two passes each, more where one is not right."""
        anatomy = self.anatomy(target)
        together = len(target) == 1 or reads_forward(anatomy, self.whole, target)
        for row, prompt in enumerate(prompts):
            if together:
                yield Scored([row], self._read(anatomy, prompt, target))
                continue
            steps = [self._read(anatomy, prompt, target[: k + 1])[:, -1:] for k in range(len(target))]
            yield Scored([row], np.concatenate(steps, axis=1))

    def _read(self, anatomy: Anatomy, prompt: Prompt, target: Sequence[int]) -> LogProbs:
        layer = layer_of(anatomy, None, "output")
        (embedded,) = activations(anatomy, layer, [prompt], target)
        with left_as_found(anatomy.model), replaced(layer, embedded):
            return said(anatomy, layer, replace(prompt, ids=self.whole.ids), target, rows=1).cpu().numpy()
