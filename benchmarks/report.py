"""Results as a file that each part adds to, and as the tables of docs/benchmarks.md and the README."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"

Results = dict[str, dict[str, Any]]
"""By part: title, notes, head and rows of its table, highlights for the README, when and on what it ran."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def machine(device: str) -> str:
    """The machine and the libraries, in words."""
    import torch  # not needed for tables alone, which benchmarks.estimators writes where there is none

    if device == "cuda":
        where = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    else:
        where = f"{_processor()}, {torch.get_num_threads()} threads"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "captum"))
    return f"{where}, Python {platform.python_version()}, {libraries}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load() -> Results:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def save(part: str, found: Mapping[str, Any], device: str) -> Results:
    """Put one part's results beside those of the others."""
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    results = {**load(), part: {**found, "when": when, "machine": machine(device)}}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return results


def page(results: Results, parts: Sequence[str]) -> str:
    """All tables, part by part."""
    sections = []
    for name in parts:
        if name in results:
            part = results[name]
            sections.append(
                f"## {part['title']}\n\n{part['notes']}\n\n{table(part['head'], part['rows'])}\n"
                f"{part['when']}, {part['machine']}. `python -m benchmarks.engine --part {name}`\n"
            )
    return "\n".join(sections)


KINDS = (
    ("Layer integrated gradients, per token", "Layer integrated gradients, per token"),
    ("Layer integrated gradients, sequence only", "Layer integrated gradients, sequence only"),
    ("Shapley values within 10%", "Shapley values within 10% of the truth"),
    ("", "Feature ablation, Shapley sampling, KernelSHAP"),
)
"""How a highlight begins, and the line of the README that it counts for: the first that fits."""


def highlights(results: Results, parts: Sequence[str]) -> str:
    """What the README quotes: of all highlights of one kind the smallest and the largest."""
    rows = [row for name in parts if name in results for row in results[name]["highlights"]]
    if not rows:
        return "Nothing was measured yet.\n"
    found: dict[tuple[str, str], list[float]] = {}
    for what, compared, times in rows:
        kind = next(said for begins, said in KINDS if what.startswith(begins))
        way = "captum, token by token" if compared.endswith("token by token") else "captum, one pass"
        found.setdefault((kind, compared if compared == "captum" else way), []).append(float(times.rstrip("×")))
    lines = [[*key, _range(times)] for key, times in found.items()]
    machines = sorted({results[name]["machine"] for name in parts if name in results})
    return table(["what", "compared with", "times as fast"], lines) + "\n" + "; ".join(machines) + ".\n"


def _range(times: Sequence[float]) -> str:
    return f"{min(times):.1f}×" if len(times) == 1 else f"{min(times):.1f}–{max(times):.1f}×"


def between(text: str, name: str, content: str) -> str:
    """The text with what stands between `<!-- name -->` and `<!-- /name -->` replaced."""
    found = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not found.search(text):
        raise ValueError(f"Expected the markers <!-- {name} --> and <!-- /{name} -->, found none.")
    return found.sub(lambda match: f"{match[1]}\n{content}\n{match[2]}", text)


def write(results: Results, parts: Sequence[str]) -> None:
    """Write the tables into docs/benchmarks.md and the README."""
    for path, content in ((PAGE, page(results, parts)), (README, highlights(results, parts))):
        text = path.read_text(encoding="utf-8")
        path.write_text(between(text, "benchmarks.engine", content), encoding="utf-8")
