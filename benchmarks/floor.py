"""The floor: each distinct token once through the bare model at its best batch shape, and the head where it is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.cases import Case
from benchmarks.timing import clock
from llm_attr_widget.models.huggingface.tree.trie import grow
from llm_attr_widget.types import Prompt

SHAPES = ((8, 64), (16, 64), (4, 128), (8, 128), (1, 512))
"""Rows × tokens that are tried."""


class Floor:
    """Dense tokens per second of one model. shape: the best of `SHAPES`."""

    def __init__(self, case: Case, *, shapes: Sequence[tuple[int, int]] = SHAPES) -> None:
        self._case = case
        self.shape = max(shapes, key=lambda shape: max(self._rate(shape) for _ in range(2)))

    def seconds(self, prompts: Sequence[Prompt], *, passes: int = 2) -> float:
        """For these prompts, each followed by the case's target. Measured now, with `passes` passes."""
        trie = grow([prompt.ids for prompt in prompts], self._case.target.tolist())
        rate = max(self._rate(self.shape) for _ in range(passes))
        return len(trie) / rate + self._head(len(np.unique(trie.reads)))

    def _rate(self, shape: tuple[int, int]) -> float:
        model = self._case.model
        ids = torch.randint(0, model.config.vocab_size, shape, device=self._case.device)
        with torch.no_grad():
            began = clock()
            model.base_model(ids, use_cache=False)
            return ids.numel() / (clock() - began)

    def _head(self, positions: int, at_once: int = 512) -> float:
        head = self._case.model.get_output_embeddings()
        states = torch.randn(at_once, head.weight.shape[1], dtype=head.weight.dtype, device=self._case.device)
        with torch.no_grad():
            began = clock()
            head(states)
            return (clock() - began) * positions / at_once
