"""`logits_to_keep` means different things to different models, and nothing to some: scores are right with each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as tf
from torch import nn
from transformers.modeling_outputs import CausalLMOutputWithPast

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.forward import alone, forward
from llm_attr_widget.models.huggingface.keeping import LastPositionOnly, picked, tried
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from tests.models.asked import NATS, TARGET, Tokenizer, ask, prompts, truth_of
from tests.models.huggingface.families import GROUPED, loud


class Own(nn.Module):
    """A Llama that is told in a way of its own which logits are wanted."""

    def __init__(self):
        super().__init__()
        self.inner = loud(tf.LlamaForCausalLM(tf.LlamaConfig(**GROUPED)))
        self.positions = []

    def say(self, input_ids, attention_mask, some):
        states = some(self.inner.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state)
        self.positions.append(states.shape[1])
        return CausalLMOutputWithPast(logits=self.inner.lm_head(states))


class Positions(Own):
    def forward(self, input_ids, attention_mask=None, logits_to_keep=None):
        return self.say(input_ids, attention_mask, lambda s: s if logits_to_keep is None else s[:, logits_to_keep])


class Number(Own):
    def forward(self, input_ids, attention_mask=None, logits_to_keep=None):
        return self.say(input_ids, attention_mask, lambda s: s[:, -logits_to_keep:] if logits_to_keep else s)


class NumberOfOldName(Own):
    def forward(self, input_ids, attention_mask=None, num_logits_to_keep=0):
        return self.say(input_ids, attention_mask, lambda s: s[:, -num_logits_to_keep:])


class Ignored(Own):
    def forward(self, input_ids, attention_mask=None, logits_to_keep=None):
        return self.say(input_ids, attention_mask, lambda s: s)


class Greedy(Own):
    """Always leaves out all but as many of the last as positions were named."""

    def forward(self, input_ids, attention_mask=None, logits_to_keep=None):
        return self.say(input_ids, attention_mask, lambda s: s if logits_to_keep is None else s[:, -2:])


FORMS = {"positions": Positions, "last": Number, "last, by its old name": NumberOfOldName}


@pytest.mark.parametrize("target", [TARGET, TARGET[:1]], ids=len)
@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("kind", [*FORMS.values(), Ignored, Greedy], ids=lambda kind: kind.__name__)
def test_every_form_gives_the_right_scores(kind, scoring, target):
    model, asked = kind(), prompts(8)
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked, target)
    np.testing.assert_allclose(scores, truth_of(model.inner, asked, target), atol=NATS)


@pytest.mark.parametrize("kind", FORMS.values(), ids=FORMS)
def test_forms_that_work_are_used(kind):
    model, asked = kind(), prompts(8)
    ask(HuggingFaceModel(model, Tokenizer()), asked)
    model.positions.clear()
    forward(look_at(model, Tokenizer()), torch.tensor([[5, 6, 7, 8, 9, 10]]), keep=torch.tensor([4, 5]))
    assert model.positions == [2]


@pytest.mark.parametrize(
    ("kind", "form"), [(Ignored, None), (Greedy, "last"), (Positions, "positions"), (Number, "last")]
)
def test_a_form_is_known_by_what_comes_back(kind, form):
    model = kind()
    found = tried(look_at(model, Tokenizer()), lambda ids, given: model(ids, **given).logits)
    assert getattr(found, "form", None) == form


@pytest.mark.parametrize("kind", FORMS.values(), ids=FORMS)
def test_the_plainest_pass_uses_none(kind):
    model = kind()
    anatomy = look_at(model, Tokenizer())
    ask(HuggingFaceModel(model, Tokenizer()), prompts(3))
    model.positions.clear()
    alone(anatomy, prompts(1)[0], TARGET)
    assert model.positions == [30 + len(TARGET) - 1]


def test_what_comes_back_is_counted():
    logits = torch.zeros(1, 3, 97)
    with pytest.raises(ScoreError, match="Logits of 5 positions were expected for a row of 5 tokens, but those of 3"):
        picked(logits, torch.tensor([3, 4]), 5, None)
    with pytest.raises(LastPositionOnly, match="one position for a row of 5 tokens"):
        picked(logits[:, :1], torch.tensor([3, 4]), 5, None)
    assert picked(logits[:, :1], torch.tensor([4]), 5, None).shape == (1, 1, 97)


def test_logits_of_tokens_before_ours_are_left_out():
    logits = torch.arange(8.0)[None, :, None]
    assert picked(logits, torch.tensor([1, 4]), 5, None).flatten().tolist() == [4.0, 7.0]
