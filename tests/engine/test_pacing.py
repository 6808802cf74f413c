"""How sizes of plays follow what plays cost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
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


def requests(cost: Callable[[int, int], float], *, coalitions: int = 600, target: float = 0.5) -> tuple[int, float]:
    """How many plays it takes to play so many coalitions, and the longest of the second half, in seconds.

    cost: of play number i with n coalitions, in seconds.
    """
    now = [0.0]
    tempo, took = Tempo(target, lambda: now[0]), list[float]()
    while coalitions > 0:
        size = min(tempo.wanted(), coalitions)
        tempo.begin()
        took.append(cost(len(took), size))
        now[0] += took[-1]
        tempo.end(size)
        coalitions -= size
    return len(took), max(took[len(took) // 2 :])


@pytest.mark.parametrize("pause", [0.3, 1.0, 60.0])
@pytest.mark.parametrize(("fixed", "each"), [(0.03, 0.001), (0.15, 0.002), (0.0, 0.001), (0.0, 0.01), (2.0, 0.01)])
@pytest.mark.parametrize("target", [0.1, 0.5])
def test_pauses_anywhere_do_not_slow_a_run(target: float, fixed: float, each: float, pause: float) -> None:
    undisturbed, _ = requests(lambda _, n: fixed + each * n, target=target)
    for first in range(min(undisturbed, 12)):
        for second in range(first + 1):
            at = {first, second}
            paused, _ = requests(lambda i, n: fixed + each * n + pause * (i in at), target=target)  # noqa: B023
            assert paused <= 2 * undisturbed, (first, second)


@pytest.mark.parametrize("pause", [1.0, 1.9, 60.0])
@pytest.mark.parametrize(("fixed", "each"), [(0.03, 0.001), (0.15, 0.002), (2.0, 0.01)])
def test_three_pauses_cost_no_more_than_as_much_again(fixed: float, each: float, pause: float) -> None:
    undisturbed, _ = requests(lambda _, n: fixed + each * n)
    for at in combinations(range(9), 3):
        paused, _ = requests(lambda i, n: fixed + each * n + pause * (i in at))  # noqa: B023
        assert paused <= 2 * undisturbed, at


@pytest.mark.parametrize("pause", [0.7, 1.0, 1.9, 5.0])
def test_each_of_many_pauses_costs_a_few_plays(pause: float) -> None:
    """However they fall: that a size is tried in vain again and again does not keep a run from trying it."""
    rng = np.random.default_rng(0)
    for fixed, each in ((0.15, 0.002), (1.0, 0.05), (2.0, 0.01)):
        undisturbed, _ = requests(lambda _, n: fixed + each * n)  # noqa: B023
        for _ in range(40):
            at = set(rng.choice(24, int(rng.integers(3, 12)), replace=False).tolist())
            paused, _ = requests(lambda i, n: fixed + each * n + pause * (i in at))  # noqa: B023
            assert paused <= undisturbed + 3 * len(at), at


def test_a_server_that_pauses_again_and_again_is_still_asked_for_much_at_once() -> None:
    undisturbed, _ = requests(lambda _, n: 0.03 + 0.001 * n, coalitions=6000)
    for every in (2, 3, 5):
        paused, _ = requests(lambda i, n: 0.03 + 0.001 * n + (i % every == 0), coalitions=6000)  # noqa: B023
        assert paused <= 2 * undisturbed


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.7, 4.0, 10.0])
def test_a_model_that_changes_its_speed_is_followed(factor: float) -> None:
    after, longest = requests(lambda _, n: factor * (0.01 + 0.004 * n), coalitions=6000)
    changed, late = requests(lambda i, n: (factor if i >= 8 else 1) * (0.01 + 0.004 * n), coalitions=6000)
    before, _ = requests(lambda _, n: 0.01 + 0.004 * n, coalitions=6000)
    assert changed <= 1.2 * max(before, after) + 8
    assert late <= 1.1 * max(longest, 0.5)


def test_a_size_that_the_model_cannot_take_is_left_but_tried_again() -> None:
    def thrashing(i: int, n: int) -> float:
        return 0.03 + 0.001 * n * (8 if n > 64 and i < 40 else 1)

    never, _ = requests(lambda i, n: thrashing(0, n), coalitions=12_000)
    until, _ = requests(thrashing, coalitions=12_000)
    assert until <= 0.75 * never


def test_a_long_fixed_cost_is_shared_though_every_play_is_past_the_target() -> None:
    assert requests(lambda _, n: 2.0 + 0.001 * n)[0] <= 12
