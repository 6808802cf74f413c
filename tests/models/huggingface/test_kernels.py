"""Attention kernels that take no masks: scores are taken under one that does, that is said, and theirs come back."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from llm_attr_widget.models.huggingface.anatomy import left_as_found, look_at
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from tests.models.asked import NATS, Tokenizer, ask, family, prompts
from tests.models.huggingface.families import build

KERNELS = ("flash_attention_2", "flash_attention_3", "flex_attention", "kernels-community/vllm-flash-attn3")


def _with(name, kernel):
    """As if loaded with this kernel, none of which runs here: a pass under one fails, or has the wrong numbers."""
    model = build(name)
    configs = {id(m.config): m.config for m in model.modules() if hasattr(getattr(m, "config", None), "sub_configs")}
    for config in configs.values():
        config._attn_implementation_internal = kernel
    return model, list(configs.values())


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["llama", "gemma3", "qwen2 (sliding)", "llava", "t5"])
def test_scores_are_taken_under_attention_that_takes_masks(name, kernel, scoring, caplog):
    model, configs = _with(name, kernel)
    _, asked, truth = family(name)
    batches = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
    with caplog.at_level(logging.WARNING):
        scores = ask(batches, asked)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)
    assert f"has {kernel}, which takes no masks of our own: it is scored under sdpa" in caplog.text
    assert {config._attn_implementation for config in configs} == {kernel}


def test_the_tree_is_kept():
    model, _ = _with("llama", "flash_attention_2")
    scorer, rows = HuggingFaceModel(model, Tokenizer()), []
    ask(scorer, prompts(20))
    model.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    ask(scorer, prompts(20))
    assert rows[0] == 1


def test_a_family_without_sdpa_is_scored_under_eager():
    model, configs = _with("gpt_oss", "flash_attention_2")
    assert not model._supports_sdpa
    assert look_at(model, Tokenizer()).attention == "eager"
    with left_as_found(model):
        assert {config._attn_implementation for config in configs} == {"eager"}
    assert {config._attn_implementation for config in configs} == {"flash_attention_2"}


@pytest.mark.parametrize("own", ["eager", "sdpa"])
def test_attention_that_takes_masks_is_left_alone(own, caplog):
    model, configs = _with("llama", own)
    with caplog.at_level(logging.WARNING), left_as_found(model):
        assert {config._attn_implementation for config in configs} == {own}
    assert not caplog.text
