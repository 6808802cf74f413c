"""Time to a given error, on the model that ships: how long until the attributions are within 10% of the exact ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import captum.attr as ca
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.timing import clock, ratio, rounds
from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.inputs import TemplateInput
from llm_attr_widget.methods import ExactShapley, KernelShap
from llm_attr_widget.methods.base import fit

Array: TypeAlias = NDArray[np.float64]
Estimator: TypeAlias = Callable[[int, int], Array]
"""Model calls, seed → attributions `(features,)`."""

GOAL = 0.1
OURS, SAMPLING, KERNEL = "ours", "captum ShapleyValueSampling", "captum KernelShap"
HEAD = ("question", "estimator", "model calls", "its error", "seconds", "ours is faster by")


@dataclass(frozen=True)
class Question:
    """What the shipped model is asked. values: the slots' texts; the first `features` of them may be absent."""

    name: str
    template: str
    values: tuple[str, ...]
    target: str
    features: int = 12

    @property
    def locked(self) -> range:
        return range(self.features, len(self.values))


RETRIEVAL = Question(
    "who has what",
    "{} has a {}.\n{} has a {}.\n{} has a {}.\n{} has a {}.\n{} {} {} {}\nAnswer:",
    ("Dave", "rabbit", "Sarah", "kite", "Omar", "violin", "Grace", "camera", "Question:", "What does", "Omar", "have?"),
    " a camera.",
)
"""Features that work together: the model's own answer."""
PORTRAIT = Question(
    "an answer it would not give",
    "{} {} {} {} {} {} {} {} {} {}. {} personal {} include",
    ("Dave", "lives", "in", "Palm", "Coast,", "FL", "and", "is", "a", "lawyer", "His", "interests"),
    " golf, hiking, and cooking",
)
NOTES = (
    "The shipped text model, 12 features, the log-prob of a whole answer. Calls: the fewest after which the median "
    f"relative L2 error over seeds is {GOAL:g} or less, found on the exact table of all 4,096 coalitions. Error: the "
    "median of the timed runs. Captum runs in one pass (`forward_in_tokens=False`), ours is "
    "`attribute(method='kernel_shap')`; medians of interleaved rounds. Where a game is nearly additive, as with the "
    "model's own answer about a person, 25 calls suffice for every estimator, and only the cost of a call is left."
)


@dataclass(frozen=True)
class Table:
    """Every coalition's value. values: `(2^features,)`, coalition S at the sum of 2^i over i in S."""

    values: Array
    exact: Array

    @property
    def features(self) -> int:
        return len(self.exact)

    def look_up(self, coalitions: NDArray[Any]) -> Array:
        return self.values[(np.asarray(coalitions, dtype=np.int64) * 2 ** np.arange(self.features)).sum(axis=1)]

    def error(self, found: Array) -> float:
        """Relative L2 error."""
        return float(np.linalg.norm(found - self.exact) / np.linalg.norm(self.exact))


def exact_table(model: Any, tokenizer: Any, question: Question) -> Table:
    features, prompt = question.features, _input(tokenizer, question)
    played = attribute(model, tokenizer, prompt, question.target, method=ExactShapley(), progress=False)
    rows = (played.ledger.coalitions * 2 ** np.arange(features)).sum(axis=1)
    values = np.full(2**features, np.nan)
    values[rows] = played.ledger.log_probs.astype(np.float64).sum(axis=1)
    return Table(values, played.sequence)


