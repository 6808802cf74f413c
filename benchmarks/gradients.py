"""Layer integrated gradients: captum's one `attribute()` per target token against shared forward passes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import captum.attr as ca
import torch

from benchmarks.captum_paths import gradient_seconds
from benchmarks.cases import Case
from benchmarks.timing import ratio, rounds, timed
from llm_attr_widget import attribute
from llm_attr_widget import captum as ours
from llm_attr_widget.inputs import TokenInput
from llm_attr_widget.methods import LayerIntegratedGradients

PER_TOKEN, WHOLE, CAPTUM = "ours per token", "ours sequence only", "captum"
HEAD = ("method (steps)", "ours", "captum", "largest difference")
NOTES = (
    "Layer integrated gradients on the input embedding. Captum has no way to explain the sequence alone, so both rows "
    "are compared with its one `attribute()` per target token. Largest difference: relative to the largest "
    "attribution. After a first run of each. Captum's time depends on the state of the machine's memory, as its "
    "largest tensors take hundreds of megabytes: 79 to 141 s were seen on the GPT-2 shape."
)


@dataclass(frozen=True)
class Found:
    steps: int
    seconds: Mapping[str, list[float]]
    differences: Mapping[str, float]

    def rows(self) -> Iterator[tuple[str, ...]]:
        for name, kind in ((PER_TOKEN, "per token"), (WHOLE, "sequence only")):
            yield (
                f"Layer integrated gradients, {kind} ({self.steps})",
                f"{statistics.median(self.seconds[name]):.2f} s",
                f"{ratio(self.seconds, CAPTUM, name):.1f}×",
                f"{self.differences[name]:.1g}",
            )

    def highlights(self, where: str) -> Iterator[tuple[str, str, str]]:
        for name, kind in ((PER_TOKEN, "per token"), (WHOLE, "sequence only")):
            yield (
                f"Layer integrated gradients, {kind}, {where}",
                "captum",
                f"{ratio(self.seconds, CAPTUM, name):.1f}×",
            )


def measure(case: Case, *, steps: int, repeats: int, some: int) -> Found:
    """some: target tokens that captum explains; its time is scaled up to all of them."""
    layer = case.model.get_input_embeddings()
    rows: dict[int, torch.Tensor] = {}
    results: dict[str, torch.Tensor] = {}

    def captum() -> float:
        seconds, found = gradient_seconds(case, layer, steps, some=some)
        rows.update(found)
        return seconds

    contenders = {
        PER_TOKEN: lambda: timed(lambda: results.update({PER_TOKEN: _ours_per_token(case, layer, steps)})),
        WHOLE: lambda: timed(lambda: results.update({WHOLE: _ours_whole(case, steps)})),
        CAPTUM: captum,
    }
    for contender in contenders.values():
        contender()  # first runs, captum's above all, wait for memory: up to 1.8 times as long
    seconds = rounds(contenders, repeats)
    per_token, whole = results[PER_TOKEN], results[WHOLE]
    theirs = max(float((per_token[token] - row).abs().max()) for token, row in rows.items())
    added = float((per_token.sum(0) - whole).abs().max())
    differences = {PER_TOKEN: theirs / float(per_token.abs().max()), WHOLE: added / float(whole.abs().max())}
    return Found(steps, seconds, differences)


def _ours_per_token(case: Case, layer: Any, steps: int) -> Any:
    """`(target tokens, tokens)`: each target token's attributions."""
    attribution = ours.LLMGradientAttribution(ca.LayerIntegratedGradients(case.model, layer), case.tokenizer)
    return attribution.attribute(case.tokens(), case.target, n_steps=steps).token_attr


def _ours_whole(case: Case, steps: int) -> torch.Tensor:
    """`(tokens,)`: the sequence's attributions."""
    ids = case.tokens().inp_tensor[0].tolist()
    found = attribute(
        case.model,
        case.tokenizer,
        TokenInput(case.tokenizer, ids, baseline_token=case.tokenizer.unk_token_id),
        case.target.tolist(),
        method=LayerIntegratedGradients(steps=steps),
        value="sequence_log_prob",
        progress=False,
    )
    return torch.from_numpy(found.sequence).float()
