"""How sizes of plays follow what plays cost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from llm_attr_widget.engine.pacing import Tempo


def sizes(cost: Callable[[int], float], *, target: float = 0.1, plays: int = 40) -> list[int]:
    """The sizes asked for, one play after another, where a play of n coalitions takes cost(n) seconds."""
    now = [0.0]
    tempo, asked = Tempo(target, lambda: now[0]), []
    for _ in range(plays):
        size = tempo.wanted()
        tempo.begin()
        now[0] += cost(size)
        tempo.end(size)
        asked.append(size)
    return asked


@pytest.mark.parametrize("each", [0.001, 0.01, 0.04])
def test_settles_near_the_target_where_coalitions_cost_the_same(each: float) -> None:
    settled = sizes(lambda n: n * each)[-10:]
    assert all(0.025 <= n * each <= 0.1 for n in settled)


def test_a_slow_model_is_asked_for_little_at_once() -> None:
    assert max(sizes(lambda n: n * 2.0)) <= 2


def test_a_fixed_cost_is_shared_by_many() -> None:
    settled = sizes(lambda n: 0.08 + n * 0.002)[-10:]
    assert min(settled) >= 8
    settled = sizes(lambda n: 0.15 + n * 0.002)[-10:]
    assert min(settled) >= 32


def test_starts_with_one_and_grows_fast_only_while_plays_take_next_to_nothing() -> None:
    asked = sizes(lambda n: n * 0.0005)
    assert asked[:3] == [1, 8, 64]
    assert all(after <= 2 * before for before, after in pairwise(asked[2:]))
    asked = sizes(lambda n: n * 0.02)
    assert all(after <= 2 * before for before, after in pairwise(asked))
