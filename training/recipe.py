"""What the training of both models has in common: its options, sums in one order, and what is told at the end."""

from __future__ import annotations

import argparse
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

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
