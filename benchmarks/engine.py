"""Captum 0.9 and this package side by side, on the same models, prompts and coalitions.

    python -m benchmarks.engine                                    all parts for a CPU, about 12 minutes on 2 cores
    python -m benchmarks.engine --part long --part error           some parts; the others keep their last results
    python -m benchmarks.engine --device cuda --part llama-1b --part llama-7b
    python -m benchmarks.engine --quick                            tiny models, to see that it runs; writes nothing

Each part leaves its results in benchmarks/results.json and its tables in docs/benchmarks.md and the README.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import benchmarks.error
import benchmarks.gradients
import benchmarks.overhead
from benchmarks import perturbation, report
from benchmarks.cases import LONG, LONG_HEAD, QUICK, SHORT, Case, Shape, make_case
from benchmarks.floor import Floor

Part = Callable[[str], dict[str, Any]]
"""Device → title, notes, head, rows and highlights."""

SLOW = ("captum default", "captum token by token")


def short(name: str, device: str, *, rounds: int = 3, shape: Shape = SHORT) -> dict[str, Any]:
    """The three perturbation methods on a short prompt."""
    case = make_case(name, shape, device)
    floor = Floor(case)
    perturbation.warm_up(case, samples=200 if shape is SHORT else 10)
    where = f"{title_of(case)}, {case.prompt_tokens} tokens"
    found = [perturbation.measure(case, work, floor, slow=SLOW) for work in perturbation.works(rounds)]
    return {
        "title": f"{where}: perturbation methods, {shape.features} features, {shape.target} target tokens",
        "notes": perturbation.NOTES,
        "head": perturbation.HEAD,
        "rows": [each.row() for each in found],
        "highlights": [line for each in found for line in each.highlights(where)],
    }


def gradients(name: str, device: str, *, steps: int = 32, shape: Shape = SHORT) -> dict[str, Any]:
    """Layer integrated gradients on a short prompt."""
    case = make_case(name, shape, device)
    where = f"{title_of(case)}, {case.prompt_tokens} tokens"
    found = benchmarks.gradients.measure(case, steps=steps, repeats=1, some=2)
    return {
        "title": f"{where}: layer integrated gradients, {shape.target} target tokens",
        "notes": benchmarks.gradients.NOTES,
        "head": benchmarks.gradients.HEAD,
        "rows": list(found.rows()),
        "highlights": list(found.highlights(where)),
    }


def long(device: str, *, name: str = "llama", shapes: Mapping[str, Shape] | None = None) -> dict[str, Any]:
    """A long prompt of sentences: as the whole prompt, and after a head that is always present."""
    shapes = shapes or {"all of it features": LONG, "a shared head of 800 tokens": LONG_HEAD}
    rows: list[tuple[str, ...]] = []
    highlights: list[tuple[str, ...]] = []
    where = ""
    for words, shape in shapes.items():
        case = make_case(name, shape, device)
        floor = Floor(case)
        perturbation.warm_up(case, samples=32)
        where = title_of(case)
        works = perturbation.works(1, samples=32, permutations=1, some=1)
        for work in (works[0], works[2]):
            # Captum's default takes minutes a coalition here, and is wrong anyway.
            slow = ("captum token by token",) if shape.head > 100 and work is works[0] else ()
            found = perturbation.measure(case, perturbation.shortened(work, 6), floor, slow=slow)
            rows.append((words, *found.row()))
            highlights += found.highlights(f"{where}, {case.prompt_tokens} tokens, {words}")
    return {
        "title": f"{where}, a long prompt of 20 sentences",
        "notes": f"As above. Captum's one pass is timed on 6 coalitions, its other ways on one. {perturbation.NOTES}",
        "head": ("prompt", *perturbation.HEAD),
        "rows": rows,
        "highlights": highlights,
    }


def title_of(case: Case) -> str:
    kind = "GPT-2" if case.name == "gpt2" else "Llama"
    size = case.parameters / 1e6
    return f"{kind} shape ({size / 1e3:.1f}B)" if size > 999 else f"{kind} shape ({size:.0f}M)"


CPU_PARTS: Mapping[str, Part] = {
    "gpt2": lambda device: short("gpt2", device),
    "llama": lambda device: short("llama", device),
    "gpt2-gradients": lambda device: gradients("gpt2", device),
    "llama-gradients": lambda device: gradients("llama", device),
    "long": long,
    "error": lambda _: benchmarks.error.measure(),
    "overhead": lambda _: benchmarks.overhead.measure(),
}
GPU_PARTS: Mapping[str, Part] = {
    "llama-1b": lambda device: short("llama-1b", device),
    "llama-1b-gradients": lambda device: gradients("llama-1b", device),
    "llama-7b": lambda device: short("llama-7b", device),
}
PARTS: Mapping[str, Part] = {**CPU_PARTS, **GPU_PARTS}

QUICK_QUESTION = replace(benchmarks.error.PORTRAIT, features=4)
QUICK_PARTS: Mapping[str, Part] = {
    "short": lambda device: short("tiny", device, rounds=1, shape=QUICK),
    "gradients": lambda device: gradients("tiny", device, steps=3, shape=QUICK),
    "long": lambda device: long(device, name="tiny", shapes={"all of it features": QUICK}),
    "error": lambda _: benchmarks.error.measure((QUICK_QUESTION,), seeds=3, repeats=1),
    "overhead": lambda _: benchmarks.overhead.measure(features=6, coalitions=30, target=3),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description="Captum and ours side by side.")
    parser.add_argument("--part", action="append", choices=tuple(PARTS), help="default: all parts for a CPU")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--quick", action="store_true", help="tiny models, to see that it runs; writes nothing")
    asked = parser.parse_args(arguments)
    parts = QUICK_PARTS if asked.quick else {name: PARTS[name] for name in asked.part or CPU_PARTS}
    for name, part in parts.items():
        began = perf_counter()
        found = part(asked.device)
        print(f"\n{name}: {found['title']}\n\n{report.table(found['head'], found['rows'])}")
        print(f"took {perf_counter() - began:.0f} s", file=sys.stderr)
        if not asked.quick:
            report.write(report.save(name, found, asked.device), tuple(PARTS))


if __name__ == "__main__":
    main()
