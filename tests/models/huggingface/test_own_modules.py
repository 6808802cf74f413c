"""Modules of one's own, which may ignore masks and positions or look ahead: noticed, said, and scored right."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers as tf
from torch import nn

from llm_attr_widget.errors import CapabilityError, ScoreError, TargetError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.probe import Refed
from llm_attr_widget.models.making import as_model
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, prompts, truth_of
from tests.models.huggingface.families import GROUPED, VOCABULARY, build

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


class NanoGPT(Recurrent):
    """`forward(idx, targets)` gives a pair, of the last position alone unless it trains; `generate(idx, n)` samples."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(vocab_size=VOCABULARY, block_size=40)

    def forward(self, idx, targets=None):
        assert idx.shape[1] <= self.config.block_size
        logits = super().forward(idx).logits
        return (logits if targets is not None else logits[:, [-1]]), None

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0, top_k=None):
        raise AssertionError("it samples: what it writes is not the likeliest")


class Hooked(Recurrent):
    """As HookedTransformer: a bare tensor, `cfg`, and names of its own."""

    def __init__(self):
        super().__init__()
        self.cfg = SimpleNamespace(d_vocab=VOCABULARY, n_ctx=40)

    def forward(self, input, return_type="logits", prepend_bos=None, attention_mask=None):  # noqa: A002
        assert input.shape[1] <= self.cfg.n_ctx
        return super().forward(input).logits

    def generate(self, input="", max_new_tokens=10, stop_at_eos=True, eos_token_id=None, do_sample=True):  # noqa: A002
        raise AssertionError("it samples: what it writes is not the likeliest")


class Named(Recurrent):
    def forward(self, input_ids):
        return {"loss": None, "logits": super().forward(input_ids).logits}


class Listed(Recurrent):
    def forward(self, input_ids):
        return [torch.tensor(0.0), super().forward(input_ids).logits]


class LastAlone(Recurrent):
    def forward(self, input_ids):
        return SimpleNamespace(logits=super().forward(input_ids).logits[:, -1:])


class Configured(Recurrent):
    """A configuration that is a mapping."""

    config = {"vocab_size": VOCABULARY, "max_seq_len": 40}  # noqa: RUF012


OWN = [NanoGPT, Hooked, Named, Listed, LastAlone, Configured]


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("kind", OWN)
def test_whatever_a_forward_returns(kind, scoring):
    asked = prompts(8)
    scores = ask(HuggingFaceModel(kind(), Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth_of(Recurrent(), asked), atol=NATS)


@pytest.mark.parametrize("kind", [NanoGPT, LastAlone])
def test_a_module_that_says_its_last_position_alone_is_told_so(kind, caplog):
    with caplog.at_level(logging.WARNING):
        ask(HuggingFaceModel(kind(), Tokenizer()), prompts(4))
    assert "logits of one position for a row of" in caplog.text
    assert "Return the logits of all positions" in caplog.text


@pytest.mark.parametrize("kind", OWN)
def test_whatever_a_generate_is_like_the_target_is_the_likeliest(kind):
    plain, ids = Recurrent(), [5, 6, 7]
    new = HuggingFaceModel(kind(), Tokenizer()).generate(Prompt((5, 6, 7)), max_new_tokens=4, options={})
    for token in new:
        assert token == int(plain(torch.tensor([ids])).logits[0, -1].argmax())
        ids.append(token)
    assert len(new) == 4


@pytest.mark.parametrize("kind", [NanoGPT, Hooked, Configured])
def test_limits_of_a_module_are_found_by_any_name(kind):
    scorer = HuggingFaceModel(kind(), Tokenizer())
    assert (scorer.vocabulary, scorer.max_positions) == (VOCABULARY, 40)
    with pytest.raises(TargetError, match="41 positions, but the model has 40"):
        scorer.score([Prompt((5,) * 38)], TARGET)


class Ending(Tokenizer):
    def __init__(self, end):
        self.eos_token_id = end


WRAPPED = {
    "module": Recurrent,
    "DataParallel": lambda: nn.DataParallel(Recurrent()),
    "DataParallel of transformers": lambda: nn.DataParallel(build("gpt2")),
    "nanoGPT": NanoGPT,
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_end_of_a_text_ends_what_is_written(name):
    model = WRAPPED[name]()
    free = HuggingFaceModel(model, Ending(None)).generate(Prompt((5, 6, 7)), max_new_tokens=6, options={})
    end = free[2]
    if name == "DataParallel of transformers":
        model.module.generation_config.eos_token_id = end
    short = HuggingFaceModel(model, Ending(end)).generate(Prompt((5, 6, 7)), max_new_tokens=6, options={})
    assert short == free[: free.index(end)]


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_data_parallel_scores_like_the_model_inside(name, scoring):
    model, asked = build(name), prompts(8)
    scores = ask(HuggingFaceModel(nn.DataParallel(model), Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth_of(model, asked), atol=NATS)


def test_a_classifier_of_texts_or_of_tokens_is_told_what_it_lacks():
    for kind in (tf.LlamaForSequenceClassification, tf.Qwen2ForSequenceClassification):
        config = tf.LlamaConfig(**GROUPED) if "Llama" in kind.__name__ else tf.Qwen2Config(**GROUPED)
        model = kind(config).eval()
        assert isinstance(as_model(model, None)[0], HuggingFaceModel), "its layer `score` was taken for a method"
        with pytest.raises(ScoreError, match="classifies whole texts says nothing about a next token"):
            ask(HuggingFaceModel(model, Tokenizer()), prompts(2))
    with pytest.raises(ScoreError, match="classifies tokens and says nothing about a next one"):
        ask(HuggingFaceModel(tf.LlamaForTokenClassification(tf.LlamaConfig(**GROUPED)), Tokenizer()), prompts(2), (1,))


def test_a_scorer_is_still_one():
    scorer = HuggingFaceModel(Recurrent(), Tokenizer())
    assert as_model(scorer, None)[0] is scorer


class Remembering(Recurrent):
    """Its cache has the name that transformers 5.24 gives it; the old names give a warning there."""

    def forward(self, input_ids, cache=None, use_cache=False):
        states, after = self.read(self.embed(input_ids), cache)
        return SimpleNamespace(logits=self.say(states), cache=after)


def test_a_cache_of_the_newer_name_is_used():
    model, lengths, asked = Remembering(), [], prompts(6)
    scorer = HuggingFaceModel(model, Tokenizer(), scoring="stepwise")
    np.testing.assert_allclose(ask(scorer, asked), truth_of(Recurrent(), asked), atol=NATS)
    model.register_forward_pre_hook(lambda _, args: lengths.append(args[0].shape[1]))
    ask(scorer, asked)
    assert lengths.count(1) >= len(TARGET) - 1, "the target was not fed token by token"
