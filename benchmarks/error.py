"""Time to a given error, on the model that ships: how long until the attributions are within 10% of the exact ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

TEMPLATE = "{} {} {} {} {} {} {} {} {} {}. {} personal {} include"
VALUES = ("Dave", "lives", "in", "Palm", "Coast,", "FL", "and", "is", "a", "lawyer", "His", "interests")
TARGET = " playing golf, hiking and cooking."
"""What the model itself answers."""
GOAL = 0.1
OURS, SAMPLING, KERNEL = "ours", "captum ShapleyValueSampling", "captum KernelShap"
HEAD = ("estimator", "model calls", "its error", "seconds", "ours is faster by")
NOTES = (
    f"The shipped text model, {len(VALUES)} features, the log-prob of {TARGET!r}. Calls: the fewest after which the "
    f"median relative L2 error over seeds is {GOAL:g} or less, found on the exact table of all "
    f"{2 ** len(VALUES):,} coalitions. Error: the median of the timed runs. Captum runs in one pass "
    "(`forward_in_tokens=False`), ours is `attribute(method='kernel_shap')`; medians of interleaved rounds."
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


def exact_table(model: Any, tokenizer: Any, features: int) -> Table:
    played = attribute(model, tokenizer, _input(tokenizer, features), TARGET, method=ExactShapley(), progress=False)
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


def measure(*, features: int = len(VALUES), seeds: int = 20, repeats: int = 3) -> dict[str, Any]:
    """Title, notes, rows and highlights of this part."""
    model, tokenizer = load_text()
    table = exact_table(model, tokenizer, features)
    calls = {
        OURS: fewest_calls(ours_on(table), table, start=2 * features + 2, step=2, seeds=seeds),
        SAMPLING: fewest_calls(
            captum_on(table, ca.ShapleyValueSampling), table, start=2 * features + 1, step=features, seeds=seeds
        ),
        KERNEL: fewest_calls(captum_on(table, ca.KernelShap), table, start=3 * features, step=4, seeds=seeds),
    }
    runs = {
        OURS: lambda seed: _run_ours(model, tokenizer, features, calls[OURS], seed),
        SAMPLING: lambda seed: _run_captum(model, tokenizer, features, ca.ShapleyValueSampling, calls[SAMPLING], seed),
        KERNEL: lambda seed: _run_captum(model, tokenizer, features, ca.KernelShap, calls[KERNEL], seed),
    }
    errors: dict[str, list[float]] = {name: [] for name in runs}

    def timed(name: str) -> float:
        began = clock()
        found = runs[name](1000 + len(errors[name]))
        seconds = clock() - began
        errors[name].append(table.error(found))
        return seconds

    runs[OURS](0)
    seconds = rounds({name: (lambda name=name: timed(name)) for name in runs}, repeats)
    return {
        "title": "Time to a given error",
        "notes": NOTES,
        "head": HEAD,
        "rows": [_row(name, calls[name], errors[name], seconds) for name in runs],
        "highlights": [
            (f"Shapley values within {GOAL:.0%}, shipped text model", name, f"{ratio(seconds, name, OURS):.1f}×")
            for name in (SAMPLING, KERNEL)
        ],
    }


def _row(name: str, calls: int, errors: Sequence[float], seconds: dict[str, list[float]]) -> tuple[str, ...]:
    return (
        name,
        str(calls),
        f"{statistics.median(errors):.3f}",
        f"{statistics.median(seconds[name]):.3f}",
        f"{ratio(seconds, name, OURS):.1f}×",
    )


def _input(tokenizer: Any, features: int) -> TemplateInput:
    locked = range(features, len(VALUES))
    return TemplateInput(tokenizer, TEMPLATE, list(VALUES), locked=tuple(locked))


def _run_ours(model: Any, tokenizer: Any, features: int, calls: int, seed: int) -> Array:
    method = KernelShap(budget=calls)
    prompt = _input(tokenizer, features)
    return attribute(model, tokenizer, prompt, TARGET, method=method, seed=seed, progress=False).sequence


def _run_captum(model: Any, tokenizer: Any, features: int, method: Any, calls: int, seed: int) -> Array:
    _seed(seed)
    text = TEMPLATE.format(*["{}"] * features, *VALUES[features:])
    inp = ca.TextTemplateInput(text, list(VALUES[:features]))
    attribution = ca.LLMAttribution(method(model), tokenizer)
    samples = _samples(method, calls, features)
    return attribution.attribute(inp, TARGET, forward_in_tokens=False, n_samples=samples).seq_attr.double().numpy()


def _samples(method: Any, calls: int, features: int) -> int:
    """Captum's option for so many model calls. A permutation costs a call per feature, after one for nobody."""
    return calls if method is ca.KernelShap else (calls - 1) // features


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what captum draws from)
