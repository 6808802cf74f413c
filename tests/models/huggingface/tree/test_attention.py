"""Attention stretch by stretch gives what attention over the whole row gives, and is taken where it pays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.batching import TokenBudget
from llm_attr_widget.models.huggingface.paths import Job
from llm_attr_widget.models.huggingface.tree import attention
from llm_attr_widget.models.huggingface.tree.attention import Reach, StretchedMask, stretched, stretches
from llm_attr_widget.models.huggingface.tree.packed import Packed, reach_of, tree_masks
from llm_attr_widget.models.huggingface.tree.trie import grow
from tests.models.asked import NATS, TARGET, Tokenizer, collect, family, prompts, truth_of


def blocks(size: int, count: int) -> torch.Tensor:
    """`(1, 1, n, n)`: stretches of tokens that attend to those before them in their own stretch, and to token 0."""
    causal = torch.ones(size * count, size * count, dtype=torch.bool).tril()
    same = torch.arange(size * count)[:, None] // size == torch.arange(size * count)[None, :] // size
    mask = causal & same
    mask[:, 0] = True
    return mask[None, None]


def reach(mask: torch.Tensor) -> Reach:
    """Read off a mask: the first and the last query of each key."""
    rows = mask[0, 0].numpy()
    return Reach(rows.argmax(axis=0), len(rows) - rows[::-1].argmax(axis=0))


def test_stretches_equal_the_whole_row() -> None:
    mask = blocks(30, 10)
    query, key, value = (torch.randn(1, 4, 300, 8, generator=torch.Generator().manual_seed(i)) for i in range(3))
    whole = scaled_dot_product_attention(query, key, value, attn_mask=mask)
    knowing = stretched(mask, reach(mask), torch.float32)
    assert isinstance(knowing, StretchedMask)
    assert len(knowing.plan) == 5
    found = scaled_dot_product_attention(query, key, value, attn_mask=knowing)
    assert type(found) is torch.Tensor
    torch.testing.assert_close(found, whole, atol=1e-6, rtol=1e-5)
    part = knowing[:, :, :20, :20]
    assert type(part) is torch.Tensor
    fewer = scaled_dot_product_attention(query[:, :, :20], key[:, :, :20], value[:, :, :20], attn_mask=part)
    torch.testing.assert_close(fewer, whole[:, :, :20], atol=1e-6, rtol=1e-5)


def test_a_row_that_needs_all_of_its_keys_is_left_whole() -> None:
    for mask in (torch.ones(1, 1, 300, 300, dtype=torch.bool).tril(), blocks(10, 3)):
        assert stretches(mask, reach(mask), torch.float32) == ()


@settings(deadline=None)  # the first example builds a model
@given(
    st.lists(st.lists(st.integers(1, 2), min_size=1, max_size=30), min_size=1, max_size=12),
    st.integers(1, 40),
    st.integers(0, 300),
)
def test_a_row_of_the_tree_attends_to_ancestors_and_no_stretch_misses_one(texts, length, start):
    trie = grow(texts, [1, 2, 1])
    row = range(min(start, len(trie) - 1), len(trie))
    carried = np.flatnonzero(trie.ends[: row.start] > row.start)
    keys = np.concatenate([carried, np.arange(row.start, row.stop)])
    found = reach_of(trie, keys, row)
    mask = tree_masks(trie, keys, found, row, look_at(family("gpt2")[0], Tokenizer()))[0, 0].numpy()
    query = np.arange(row.start, row.stop)[:, None]
    np.testing.assert_array_equal(mask, (keys <= query) & (query < trie.ends[keys]))
    needed = [mask[at : at + length].any(axis=0) for at in range(0, len(row), length)]
    np.testing.assert_array_equal(found.needed(len(row), length), needed)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "mistral", "gpt_neox", "opt", "qwen2 (sliding)"])
def test_the_tree_is_exact_in_stretches(name, monkeypatch) -> None:
    model, _, _ = family(name)
    asked = prompts(60, 40, seed=5)
    used = []
    original = attention._in_stretches

    def counted(func, args, named, plan):
        used.append(len(plan))
        return original(func, args, named, plan)

    monkeypatch.setattr(attention, "_in_stretches", counted)
    job = Job(look_at(model, Tokenizer()), asked, TARGET, TokenBudget(400, least=400, most=400))
    scores = collect(Packed().score(job), len(asked), len(TARGET))
    assert max(used) > 2
    np.testing.assert_allclose(scores[::6], truth_of(model, asked[::6]), atol=NATS, rtol=0)
