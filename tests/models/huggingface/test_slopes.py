"""Gradients from shared forward passes, against captum's one `attribute()` per target token and against autograd."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch
from torch import nn

from llm_attr_widget.errors import CapabilityError, InputError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Line, Prompt
from tests.models.huggingface.families import BUILDERS, ENCODER_DECODER, build

PROMPT = (5, 17, 33, 8, 61, 24)
BASELINE = (5, 3, 3, 8, 3, 3)
TARGET = (12, 40, 7)
SHARES, WEIGHTS = (0.2, 0.7, 1.0), np.array([0.3, 0.5, 0.2])


class NoTokenizer:
    pad_token_id = 0
    bos_token_id = 1


def ours(model, layer=None, *, along="difference", side="output", weights=None, target=TARGET):
    line = Line(Prompt(BASELINE), Prompt(PROMPT), layer, side, along)
    weights = np.eye(len(target)) if weights is None else weights
    parts = list(HuggingFaceModel(model, NoTokenizer()).slopes(line, SHARES, target, weights))
    rows = [row for part in parts for row in part.rows]
    assert sorted(rows) == list(range(len(SHARES)))
    return np.einsum("r,rop->op", WEIGHTS, np.concatenate([part.values for part in parts])[np.argsort(rows)])


def by_hand(model, *, start=BASELINE, end=PROMPT, target=TARGET, decoder_start=None):
    """The same by plain autograd through `inputs_embeds`: one token, one point at a time."""
    embed = (model if decoder_start is None else model.get_encoder()).get_input_embeddings()
    found = np.zeros((len(target), len(end)))
    for position, token in enumerate(target):
        read = list(target[:position])
        with torch.no_grad():
            first, last = (embed(torch.tensor([list(ids)])) for ids in (start, end))
            rest = embed(torch.tensor([read], dtype=torch.long))
        for share, weight in zip(SHARES, WEIGHTS, strict=True):
            point = (first + share * (last - first)).requires_grad_()
            if decoder_start is None:
                logits = model(inputs_embeds=torch.cat([point, rest], dim=1)).logits
            else:
                decoder = torch.tensor([[decoder_start, *read]])
                logits = model(inputs_embeds=point, decoder_input_ids=decoder).logits
            score = logits.reshape(-1, logits.shape[-1])[-1].log_softmax(-1)[token]
            (gradient,) = torch.autograd.grad(score, point)
            found[position] += weight * (gradient * (last - first)).sum(-1)[0].numpy()
    return found


@pytest.mark.parametrize("family", BUILDERS)
def test_every_family_agrees_with_autograd_by_hand(family):
    model = build(family)
    expected = by_hand(model, decoder_start=ENCODER_DECODER.get(family))
    found = ours(model)[:, : len(PROMPT)]
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(expected).max() > 1e-3


LAYERS = ("transformer.wte", "transformer.wpe", "transformer.h.0", "transformer.h.1.mlp.c_fc", "lm_head")


class Tok:
    """As much of a tokenizer as captum needs: a token is a character."""

    pad_token_id = 0
    bos_token_id = 1

    def encode(self, text, return_tensors=None, add_special_tokens=True):
        ids = [ord(letter) - 32 for letter in text]
        return torch.tensor([ids]) if return_tensors else ids

    def __call__(self, text, **_):
        return {"input_ids": self.encode(text), "offset_mapping": [(i, i + 1) for i in range(len(text))]}

    def decode(self, ids, **_):
        return "".join(chr(int(i) + 32) for i in ids)

    def convert_ids_to_tokens(self, ids):
        return [chr(i + 32) for i in ids]

    def convert_tokens_to_ids(self, token):
        return ord(token) - 32


def captums(method, layer, model, **options):
    tokenizer = Tok()
    prompt = ca.TextTokenInput(tokenizer.decode(PROMPT), tokenizer, baselines=3)
    attribution = ca.LLMGradientAttribution(method(model, layer), tokenizer)
    return attribution.attribute(prompt, torch.tensor(TARGET), **options).token_attr.numpy()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("side", ["output", "input"])
def test_any_layer_gives_captums_gradient_times_activation(layer, side):
    if side == "input" and layer in ("transformer.wte", "transformer.wpe", "transformer.h.0"):
        return  # token ids are no activations; captum cannot take a block's inputs (they hold a cache)
    model = build("gpt2")
    options = {"attribute_to_layer_input": True} if side == "input" else {}
    expected = captums(ca.LayerGradientXActivation, model.get_submodule(layer), model, **options)
    line = Line(Prompt(BASELINE), Prompt(PROMPT), layer, side, "activation")
    (found,) = HuggingFaceModel(model, Tok()).slopes(line, [1.0], TARGET, np.eye(3))
    assert np.abs(found.values[0, :, : len(PROMPT)] - expected).max() <= 1e-4 * np.abs(expected).max()


def test_a_summed_target_is_the_sum_over_tokens_in_one_backward_pass():
    model = build("llama")
    passes = []
    model.model.layers[0].register_full_backward_hook(lambda *_: passes.append(1))
    each = ours(model)
    assert len(passes) == len(TARGET)
    passes.clear()
    whole = ours(model, weights=np.ones((1, len(TARGET))))
    assert len(passes) == 1
    np.testing.assert_allclose(whole[0], each.sum(axis=0), rtol=1e-4, atol=1e-6)


def test_all_points_and_target_tokens_share_one_forward_pass():
    model = build("gpt2")
    calls = []
    ours(model)  # how the model leaves out logits is tried once
    model.transformer.h[0].register_forward_hook(lambda _, args, __: calls.append(len(args[0])))
    ours(model)
    # The two ends, two looks at whether the model is causal, and then all points at once.
    assert sorted(calls) == [1, 1, 1, 1, len(SHARES)]


def test_a_long_line_comes_in_several_batches(monkeypatch):
    monkeypatch.setattr("llm_attr_widget.models.huggingface.lines.ON_CPU", 20)
    model = build("gpt2")
    line = Line(Prompt(BASELINE), Prompt(PROMPT))
    parts = list(HuggingFaceModel(model, Tok()).slopes(line, SHARES, TARGET, np.eye(3)))
    assert [list(part.rows) for part in parts] == [[0, 1], [2]]
    values = np.einsum("r,rop->op", WEIGHTS, np.concatenate([part.values for part in parts]))
    np.testing.assert_allclose(values[:, : len(PROMPT)], by_hand(model), rtol=1e-4, atol=1e-6)


class BothWays(nn.Module):
    """Attends in both directions, so that reading the target at once would leak it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(97, 8)
        self.mixing = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 97)

    def forward(self, input_ids):
        hidden = self.mixing(self.embedding(input_ids))
        return type("Output", (), {"logits": self.out(hidden)})()


