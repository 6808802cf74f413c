"""What the training of both models has in common: its options, sums in one order, and what is told at the end."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file

Kind = TypeVar("Kind", bound=str)


def options_of(description: str, folder: Path) -> argparse.ArgumentParser:
    """Options of a training command: where to write, the seed, the number of threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=folder, help="folder to write (default: the package's)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="part of the recipe: sums round differently with others")
    return parser


@contextmanager
def reproducible(threads: int) -> Generator[None]:
    """The same sums in the same order on every run: deterministic kernels and a fixed number of threads."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def report(right: Mapping[Kind, float], asked: str) -> str:
    """The share of right answers for each kind, in lines. asked: what was held out."""
    return "\n".join([f"Right answers to {asked}:", *(f"  {kind:<10} {share:.1%}" for kind, share in right.items())])


def write_for_all_versions(folder: Path) -> None:
    """What transformers 5 has saved, in the names that transformers 4.57 reads as well."""
    config = folder / "tokenizer_config.json"
    said = json.loads(config.read_text(encoding="utf-8"))
    said["tokenizer_class"] = "PreTrainedTokenizerFast"
    said["additional_special_tokens"] = said.pop("extra_special_tokens", said.get("additional_special_tokens", []))
    said["model_input_names"] = ["input_ids", "attention_mask"]
    config.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    weights = load_file(folder / "model.safetensors")
    inner = "vision_tower.vision_model."
    old = {n if inner in n else n.replace("vision_tower.", inner): value for n, value in weights.items()}
    save_file(old, folder / "model.safetensors", metadata={"format": "pt"})
