"""Seconds, taken side by side: every round runs each contender once, so that a busy moment hits all of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")


def seeded(call: Callable[[], T]) -> T:
    """The same random choices in each contender: captum's methods draw from torch, NumPy and Python alike."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (what captum draws from)
    random.seed(0)
    return call()


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter()


def timed(call: Callable[[], object]) -> float:
    began = clock()
    seeded(call)
    return clock() - began


def rounds(contenders: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each contender, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            seconds[name].append(contender())
    return seconds


def ratio(seconds: Mapping[str, list[float]], name: str, ours: str) -> float:
    """Median over rounds of how many times as long as ours a contender took."""
    return statistics.median(other / own for other, own in zip(seconds[name], seconds[ours], strict=True))
