"""The tree of prompts against a tree of dictionaries, and batches against their promises."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget.models.huggingface.batching import TokenBudget, next_batch
from llm_attr_widget.models.huggingface.tree.trie import grow

TOKENS = st.integers(0, 3)
PROMPTS = st.lists(st.lists(TOKENS, min_size=1, max_size=8), min_size=1, max_size=12)
TARGET = st.lists(TOKENS, min_size=1, max_size=4)


@given(PROMPTS, TARGET)
def test_each_distinct_prefix_is_one_node(prompts, target):
    rows = [(*prompt, *target[:-1]) for prompt in prompts]
    trie = grow(prompts, target)
    assert len(trie) == len({row[:end] for row in rows for end in range(1, len(row) + 1)})


@given(PROMPTS, TARGET)
def test_a_nodes_ancestors_spell_its_prefix(prompts, target):
    trie = grow(prompts, target)
    everyone = np.arange(len(trie))
    for prompt, reads in zip(prompts, trie.reads, strict=True):
        for position, node in enumerate(reads):
            path = everyone[(everyone <= node) & (node < trie.ends)]
            assert trie.tokens[path].tolist() == [*prompt, *target[:position]]
            assert trie.depths[path].tolist() == list(range(len(path)))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40).map(sorted), st.integers(1, 100), st.integers(1, 9))
def test_batches_take_every_row_once_and_keep_the_budget(lengths, budget, most_rows):
    start = 0
    while start < len(lengths):
        end = next_batch(lengths, start, budget=budget, most_rows=most_rows)
        assert start < end <= len(lengths)
        assert end - start <= most_rows
        assert end - start == 1 or (end - start) * lengths[end - 1] <= budget
        start = end


def _settle(budget, seconds):
    for _ in range(40):
        budget.done(budget.tokens, seconds(budget.tokens))
    return budget.tokens


def test_the_budget_grows_while_that_pays_and_results_come_soon():
    assert _settle(TokenBudget(512, most=4096), lambda tokens: 0.01 + tokens * 1e-6) == 4096
    assert _settle(TokenBudget(512, most=4096), lambda tokens: 0.01 + tokens * 9e-5) == 1024  # 0.10 s, not 0.19 s


def test_a_slow_model_gets_small_passes_if_they_lose_nothing_and_large_ones_if_they_do():
    assert _settle(TokenBudget(512), lambda tokens: tokens * 2e-3) == 256  # 0.5 s, not 1 s
    assert _settle(TokenBudget(512), lambda tokens: 1.0 + tokens * 2e-3) == 512


def test_passes_that_a_stop_can_wait_for_are_not_cut_shorter():
    budget = TokenBudget(512)
    assert _settle(budget, lambda tokens: tokens * 1e-3) == 512  # 0.5 s
    assert list(budget.rates) == [512]


def test_one_busy_moment_does_not_rule_out_the_best_budget():
    for busy in range(6):
        passes = iter(range(100))
        cost = lambda tokens, passes=passes, busy=busy: (0.3 + tokens * 1e-4) * (9 if next(passes) == busy else 1)  # noqa: E731
        assert _settle(TokenBudget(512, most=1024), cost) == 512, busy


def test_a_budget_that_did_not_fit_is_never_tried_again():
    budget = TokenBudget(512, most=4096)
    assert budget.halve()
    assert budget.tokens == 256
    assert _settle(budget, lambda tokens: tokens * 1e-6) == 256
    budget.tokens = 1
    assert not budget.halve()


def test_a_batch_much_smaller_than_the_budget_says_nothing():
    budget = TokenBudget(512)
    budget.done(10, 5.0)
    assert budget.tokens == 512
    assert not budget.rates
