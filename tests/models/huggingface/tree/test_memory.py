"""Long prompts with long targets: logits are never there for all prompts and positions at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.batching import TokenBudget
from llm_attr_widget.models.huggingface.forward import teacher_forced
from llm_attr_widget.models.huggingface.paths import Job, Padded, most_positions
from llm_attr_widget.models.huggingface.stepwise import StepwisePadded
from llm_attr_widget.models.huggingface.tree.packed import Packed
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, Tokenizer, collect

VOCABULARY, PROMPT, TARGET, PROMPTS = 20_000, 1000, 500, 8


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return tf.LlamaForCausalLM(
        tf.LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=PROMPT + TARGET,
        )
    ).eval()


@pytest.mark.parametrize("path", [Packed(), Padded(), StepwisePadded()], ids=lambda path: path.name)
def test_a_thousand_tokens_before_five_hundred(model, path):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, VOCABULARY, PROMPT)
    dropped = [np.delete(ids, slice(start, start + 50)) for start in range(0, PROMPT, PROMPT // PROMPTS)]
    asked = [Prompt(tuple(row.tolist())) for row in dropped]
    target = tuple(rng.integers(0, VOCABULARY, TARGET).tolist())
    anatomy = look_at(model, Tokenizer())
    teacher_forced(anatomy, [Prompt((5,))], (6,))  # how the model leaves out logits is tried once
    positions = []
    hook = model.lm_head.register_forward_hook(lambda _module, _given, logits: positions.append(logits[..., 0].numel()))
    scores = collect(path.score(Job(anatomy, asked, target, TokenBudget(16_384))), len(asked), TARGET)
    hook.remove()
    assert sum(positions) == PROMPTS * TARGET, "the head was asked for positions that nobody reads"
    assert max(positions) <= most_positions(anatomy)
    np.testing.assert_allclose(scores[3], teacher_forced(anatomy, [asked[3]], target)[0], atol=NATS)


def test_the_largest_pass_through_the_head_stays_under_a_quarter_of_a_gigabyte():
    for vocabulary in (898, 50_257, 128_256, 256_000):
        config = tf.LlamaConfig(
            vocab_size=vocabulary, hidden_size=2, intermediate_size=2, num_hidden_layers=0, num_attention_heads=1
        )
        anatomy = look_at(tf.LlamaForCausalLM(config), Tokenizer())
        assert most_positions(anatomy) * vocabulary * 4 <= 2**28