def fewest_calls(estimator: Estimator, table: Table, *, start: int, step: int, seeds: int) -> int:
    """The fewest calls, on a grid that grows by a tenth, after which the median error is within the goal."""

    def good(calls: int) -> bool:
        return statistics.median(table.error(estimator(calls, seed)) for seed in range(seeds)) <= GOAL

    low, high = start, start
    while not good(high):
        low, high = high, 2 * high
    while high - low > max(step, low // 10):
        middle = (low + high) // 2 // step * step
        low, high = (low, middle) if good(middle) else (middle, high)
    return high


def ours_on(table: Table) -> Estimator:
    def estimate(calls: int, seed: int) -> Array:
        method = KernelShap(budget=calls)
        coalitions = np.concatenate(list(method.design(table.features, np.random.default_rng(seed))))
        return fit(method, coalitions, table.look_up(coalitions)[:, None]).values[0]

    return estimate


def captum_on(table: Table, method: Any) -> Estimator:
    def forward(coalitions: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(table.look_up(coalitions.numpy()))

    def estimate(calls: int, seed: int) -> Array:
        _seed(seed)
        samples = _samples(method, calls, table.features)
        found = method(forward).attribute(torch.ones(1, table.features), n_samples=samples)
        return found[0].double().numpy()

    return estimate


def measure(
    questions: Sequence[Question] = (RETRIEVAL, PORTRAIT), *, seeds: int = 25, repeats: int = 9
) -> dict[str, Any]:
    """Title, notes, rows and highlights of this part."""
    model, tokenizer = load_text()
    rows: list[tuple[str, ...]] = []
    highlights: list[tuple[str, ...]] = []
    for question in questions:
        found = _raced(model, tokenizer, question, seeds, repeats)
        rows += [(question.name, *row) for row in found.values()]
        what = f"Shapley values within {GOAL:.0%}, shipped text model, {question.name}"
        highlights += [(what, f"{name}, one pass", found[name][-1]) for name in (SAMPLING, KERNEL)]
    return {"title": "Time to a given error", "notes": NOTES, "head": HEAD, "rows": rows, "highlights": highlights}


def _raced(model: Any, tokenizer: Any, question: Question, seeds: int, repeats: int) -> dict[str, tuple[str, ...]]:
    """A row of the table for each estimator."""
    table = exact_table(model, tokenizer, question)
    n = question.features
    methods = {SAMPLING: ca.ShapleyValueSampling, KERNEL: ca.KernelShap}
    grids = {SAMPLING: {"start": 2 * n + 1, "step": n}, KERNEL: {"start": 3 * n, "step": 4}}
    calls = {OURS: fewest_calls(ours_on(table), table, start=2 * n + 2, step=2, seeds=seeds)}
    for name, method in methods.items():
        calls[name] = fewest_calls(captum_on(table, method), table, **grids[name], seeds=seeds)
    errors: dict[str, list[float]] = {name: [] for name in calls}

    def timed(name: str) -> float:
        seed = 1000 + len(errors[name])
        began = clock()
        if name == OURS:
            found = _run_ours(model, tokenizer, question, calls[name], seed)
        else:
            found = _run_captum(model, tokenizer, question, methods[name], calls[name], seed)
        seconds = clock() - began
        errors[name].append(table.error(found))
        return seconds

    _run_ours(model, tokenizer, question, calls[OURS], 0)
    seconds = rounds({name: partial(timed, name) for name in calls}, repeats)
    return {name: _row(name, calls[name], errors[name], seconds) for name in calls}


def _row(name: str, calls: int, errors: Sequence[float], seconds: dict[str, list[float]]) -> tuple[str, ...]:
    return (
        name,
        str(calls),
        f"{statistics.median(errors):.3f}",
        f"{statistics.median(seconds[name]):.3f}",
        f"{ratio(seconds, name, OURS):.1f}×",
    )


def _input(tokenizer: Any, question: Question) -> TemplateInput:
    return TemplateInput(tokenizer, question.template, list(question.values), locked=tuple(question.locked))


def _run_ours(model: Any, tokenizer: Any, question: Question, calls: int, seed: int) -> Array:
    prompt, method = _input(tokenizer, question), KernelShap(budget=calls)
    return attribute(model, tokenizer, prompt, question.target, method=method, seed=seed, progress=False).sequence


def _run_captum(model: Any, tokenizer: Any, question: Question, method: Any, calls: int, seed: int) -> Array:
    _seed(seed)
    n = question.features
    text = question.template.format(*["{}"] * n, *question.values[n:])
    inp = ca.TextTemplateInput(text, list(question.values[:n]))
    attribution = ca.LLMAttribution(method(model), tokenizer)
    samples = _samples(method, calls, n)
    found = attribution.attribute(inp, question.target, forward_in_tokens=False, n_samples=samples)
    return found.seq_attr.double().numpy()


def _samples(method: Any, calls: int, features: int) -> int:
    """Captum's option for so many model calls. A permutation costs a call per feature, after one for nobody."""
    return calls if method is ca.KernelShap else (calls - 1) // features


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what captum draws from)
