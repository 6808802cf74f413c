"""What must hold on every version of transformers in `TESTED`: `make test-versions` runs it on the others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.demo import load_text, load_vision, vision_world
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.probe import probe
from llm_attr_widget.models.huggingface.selftest import check_model
from llm_attr_widget.models.huggingface.tree.packed import Packed
from llm_attr_widget.models.huggingface.versions import running, was_tested
from llm_attr_widget.types import Prompt
from tests.models.huggingface.reference import by_hand

PORTRAIT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
HEADS = {"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256}


@pytest.fixture(scope="module")
def shipped():
    return load_text()


def family(name: str, size: int) -> torch.nn.Module:
    ends = {"vocab_size": size, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    t5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    bart = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}
    configs = {
        "GPT2": ("GPT2LMHeadModel", tf.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=256, **ends)),
        "Llama": ("LlamaForCausalLM", tf.LlamaConfig(**SMALL, **HEADS, **ends)),
        "Mistral": ("MistralForCausalLM", tf.MistralConfig(sliding_window=6, **SMALL, **HEADS, **ends)),
        "Gemma 2": ("Gemma2ForCausalLM", tf.Gemma2Config(sliding_window=6, **SMALL, **HEADS, **ends)),
        "GPT-NeoX": ("GPTNeoXForCausalLM", tf.GPTNeoXConfig(max_position_embeddings=256, **SMALL, **ends)),
        "OPT": (
            "OPTForCausalLM",
            tf.OPTConfig(
                hidden_size=32,
                word_embed_proj_dim=32,
                ffn_dim=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=256,
                **ends,
            ),
        ),
        "T5": ("T5ForConditionalGeneration", tf.T5Config(**t5, **ends)),
        "BART": (
            "BartForConditionalGeneration",
            tf.BartConfig(
                decoder_attention_heads=4,
                encoder_ffn_dim=48,
                decoder_ffn_dim=48,
                max_position_embeddings=256,
                forced_eos_token_id=None,
                decoder_start_token_id=2,
                **bart,
                **ends,
            ),
        ),
    }
    kind, config = configs[name]
    torch.manual_seed(0)
    return getattr(tf, kind)(config).eval()


def test_the_running_version_is_in_the_table() -> None:
    assert was_tested(running())


@pytest.mark.parametrize("name", ["GPT2", "Llama", "Mistral", "Gemma 2", "GPT-NeoX", "OPT", "T5", "BART"])
def test_fast_scores_are_the_plain_ones(name: str, shipped) -> None:
    _, tokenizer = shipped
    found = check_model(family(name, len(tokenizer)), tokenizer)
    assert found.passed, str(found)


@pytest.mark.parametrize("name", ["GPT2", "Llama", "Mistral", "Gemma 2", "GPT-NeoX"])
def test_the_fast_path_is_taken(name: str, shipped) -> None:
    """It needs the model's cache under the name that this version gives it."""
    _, tokenizer = shipped
    prompts = [Prompt(tuple(range(3, 9))), Prompt(tuple(range(3, 30)))]
    path, _ = probe(look_at(family(name, len(tokenizer)), tokenizer), prompts, (7, 8, 9), "one_pass")
    assert path.name == Packed.name


def test_the_shipped_text_model_is_attributed(shipped) -> None:
    model, tokenizer = shipped
    result = attribute(model, tokenizer, PORTRAIT, " golf", method="leave_one_out", progress=False)
    prompts = result.game.input.render(result.ledger.coalitions, np.random.default_rng(0))
    for prompt, scores in zip(prompts, result.ledger.log_probs, strict=True):
        np.testing.assert_allclose(scores, by_hand(model, prompt.ids, result.target.ids), atol=1e-4)


def test_the_shipped_vision_model_sees_the_segment_it_speaks_of() -> None:
    model, processor = load_vision()
    example = vision_world.examples(np.random.default_rng(0), 1)[0]
    scene = ImageInput(processor, example.image, example.prompt, segments=list(example.boxes))
    result = attribute(model, processor, scene, method="leave_one_out", progress=False, max_new_tokens=4)
    assert int(np.argmax(result.sequence)) == example.cause
    assert float(result.sequence.max()) > 3


def test_the_widget_runs(shipped) -> None:
    widget = AttrWidget(*shipped, PORTRAIT, " golf", method="leave_one_out")
    widget.run()
    assert widget.wait(120).phase == "finished"
    widget.close()
