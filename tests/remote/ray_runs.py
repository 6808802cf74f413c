"""A run on replicas in a thread of its own, and Ray that starts on a machine that is busy."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.types import Prompt
from tests.remote.ray_models import expected

MANY = [Prompt((3, 1 + row // 4, row)) for row in range(24)]


def started(start: Callable[[], object], end: Callable[[], object], tries: int = 4) -> None:
    """Ray gives its first processes 30 s, whatever its settings say: it is started anew where they took longer."""
    for left in reversed(range(tries)):
        try:
            start()
        except Exception:  # noqa: PERF203 (that is what it raises)
            end()
            if not left:
                raise
        else:
            return


class Run:
    """A run in a thread of its own, so that a test can act in the middle of it."""

    def __init__(self, model, prompts=MANY, target=(7, 8)):
        self.found = np.full((len(prompts), len(target)), np.nan)
        self.times = np.zeros(len(prompts), dtype=int)
        self.error = None
        self._truth = np.array([expected(prompt, target) for prompt in prompts])
        self._asked = model, prompts, target
        self._thread = Thread(target=self._score, daemon=True)
        self._thread.start()

    def _score(self):
        model, prompts, target = self._asked
        try:
            for batch in model.score(prompts, target):
                self.found[list(batch.rows)] = batch.log_probs
                self.times[list(batch.rows)] += 1
        except ScoreError as error:
            self.error = error

    def ended(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self

    def is_whole(self):
        assert self.ended().error is None
        np.testing.assert_allclose(self.found, self._truth, atol=1e-4)
        assert set(self.times) == {1}
