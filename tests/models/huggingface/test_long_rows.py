"""Models that look at a row's index or length: the rows of a tree are longer than any prompt, and must not show."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.batching import TokenBudget
from llm_attr_widget.models.huggingface.limits import row_limit
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.paths import Job, Trust, Unfit
from llm_attr_widget.models.huggingface.tree.packed import Packed
from tests.models.asked import NATS, TARGET, Tokenizer, ask, collect, prompts, truth_of
from tests.models.huggingface.families import GROUPED, SIZES, VOCABULARY, build, loud

MANY = prompts(40, 40, seed=5)
"""A tree of some 700 tokens: one row of them is much longer than each prompt of at most 44."""


def _gpt_neo(kinds, positions=160, window=256):
    return tf.GPTNeoForCausalLM(
        tf.GPTNeoConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            attention_types=[[kinds, 1]],
            max_position_embeddings=positions,
            window_size=window,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


BERT = {**SIZES, "max_position_embeddings": 64, "is_decoder": True}
MODELS = {
    "gpt_neo, global and local": lambda: _gpt_neo(["global", "local"]),
    "gpt_neo, a window shorter than a prompt": lambda: _gpt_neo(["global", "local"], window=16),
    "gpt_neo, local alone": lambda: _gpt_neo(["local", "local"], window=48),
    "gpt_neo, few positions": lambda: _gpt_neo(["global", "global"], positions=64),
    "big_bird": lambda: tf.BigBirdForCausalLM(tf.BigBirdConfig(**BERT, attention_type="original_full")),
    "bert": lambda: tf.BertLMHeadModel(tf.BertConfig(**BERT)),
    "roberta": lambda: tf.RobertaForCausalLM(tf.RobertaConfig(**BERT)),
    "electra": lambda: tf.ElectraForCausalLM(tf.ElectraConfig(**BERT)),
    "openai-gpt": lambda: tf.OpenAIGPTLMHeadModel(
        tf.OpenAIGPTConfig(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    ),
    "gpt_bigcode": lambda: tf.GPTBigCodeForCausalLM(
        tf.GPTBigCodeConfig(
            vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=1, eos_token_id=2
        )
    ),
}


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", MODELS)
def test_rows_longer_than_a_model_reads_change_nothing(name, scoring):
    model = loud(MODELS[name]())
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), MANY)
    some = slice(None, None, 4)
    np.testing.assert_allclose(scores[some], truth_of(model, MANY[some]), atol=NATS, rtol=0)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("gpt_neo, global and local", 160),
        ("gpt_neo, local alone", 48),
        ("gpt_neo, few positions", 64),
        ("big_bird", 64),
        ("bert", 64),
    ],
)
def test_rows_are_as_long_as_the_masks_that_a_model_makes_itself(name, limit):
    model = loud(MODELS[name]())
    anatomy = look_at(model, Tokenizer())
    assert row_limit(anatomy.core, anatomy.config) == limit
    lengths = []
    model.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    list(Packed().score(Job(anatomy, MANY, TARGET, TokenBudget(640))))
    assert limit - 44 < max(lengths) <= limit


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen2", "gemma3"])
def test_models_with_explicit_positions_read_rows_of_any_length(name):
    anatomy = look_at(build(name), Tokenizer())
    assert row_limit(anatomy.core, anatomy.config) is None


class FarSighted:
    """Of a row's later tokens, a model forgets half: nothing that a prompt alone is long enough to show."""

    def __init__(self, model, beyond):
        self.beyond = beyond
        self.rows = []
        model.model.layers[0].register_forward_pre_hook(self, with_kwargs=True)

    def __call__(self, module, args, named):
        states = args[0] if args else named["hidden_states"]
        index = torch.arange(states.shape[1])[None, :, None]
        self.rows.append(states.shape[1])
        changed = torch.where(index < self.beyond, states, 0.5 * states)
        return ((changed, *args[1:]), named) if args else (args, {**named, "hidden_states": changed})


@pytest.mark.parametrize("beyond", [60, 200, 500, 600])
def test_what_shows_in_long_rows_alone_is_found_before_a_score_is_given_out(beyond, caplog):
    model = tf.LlamaForCausalLM(tf.LlamaConfig(**GROUPED)).eval()
    loud(model)
    truth = truth_of(model, MANY)
    FarSighted(model, beyond)
    with caplog.at_level(logging.WARNING):
        scores = ask(HuggingFaceModel(model, Tokenizer()), MANY)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)
    assert "'packed tree' is not used any more, in a row of" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        ask(HuggingFaceModel(model, Tokenizer()), MANY)
    assert "packed tree" not in caplog.text, "what was found out is forgotten"


def test_rows_that_a_model_cannot_read_are_left(caplog):
    model = loud(tf.LlamaForCausalLM(tf.LlamaConfig(**GROUPED)))
    truth = truth_of(model, MANY)

    def short(_, args):
        if args[0].shape[1] > 100:
            raise RuntimeError("The expanded size of the tensor (100) must match the existing size")

    model.register_forward_pre_hook(short)
    with caplog.at_level(logging.WARNING):
        scores = ask(HuggingFaceModel(model, Tokenizer()), MANY)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)
    assert "raised RuntimeError: The expanded size" in caplog.text


def test_a_row_no_longer_than_those_before_is_not_looked_at_again():
    model = loud(tf.LlamaForCausalLM(tf.LlamaConfig(**GROUPED)))
    anatomy, passes = look_at(model, Tokenizer()), []
    budget = TokenBudget(100, least=100, most=100)
    trust = Trust()
    collect(Packed().score(Job(anatomy, MANY, TARGET, budget, trust)), len(MANY), len(TARGET))
    assert trust.keys >= 100
    model.register_forward_pre_hook(lambda _, args: passes.append(args[0].shape[1]))
    again = Trust(trust.keys)
    collect(Packed().score(Job(anatomy, MANY, TARGET, budget, again)), len(MANY), len(TARGET))
    assert all(length == 100 for length in passes[:-1]), "a prompt was read alone"
    assert again.keys == trust.keys


def test_a_path_that_is_to_be_believed_is_not_looked_at():
    model = loud(tf.LlamaForCausalLM(tf.LlamaConfig(**GROUPED)))
    FarSighted(model, 200)
    anatomy = look_at(model, Tokenizer())
    list(Packed().score(Job(anatomy, MANY, TARGET, TokenBudget(640))))
    with pytest.raises(Unfit, match=r"in a row of 6\d+ tokens its scores are off by up to"):
        list(Packed().score(Job(anatomy, MANY, TARGET, TokenBudget(640), Trust())))
