"""How much of a run is not the model: 64 features × 2,000 coalitions × 64 target tokens, on the model that ships."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.timing import clock
from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.inputs import TokenInput
from llm_attr_widget.methods import KernelShap, PermutationShapley
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Method, Prompt, Scored

HEAD = ("method", "whole run", "model", "scoring around the model", "everything else")
NOTES = (
    "The shipped text model (1M parameters; on a larger one these shares are smaller still). Model: inside its "
    "`forward`. Scoring around it: the tree of prompts, masks, log-softmax. Everything else: design, rendering, "
    "duplicates, ledger, fits and events. Of five runs the one with the median share of everything else."
)


@dataclass
class Watch:
    """A scorer that takes the time of another one. inside: seconds in its `score`."""

    scorer: HuggingFaceModel
    inside: float = 0.0

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        batches = iter(self.scorer.score(prompts, target))
        while True:
            began = clock()
            batch = next(batches, None)
            self.inside += clock() - began
            if batch is None:
                return
            yield batch


@dataclass(frozen=True)
class Shares:
    """Seconds of one run. scoring: in the scorer but not in the model's forward."""

    whole: float
    model: float
    scoring: float

    @property
    def rest(self) -> float:
        return self.whole - self.model - self.scoring


def run_watched(model: Any, tokenizer: Any, method: Method, *, features: int, target: int) -> Shares:
    rng = np.random.default_rng(0)
    low, high = 6, model.config.vocab_size
    prompt = TokenInput(tokenizer, rng.integers(low, high, features).tolist(), perturb_special=True)
    ids = rng.integers(low, high, target).tolist()
    watch = Watch(HuggingFaceModel(model, tokenizer))
    inside, since = 0.0, 0.0

    def before(*_: object) -> None:
        nonlocal since
        since = clock()

    def after(*_: object) -> None:
        nonlocal inside
        inside += clock() - since

    hooks = (model.register_forward_pre_hook(before), model.register_forward_hook(after))
    began = clock()
    attribute(watch, tokenizer, prompt, ids, method=method, progress=False)
    whole = clock() - began
    for hook in hooks:
        hook.remove()
    return Shares(whole, inside, watch.inside - inside)


def measure(*, features: int = 64, coalitions: int = 2000, target: int = 64, repeats: int = 5) -> dict[str, Any]:
    """Title, notes, rows and highlights of this part."""
    model, tokenizer = load_text()
    rows: list[tuple[str, ...]] = []
    for method in (KernelShap(budget=coalitions), PermutationShapley(budget=coalitions)):
        runs = [run_watched(model, tokenizer, method, features=features, target=target) for _ in range(repeats)]
        found = sorted(runs, key=lambda run: run.rest / run.whole)[repeats // 2]
        shares = (found.model, found.scoring, found.rest)
        rows.append(
            (type(method).__name__, f"{found.whole:.2f} s", *(f"{100 * share / found.whole:.1f}%" for share in shares))
        )
    title = f"What is not the model: {features} features, {coalitions:,} coalitions, {target} target tokens"
    return {"title": title, "notes": NOTES, "head": HEAD, "rows": rows, "highlights": []}
