"""Nothing of the caller's model, tokenizer or random state is left changed: not after a stop, not after an error."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, prompts
from tests.models.huggingface.families import build


def _state(model):
    """All that a caller could see change."""
    return {
        "training": [module.training for module in model.modules()],
        "hooks": [
            len(hooks)
            for module in model.modules()
            for name, hooks in vars(module).items()
            if name.endswith("_hooks") and hooks is not None
        ],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "rope": [str(getattr(module, "rope_deltas", None)) for module in model.modules()],
        "parameters": {name: (p.requires_grad, p.grad is None, p.clone()) for name, p in model.named_parameters()},
        "buffers": {name: buffer.clone() for name, buffer in model.named_buffers()},
        "config": copy.deepcopy(model.config.to_dict()),
        "generation": copy.deepcopy(model.generation_config.to_dict()),
        "random": torch.get_rng_state(),
        "grad": torch.is_grad_enabled(),
    }


def _assert_same(before, after):
    for name, value in before.items():
        other = after[name]
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other), name
        elif name == "parameters":
            assert value.keys() == other.keys()
            for each in value:
                assert value[each][:2] == other[each][:2], each
                assert torch.equal(value[each][2], other[each][2]), each
        elif name == "buffers":
            assert all(torch.equal(value[each], other[each]) for each in value)
        else:
            assert value == other, name


def _mixed(name):
    """In training mode, but for one part that the caller froze: a plain `.train()` afterwards would be wrong."""
    model = build(name).train()
    next(iter(model.children())).eval()
    next(model.parameters()).requires_grad_(False)
    return model


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", ["gpt2", "gemma3", "mamba", "qwen2_vl", "t5"])
def test_after_a_run_and_after_a_stop(name, scoring):
    model = _mixed(name)
    before = _state(model)
    scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
    ask(scorer, prompts(6))
    _assert_same(before, _state(model))
    batches = scorer.score(prompts(40, seed=1), TARGET)
    next(batches)
    _assert_same(before, _state(model))  # also while the run waits for its caller
    batches.close()
    _assert_same(before, _state(model))


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
def test_after_an_error_in_the_middle(scoring):
    model = _mixed("llama")
    scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
    ask(scorer, prompts(6))
    before = _state(model)
    layer = model.model.layers[1]
    forward = layer.forward

    def broken(*arguments, **named):
        raise OverflowError("in the middle")

    layer.forward = broken
    with pytest.raises(OverflowError):
        ask(scorer, prompts(6))
    layer.forward = forward
    del layer.forward
    _assert_same(before, _state(model))


def test_rope_offsets_of_qwen_vl_come_back():
    model = build("qwen2_vl")
    model.model.rope_deltas = torch.tensor([[-3]])
    for scoring in ("one_pass", "stepwise"):
        ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), prompts(4))
        assert model.model.rope_deltas.tolist() == [[-3]]


def test_dropout_is_off_while_scoring():
    model = build("gpt2")
    quiet = ask(HuggingFaceModel(model, Tokenizer()), prompts(6))
    model.train()
    np.testing.assert_allclose(ask(HuggingFaceModel(model, Tokenizer()), prompts(6)), quiet, atol=NATS)


@pytest.mark.parametrize("options", [{}, {"do_sample": True, "seed": 3, "temperature": 0.7}])
def test_after_writing(options):
    model = _mixed("llama")
    before = _state(model)
    HuggingFaceModel(model, Tokenizer()).generate(Prompt((5, 6, 7)), max_new_tokens=5, options=options)
    _assert_same(before, _state(model))


def test_gradients_can_be_taken_afterwards():
    model = build("llama")
    ask(HuggingFaceModel(model, Tokenizer()), prompts(6))
    model(torch.tensor([[5, 6, 7]])).logits.sum().backward()
    assert model.lm_head.weight.grad is not None


def test_nan_is_said_and_leaves_the_model_alone():
    model = _mixed("llama")
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    with pytest.raises(ScoreError, match="NaN"):
        ask(HuggingFaceModel(model, Tokenizer()), prompts(6))
    assert model.training
