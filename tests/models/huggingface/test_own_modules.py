"""Modules of one's own, which may ignore masks and positions or look ahead: noticed, said, and scored right."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from llm_attr_widget.errors import CapabilityError, ScoreError, TargetError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.probe import Refed
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, prompts, truth_of
from tests.models.huggingface.families import VOCABULARY, build

SCORINGS = ("one_pass", "stepwise")


class Recurrent(nn.Module):
    """Takes ids and nothing else; no config, no cache, no generate."""

    def __init__(self, *, both_ways=False):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(VOCABULARY, 16)
        self.read = nn.GRU(16, 16, batch_first=True, bidirectional=both_ways)
        self.say = nn.Linear(32 if both_ways else 16, VOCABULARY)
        nn.init.normal_(self.say.weight)

    def forward(self, input_ids):
        return SimpleNamespace(logits=self.say(self.read(self.embed(input_ids))[0]))


class Centred(Recurrent):
    """Ignores the mask that it takes, and subtracts the mean of all tokens before: padding on the right is harmless."""

    def forward(self, input_ids, attention_mask=None, **anything):
        states = self.read(self.embed(input_ids))[0]
        seen = torch.arange(1, states.shape[1] + 1)[None, :, None]
        return SimpleNamespace(logits=self.say(states - states.cumsum(1) / seen))


class RowMean(Recurrent):
    """Mixes the rows of a batch: no two prompts can share a pass."""

    def forward(self, input_ids, attention_mask=None):
        states = self.read(self.embed(input_ids))[0]
        return SimpleNamespace(logits=self.say(states + 3 * (states.mean(0, keepdim=True) - states[:1] * 0.5)))


class Tupled(Recurrent):
    def forward(self, input_ids):
        return (super().forward(input_ids).logits,)


class Reshaped(Recurrent):
    """Logits with a further axis of one, as Llama 4 returns them."""

    def forward(self, input_ids):
        return SimpleNamespace(logits=super().forward(input_ids).logits[:, None])


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("model", [Recurrent(), Centred(), RowMean(), Reshaped()], ids=lambda m: type(m).__name__)
def test_a_module_of_ones_own(model, scoring):
    asked = prompts(8)
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth_of(model, asked), atol=NATS)


def test_a_module_that_returns_a_tuple():
    asked = prompts(4)
    scores = ask(HuggingFaceModel(Tupled(), Tokenizer()), asked)
    np.testing.assert_allclose(scores, truth_of(Recurrent(), asked), atol=NATS)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_module_that_attends_both_ways_is_read_again_for_each_token(scoring, caplog):
    model, asked = Recurrent(both_ways=True), prompts(8)
    with caplog.at_level(logging.WARNING):
        scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth_of(model, asked), atol=NATS)
    assert "reads later tokens" in caplog.text


def test_a_path_that_is_wrong_is_left_with_a_reason(caplog):
    with caplog.at_level(logging.WARNING):
        ask(HuggingFaceModel(RowMean(), Tokenizer()), prompts(8))
    assert "'padded' is not used, its scores are off by up to" in caplog.text


def test_a_family_that_the_tree_is_wrong_for_falls_back(caplog):
    """GPT-NeoX with attention that forgets: the tree mask knows nothing of it."""
    model = build("gpt_neox")
    inner = model.gpt_neox.layers[0].attention.forward

    def forgetful(states, attention_mask, *rest, **further):
        steps = torch.arange(states.shape[1])[None, :, None]
        return inner(states * (0.5 + 0.5 * torch.cos(steps / 3)), attention_mask, *rest, **further)

    model.gpt_neox.layers[0].attention.forward = forgetful
    asked = prompts(8)
    with caplog.at_level(logging.WARNING):
        scores = ask(HuggingFaceModel(model, Tokenizer()), asked)
    np.testing.assert_allclose(scores, truth_of(model, asked), atol=NATS)
    assert "packed tree" in caplog.text
    assert "is not used" in caplog.text


def test_what_was_found_is_remembered_for_the_model(monkeypatch):
    model, asked = Recurrent(), prompts(8)
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    ask(HuggingFaceModel(model, Tokenizer()), asked)
    first = len(calls)
    ask(HuggingFaceModel(model, Tokenizer()), asked)
    assert len(calls) - first < first


def test_the_plainest_path_is_the_definition():
    assert Refed().name == "read again for each token"


def test_a_module_without_generate_is_decoded_greedily():
    model = Recurrent()
    new = HuggingFaceModel(model, Tokenizer()).generate(Prompt((5, 6, 7)), max_new_tokens=4, options={})
    ids = [5, 6, 7]
    for token in new:
        assert token == int(model(torch.tensor([ids])).logits[0, -1].argmax())
        ids.append(token)
    assert len(new) == 4


def test_a_module_without_generate_takes_no_options():
    with pytest.raises(CapabilityError, match="temperature"):
        HuggingFaceModel(Recurrent(), Tokenizer()).generate(
            Prompt((5,)), max_new_tokens=2, options={"temperature": 0.5}
        )


class Flat(Recurrent):
    def forward(self, input_ids):
        return SimpleNamespace(logits=super().forward(input_ids).logits[0])


class Mute(Recurrent):
    def forward(self, input_ids):
        return SimpleNamespace(states=self.embed(input_ids))


@pytest.mark.parametrize(("model", "said"), [(Flat(), "rows, tokens, vocabulary"), (Mute(), "without logits")])
def test_what_is_no_language_model_is_said(model, said):
    with pytest.raises(ScoreError, match=said):
        ask(HuggingFaceModel(model, Tokenizer()), prompts(2))


def test_a_target_outside_the_logits_is_said_where_the_module_hides_its_vocabulary():
    with pytest.raises(TargetError, match=f"vocabulary of {VOCABULARY} tokens"):
        ask(HuggingFaceModel(Recurrent(), Tokenizer()), prompts(2), (*TARGET, VOCABULARY))
