"""Looking again at prompts that a row of the tree gave scores for: each is read alone, and must say the same.

A model may look at a row's index or length in ways that no configuration tells, and may do so only in long rows, or
between branches that are far apart. So the first row that is longer than all before it, whenever it comes, has some of
its prompts read again before any of its scores are given out.
"""

from __future__ import annotations

import numpy as np

from llm_attr_widget.models.huggingface.forward import alone
from llm_attr_widget.models.huggingface.paths import Job, Unfit
from llm_attr_widget.models.huggingface.tolerance import close, largest_difference
from llm_attr_widget.models.huggingface.tree.trie import Indices, Trie
from llm_attr_widget.types import LogProbs

_LOOKED_AT = 16
"""So many prompts of a row are looked at to find the one whose branches are furthest apart."""


def check_row(job: Job, trie: Trie, finished: Indices, scores: LogProbs, keys: int) -> None:
    """Hold a row's prompts against themselves alone, if it is longer than those before. Raises Unfit.

    finished: prompts whose last token is in the row. keys: tokens in the row, and before it, that it can attend to.
    Cost: one or two plain passes, for each row that is longer than all rows before.
    """
    if job.trust is None or keys <= job.trust.keys or not len(finished):
        return
    in_order = finished[np.argsort(trie.reads[finished, -1])]
    for prompt in {_furthest_apart(trie, in_order), int(in_order[-1])}:
        truth = alone(job.anatomy, job.prompts[prompt], job.target)
        found = scores[prompt : prompt + 1]
        if not close(job.anatomy, found, truth):
            raise Unfit(
                f"in a row of {keys} tokens its scores are off by up to {largest_difference(found, truth):.2g} nats"
            )
    job.trust.keys = keys


def _furthest_apart(trie: Trie, finished: Indices) -> int:
    """The prompt with the largest step, in the row, from one of its tokens to the next."""
    some = finished[np.unique(np.linspace(0, len(finished) - 1, _LOOKED_AT).astype(int))]
    nodes = np.arange(len(trie))

    def largest_step(prompt: np.int64) -> int:
        last = int(trie.reads[prompt, -1])
        own = nodes[(nodes <= last) & (trie.ends > last)]
        return int(np.diff(own).max(initial=0))

    return int(max(some, key=largest_step))