def test_a_model_that_reads_backwards_too_is_read_token_by_token():
    model = BothWays().eval()
    tokenizer = Tok()
    prompt = ca.TextTokenInput(tokenizer.decode(PROMPT), tokenizer, baselines=3)
    expected = (
        ca.LLMGradientAttribution(ca.LayerGradientXActivation(model, model.embedding), tokenizer)
        .attribute(prompt, torch.tensor(TARGET))
        .token_attr.numpy()
    )
    line = Line(Prompt(BASELINE), Prompt(PROMPT), "embedding", "output", "activation")
    (found,) = HuggingFaceModel(model, tokenizer).slopes(line, [1.0], TARGET, np.eye(3))
    assert np.abs(found.values[0, :, : len(PROMPT)] - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("stop", ["end", "middle", "error"])
def test_the_model_is_left_as_it_was_found(stop, monkeypatch):
    monkeypatch.setattr("llm_attr_widget.models.huggingface.lines.ON_CPU", 10)
    model = build("llama").train()
    model.model.embed_tokens.weight.requires_grad_(False)
    before = [
        (module.training, len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()
    ]
    flags = [parameter.requires_grad for parameter in model.parameters()]
    weights = np.ones((1, 5)) if stop == "error" else np.eye(3)  # five weights for three tokens: fails after the pass
    found = HuggingFaceModel(model, Tok()).slopes(Line(Prompt(BASELINE), Prompt(PROMPT)), SHARES, TARGET, weights)
    if stop == "error":
        with pytest.raises(ValueError, match="negative"):
            list(found)
    elif stop == "middle":
        next(found)
        found.close()
    else:
        list(found)
    after = [
        (module.training, len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()
    ]
    assert after == before
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        (Line(Prompt(BASELINE[:-1]), Prompt(PROMPT)), InputError, "as many tokens as the prompt, 6"),
        (Line(Prompt(BASELINE), Prompt(PROMPT), "transformer.h.7"), CapabilityError, "no layer named"),
        (Line(Prompt(BASELINE), Prompt(PROMPT), "transformer.wte", "input"), CapabilityError, "real numbers"),
        (Line(Prompt(BASELINE), Prompt(PROMPT), "transformer.drop", "input"), None, ""),
    ],
)
def test_what_cannot_be_done_is_said(line, error, words):
    scorer = HuggingFaceModel(build("gpt2"), Tok())
    if error is None:
        assert list(scorer.slopes(line, [1.0], TARGET, np.eye(3)))
        return
    with pytest.raises(error, match=words):
        list(scorer.slopes(line, [1.0], TARGET, np.eye(3)))
