"""How far a model reads: as far as its generate runs, and no further where it has a table of positions."""

from __future__ import annotations

import numpy as np
import pytest
import transformers as tf

from llm_attr_widget.errors import TargetError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask
from tests.models.huggingface.families import GROUPED, SIZES, VOCABULARY, loud
from tests.models.huggingface.test_ropes import truth_of

FEW = {**GROUPED, "max_position_embeddings": 16}


def _llama(kind, factor=4.0, original=None, config=tf.LlamaConfig, model=tf.LlamaForCausalLM):
    rope = {"rope_type": kind, "rope_theta": 1e4, "factor": factor}
    if original:
        rope["original_max_position_embeddings"] = original
    if kind == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    return model(config(**FEW, rope_parameters=rope))


def _nested(*ropes):
    kinds = ("full_attention", "sliding_attention")
    told = ropes or ({"rope_type": "yarn", "factor": 4.0}, {"rope_type": "default"})
    ropes = {kind: {"rope_theta": 1e4, **rope} for kind, rope in zip(kinds, told, strict=True)}
    layers = {"head_dim": 8, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}
    return tf.Gemma3ForCausalLM(tf.Gemma3TextConfig(**FEW, **layers, query_pre_attn_scalar=8, rope_parameters=ropes))


def _m2m(positions=16):
    return tf.M2M100ForConditionalGeneration(
        tf.M2M100Config(
            vocab_size=VOCABULARY, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=positions,
            decoder_start_token_id=2, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        )
    )  # fmt: skip


MODELS = {
    "yarn": (lambda: _llama("yarn"), 64),
    "yarn, original named": (lambda: _llama("yarn", original=16), 64),
    "qwen2, yarn": (lambda: _llama("yarn", original=16, config=tf.Qwen2Config, model=tf.Qwen2ForCausalLM), 64),
    "yarn in one type of layer": (_nested, 64),
    "linear": (lambda: _llama("linear", 3.0), 48),
    "llama3": (lambda: _llama("llama3", original=16), 64),
    "dynamic": (lambda: _llama("dynamic"), None),
    "xglm, whose table grows": (
        lambda: tf.XGLMForCausalLM(
            tf.XGLMConfig(
                vocab_size=VOCABULARY, d_model=32, ffn_dim=48, num_layers=2, attention_heads=4, pad_token_id=0,
                max_position_embeddings=16,
            )
        ),
        None,
    ),
    "falcon, alibi": (
        lambda: tf.FalconForCausalLM(
            tf.FalconConfig(
                vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=True,
                max_position_embeddings=16, new_decoder_architecture=False, bos_token_id=1, eos_token_id=2,
            )
        ),
        None,
    ),
    "xlnet, -1": (
        lambda: tf.XLNetLMHeadModel(
            tf.XLNetConfig(vocab_size=VOCABULARY, d_model=32, n_layer=2, n_head=4, d_inner=48, pad_token_id=0)
        ),
        None,
    ),
}  # fmt: skip
LONG = [Prompt((5, 6, 7, 8) * 10), Prompt((5, 6, 7) * 10), Prompt((9, 8, 7) * 9)]


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", MODELS)
def test_prompts_beyond_the_configured_positions_are_scored(name, scoring):
    make, limit = MODELS[name]
    model = loud(make())
    scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
    assert scorer.max_positions == limit
    np.testing.assert_allclose(ask(scorer, LONG), truth_of(model, LONG), atol=NATS, rtol=0)
    assert len(scorer.generate(LONG[0], max_new_tokens=3, options={"eos_token_id": None})) <= 3


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**FEW)), 16),
        (lambda: _llama("yarn"), 64),
        (lambda: _llama("yarn", 2.0, original=4), 16),
        # As far as the furthest of several ropes, in whatever order they come.
        (lambda: _nested({"rope_type": "linear", "factor": 3.0}, {"rope_type": "linear", "factor": 2.0}), 48),
        (lambda: _nested({"rope_type": "linear", "factor": 2.0}, {"rope_type": "linear", "factor": 3.0}), 48),
        (lambda: tf.T5ForConditionalGeneration(tf.T5Config(vocab_size=VOCABULARY, d_model=32, n_positions=8)), None),
        (lambda: tf.BertLMHeadModel(tf.BertConfig(**{**SIZES, "max_position_embeddings": 16}, is_decoder=True)), 16),
        (_m2m, None),
    ],
)
def test_the_limit(make, limit):
    scorer = HuggingFaceModel(make(), Tokenizer())
    assert scorer.max_positions == limit
    if limit is not None:
        scorer.score([Prompt((5,) * (limit - len(TARGET) + 1))], TARGET)
        with pytest.raises(TargetError, match=f"{limit + 1} positions, but the model has {limit}"):
            scorer.score([Prompt((5,) * (limit - len(TARGET) + 2))], TARGET)
