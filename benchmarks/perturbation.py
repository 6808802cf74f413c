"""Perturbation methods on the same coalitions: captum's three paths, ours in one pass and step by step, the floor."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import captum.attr as ca
import torch

from benchmarks.captum_paths import PATHS, perturbation_seconds
from benchmarks.cases import Case
from benchmarks.floor import Floor
from benchmarks.timing import ratio, rounds, timed
from llm_attr_widget import captum as ours
from llm_attr_widget.captum.prompts import to_prompt
from llm_attr_widget.types import Prompt

ONE_PASS, STEPWISE = "ours one pass", "ours stepwise"
HEAD = (
    "method (coalitions)",
    "ours, one pass",
    "captum one pass",
    "captum token by token",
    "captum default (its error)",
    "ours, token by token",
    "share of the floor",
    "largest difference",
)
NOTES = (
    "Seconds of ours, and how many times as long captum took for the same coalitions with the same seeds; medians of "
    "ratios, rounds interleaved, after a first run. Captum's ways: `forward_in_tokens=False` (one pass), "
    "`use_cached_outputs=False` "
    "(token by token), and its default, whose cache is wrong with transformers 5 (its error: by how many nats, at "
    "most, a sequence's log-prob is off; it crashes where the prompt, fed once for each target token, outgrows the "
    "model's positions). These last two are timed once, on a few coalitions spread over all. Ours "
    "token by token is compared with captum's. The floor: each distinct token once through the bare model at its best "
    "batch shape, and the LM head where the target is read; its share: floor / ours. Largest difference: of a "
    "sequence's log-prob between captum's one pass and ours, in nats."
)


@dataclass(frozen=True)
class Work:
    """A method with its options. rounds: how often all is timed. some: coalitions that captum's slow ways run."""

    name: str
    method: Any
    options: Mapping[str, Any]
    rounds: int
    one_pass: int | None = None
    """Coalitions that captum's one pass runs; None for all."""
    some: int = 3


@dataclass(frozen=True)
class Found:
    """Seconds by contender and round; log-prob differences from ours, in nats, by captum's path; paths that crashed."""

    work: Work
    coalitions: int
    seconds: Mapping[str, list[float]]
    differences: Mapping[str, float]
    crashed: frozenset[str]

    def row(self) -> tuple[str, ...]:
        def times(path: str, by: str = ONE_PASS) -> str:
            if path in self.crashed:
                return "crashes"
            return f"{ratio(self.seconds, path, by):.1f}×" if path in self.seconds else "not run"

        default = "captum default"
        wrong = f" ({self.differences[default]:.2g} nats)" if default in self.differences else ""
        return (
            f"{self.work.name} ({self.coalitions})",
            f"{statistics.median(self.seconds[ONE_PASS]):.2f} s",
            times("captum one pass"),
            times("captum token by token"),
            times(default) + wrong,
            times("captum token by token", STEPWISE),
            f"{ratio(self.seconds, 'floor', ONE_PASS):.2f}",
            f"{self.differences['captum one pass']:.1g}",
        )

    def highlights(self, where: str) -> Iterator[tuple[str, str, str]]:
        for path in ("captum one pass", "captum token by token"):
            if path in self.seconds:
                yield f"{self.work.name}, {where}", path, f"{ratio(self.seconds, path, ONE_PASS):.1f}×"


def measure(case: Case, work: Work, floor: Floor, *, slow: Sequence[str] = tuple(PATHS)[:2]) -> Found:
    """slow: captum's ways that are timed once, on some of the coalitions."""
    results: list[Any] = []
    differences: dict[str, float] = {}

    def one_pass() -> float:
        return timed(lambda: results.append(run_ours(case, work, in_tokens=False)))

    def captum(path: str, some: int | None) -> float:
        played = torch.from_numpy(results[-1].log_probs).double().sum(1)
        total = len(played)
        seconds, values = perturbation_seconds(case, work.method, work.options, path, total=total, some=some or total)
        largest = max(abs(float(value[0]) - float(played[call])) for call, value in values.items())
        differences[path] = max(differences.get(path, 0.0), largest)
        return seconds

    contenders = {
        ONE_PASS: one_pass,
        "captum one pass": lambda: captum("captum one pass", work.one_pass),
        "floor": lambda: floor.seconds(recorded(case, results[-1])),
        STEPWISE: lambda: timed(lambda: run_ours(case, work, in_tokens=True)),
    }
    seconds = rounds(contenders, work.rounds)
    crashed: set[str] = set()
    for path in slow:
        # Once is enough for a ratio of 10 or 40; against the median of ours, round for round.
        try:
            seconds[path] = [captum(path, work.some)] * work.rounds
        except IndexError:  # noqa: PERF203 (a loop of two)
            # Its default feeds the whole prompt anew for each target token, so its cache outgrows a GPT-2's positions.
            crashed.add(path)
    return Found(work, len(results[-1].log_probs), seconds, differences, frozenset(crashed))


def warm_up(case: Case, samples: int) -> None:
    """Both of our ways once, since what a scorer finds out about a model is remembered for it: paths, batch sizes."""
    for in_tokens, count in ((False, samples), (True, 25)):
        run_ours(case, Work("KernelSHAP", ca.KernelShap, {"n_samples": count}, 1), in_tokens=in_tokens)


def run_ours(case: Case, work: Work, *, in_tokens: bool) -> Any:
    attribution = ours.LLMAttribution(work.method(case.model), case.tokenizer)
    return attribution.attribute(case.slots(), case.target, forward_in_tokens=in_tokens, **work.options)


def recorded(case: Case, result: Any) -> list[Prompt]:
    """The distinct prompts that a result was made of."""
    inp = case.slots()
    rows = torch.from_numpy(result.coalitions).to(inp.to_tensor().dtype)
    return list(dict.fromkeys(to_prompt(inp.to_model_input(row[None]), case.tokenizer) for row in rows))


def works(rounds: int, *, samples: int = 200, permutations: int = 2, some: int = 3) -> tuple[Work, ...]:
    return (
        Work("Feature ablation", ca.FeatureAblation, {}, rounds, some=some),
        Work("Shapley sampling", ca.ShapleyValueSampling, {"n_samples": permutations}, rounds, some=some),
        Work("KernelSHAP", ca.KernelShap, {"n_samples": samples}, max(1, rounds - 2), some=some),
    )


def shortened(work: Work, coalitions: int) -> Work:
    """The same, but captum's one pass runs so many coalitions only, where all would take minutes."""
    return replace(work, one_pass=coalitions)
