"""The fingerprint of a model: any change of what its scores depend on shows, and nothing else does."""

from __future__ import annotations

import copy
from collections.abc import Callable

import peft
import pytest
import torch
import transformers as tf
from torch import nn

from llm_attr_widget.models.huggingface import weights
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.weights import model_print, recalled_print
from llm_attr_widget.types import Prompt
from tests.models.huggingface.families import GROUPED, SIZES


def llama(**config: object) -> nn.Module:
    torch.manual_seed(0)
    return tf.LlamaForCausalLM(tf.LlamaConfig(**{**GROUPED, **config})).eval()  # type: ignore[arg-type]


def exchange(model: nn.Module) -> None:
    """Two numbers of one tensor change places: every sum over the whole tensor stays the same."""
    weight = model.get_parameter("model.layers.1.mlp.up_proj.weight")
    first, last = weight[0, 0].clone(), weight[-1, -1].clone()
    weight[0, 0], weight[-1, -1] = last, first


def last_bit(model: nn.Module) -> None:
    """The smallest change there is, of the last number of the last tensor."""
    weight = list(model.parameters())[-1]
    flat = weight.data.view(-1)
    flat[-1] = torch.nextafter(flat[-1], torch.tensor(100.0))


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "the smallest change there is": last_bit,
    "an exchange": exchange,
    "through .data, which torch does not count": lambda model: next(model.parameters()).data.mul_(1.001),
    "a layer normalised otherwise": lambda model: model.get_parameter("model.norm.weight").neg_(),
    "a buffer": lambda model: model.get_buffer("model.rotary_emb.inv_freq").mul_(1.01),
    "a new buffer": lambda model: model.register_buffer("extra", torch.ones(1)),
    "number type": lambda model: model.bfloat16(),
    "configuration": lambda model: setattr(model.config, "rms_norm_eps", 0.1),
    "a hook": lambda model: model.register_forward_hook(lambda *_: None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@torch.no_grad()
def test_a_change_shows(change: Callable[[nn.Module], object]) -> None:
    model = llama()
    before = model_print(model)
    assert before == model_print(copy.deepcopy(model))
    change(model)
    assert model_print(model) != before


@pytest.mark.parametrize("change", [name for name in CHANGES if CHANGES[name] is not last_bit])
@torch.no_grad()
def test_what_is_recalled_is_taken_anew_after_a_change(change: str) -> None:
    """All but one number changed through `.data`, which neither torch nor a glance sees."""
    model = llama()
    before = recalled_print(model)
    assert before == model_print(model) == recalled_print(model)
    CHANGES[change](model)
    assert recalled_print(model) == model_print(model) != before


@torch.no_grad()
def test_one_number_changed_in_torchs_sight_shows() -> None:
    model = llama()
    before = recalled_print(model)
    model.get_parameter("lm_head.weight")[3, 5] += 1e-6
    assert recalled_print(model) != before


def test_what_did_not_change_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = llama()
    before = recalled_print(model)
    monkeypatch.setattr(weights, "model_print", lambda _: "read again")
    assert recalled_print(model) == before
    assert recalled_print(llama()) == "read again"


@pytest.mark.parametrize("rope", ["default", "dynamic"])
def test_reading_prompts_changes_nothing(rope: str) -> None:
    config = {"rope_parameters": {"rope_type": rope, "rope_theta": 1e4, "factor": 2.0}, "max_position_embeddings": 16}
    model = llama(**config).train()
    before = model_print(model)
    with torch.no_grad():
        model(input_ids=torch.arange(40)[None])
    assert model_print(model) == before
    assert model_print(model.eval()) == before


def test_tensors_of_every_number_type_and_layout_are_read() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            whole = torch.arange(5000, dtype=torch.float16)
            self.register_buffer("off", whole[3:4000])  # not at a multiple of eight bytes
            self.register_buffer("across", torch.arange(12.0).reshape(3, 4).T)
            self.register_buffer("flags", torch.tensor([True, False, True]))
            self.register_buffer("bytes", torch.arange(11, dtype=torch.uint8))
            self.register_buffer("nothing", torch.empty(0))
            self.register_buffer("one", torch.tensor(2.0))

    before = model_print(Odd())
    assert before == model_print(Odd())
    for name, at in (("off", -1), ("across", (3, 2)), ("flags", 2), ("bytes", 10), ("one", ())):
        odd = Odd()
        odd.get_buffer(name)[at] = 0
        assert model_print(odd) != before, name


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_adapters_count_and_which_is_active() -> None:
    model = peft.get_peft_model(llama(), peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    seen = {model_print(model)}
    with model.disable_adapter():
        seen.add(model_print(model))
    assert model_print(model) in seen
    layer = next(module for module in model.modules() if hasattr(module, "scaling") and hasattr(module, "lora_A"))
    layer.scaling["default"] *= 2
    seen.add(model_print(model))
    with torch.no_grad():
        layer.lora_B["default"].weight[0, 0] += 1e-3
    seen.add(model_print(model))
    assert len(seen) == 4


def test_the_scorer_says_its_models() -> None:
    gpt = tf.GPT2LMHeadModel(tf.GPT2Config(vocab_size=97, n_embd=32, n_layer=1, n_head=2))
    scorer = HuggingFaceModel(gpt, None)
    before = scorer.fingerprint
    list(scorer.score([Prompt((3, 4, 5)), Prompt((6,))], [7]))
    assert scorer.fingerprint == before == HuggingFaceModel(copy.deepcopy(gpt), None).fingerprint
    other = tf.GPT2LMHeadModel(tf.GPT2Config(**{**SIZES, "n_layer": 1, "n_head": 2, "n_embd": 32}))
    assert HuggingFaceModel(other, None).fingerprint != before
