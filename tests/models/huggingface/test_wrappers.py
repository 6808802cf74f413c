"""Adapters, compiled, offloaded and half-precision models score like the models inside them."""

from __future__ import annotations

import accelerate
import numpy as np
import peft
import pytest
import torch

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.forward import alone
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.tolerance import tolerance
from tests.models.asked import NATS, TARGET, Tokenizer, ask, family, prompts, truth_of
from tests.models.huggingface.families import build

SCORINGS = ("one_pass", "stepwise")
# PEFT 0.21 asks transformers 5.23 by a name that is going away.
old_name = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def _with_lora(name):
    torch.manual_seed(1)
    targets = {"gpt2": ["c_attn"], "llama": ["q_proj", "v_proj"], "t5": ["q", "v"]}[name]
    task = "SEQ_2_SEQ_LM" if name == "t5" else "CAUSAL_LM"
    config = peft.LoraConfig(
        r=4, target_modules=targets, task_type=task, init_lora_weights=False, fan_in_fan_out=name == "gpt2"
    )
    return peft.get_peft_model(build(name), config).eval()


@old_name
@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "t5"])
def test_peft_adapters_count(name, scoring):
    model, asked = _with_lora(name), prompts(6)
    truth = truth_of(model, asked, family=name)
    assert np.abs(truth - family(name)[2][:6]).max() > 0.1, "the adapter says nothing, so the test neither"
    np.testing.assert_allclose(ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked), truth, atol=NATS)


@old_name
@pytest.mark.parametrize("scoring", SCORINGS)
def test_prompt_tuning_puts_tokens_of_its_own_before_ours(scoring):
    torch.manual_seed(1)
    model = peft.get_peft_model(
        build("llama"), peft.PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    ).eval()
    asked = prompts(6)
    truth = truth_of(model, asked)
    assert np.abs(truth - family("llama")[2][:6]).max() > 0.01
    np.testing.assert_allclose(ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked), truth, atol=NATS)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_compiled_model_is_scored_without_compiling(scoring):
    model, asked, truth = family("llama")
    compiled = torch.compile(model, backend=_never)
    np.testing.assert_allclose(ask(HuggingFaceModel(compiled, Tokenizer(), scoring=scoring), asked), truth, atol=NATS)


def _never(graph, examples):
    raise AssertionError("the model was compiled")


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "t5"])
def test_offloaded_models(name, scoring, tmp_path):
    truth = family(name)[2]
    model = build(name)
    whole = dict.fromkeys((child for child, _ in model.named_children()), "disk")
    offloaded = accelerate.dispatch_model(
        model, device_map=whole, main_device="cpu", offload_dir=str(tmp_path), force_hooks=True
    )
    assert next(offloaded.parameters()).device.type == "meta"
    scores = ask(HuggingFaceModel(offloaded, Tokenizer(), scoring=scoring), prompts())
    np.testing.assert_allclose(scores, truth, atol=NATS)


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "mamba", "t5"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_within_its_stated_bound(name, scoring, dtype):
    model, asked = build(name).to(dtype), prompts()
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    truth = truth_of(model, asked, family=name)
    largest = max(alone(look_at(model, Tokenizer()), prompt, TARGET).largest for prompt in asked)
    np.testing.assert_allclose(scores, truth, atol=tolerance(dtype, largest))


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["gpt2", "mistral", "qwen2"])
def test_every_attention_implementation(name, attention):
    _, asked, truth = family(name)
    model = build(name)
    model.set_attn_implementation(attention)
    np.testing.assert_allclose(ask(HuggingFaceModel(model, Tokenizer()), asked), truth, atol=NATS)
