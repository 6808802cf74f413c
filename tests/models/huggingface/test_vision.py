"""Families whose images are no plain tokens of a causal text: scores equal what `generate` gives forced tokens."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget.errors import ScoreError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Line, Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask
from tests.models.huggingface.families import VOCABULARY
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.small import build_small
from tests.models.huggingface.vision_families import FAMILIES, TEXTS, qwen3_prompt, qwen3_vl


class Forced(tf.LogitsProcessor):
    """Makes `generate` write the target, and keeps what the model said for each of its tokens."""

    def __init__(self, target):
        self.target = target
        self.said = []

    def __call__(self, input_ids, scores):
        token = self.target[len(self.said)]
        self.said.append(float(scores[0].double().log_softmax(-1)[token]))
        forced = torch.full_like(scores, float("-inf"))
        forced[:, token] = 0.0
        return forced


@torch.no_grad()
def by_generate(model, prompt, target=TARGET):
    """Log-probs of the target's tokens, as `generate` sees them when it is made to write them."""
    forced = Forced(target)
    ids = torch.tensor([prompt.ids])
    model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), **(prompt.extras or {}), max_new_tokens=len(target),
        min_new_tokens=0, do_sample=False, logits_processor=[forced],
    )  # fmt: skip
    return forced.said


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", FAMILIES)
def test_scores_are_those_of_generate_made_to_write_the_target(name, scoring):
    make, prompt = FAMILIES[name]
    model = make()
    asked = [prompt(seed, text) for seed in (0, 1) for text in TEXTS]
    truth = np.array([by_generate(model, each) for each in asked])
    assert np.abs(truth[: len(TEXTS)] - truth[len(TEXTS) :]).max() > 0.05, "the image says nothing"
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)


@pytest.mark.parametrize("name", ["paligemma", "paligemma 2"])
def test_a_text_without_an_image_is_a_prefix_too(name):
    """Its forward, not told so, lets the prompt see the target; `generate` reads the target token by token."""
    model, asked = FAMILIES[name][0](), [Prompt((1, *text)) for text in TEXTS]
    truth = np.array([by_generate(model, each) for each in asked])
    plain = np.array([by_hand(model, each.ids, TARGET) for each in asked])
    # Gemma 2's attention has a mask, and so looks at nothing ahead, unless it is told to.
    assert (np.abs(truth - plain).max() > 1e-3) == (name == "paligemma")
    for scoring in ("one_pass", "stepwise"):
        scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
        np.testing.assert_allclose(ask(scorer, asked), truth, atol=NATS, rtol=0)
    line = Line(Prompt((1, *[4] * len(TEXTS[0]))), asked[0])
    (part,) = scorer.slopes(line, [1.0], TARGET, np.eye(len(TARGET)))
    np.testing.assert_allclose(part.log_probs[0], truth[0], atol=NATS, rtol=0)
    wrote = scorer.generate(asked[0], max_new_tokens=3, options={"eos_token_id": 96})
    assert np.exp(ask(scorer, asked[:1], wrote)[0]).min() > 1 / VOCABULARY


@pytest.mark.parametrize("name", ["mllama", "paligemma", "paligemma 2"])
def test_stepwise_keeps_its_cache(name, caplog):
    make, prompt = FAMILIES[name]
    with caplog.at_level(logging.WARNING):
        ask(HuggingFaceModel(make(), Tokenizer(), scoring="stepwise"), [prompt(0, text) for text in TEXTS])
    assert "is not used" not in caplog.text


@pytest.mark.parametrize("name", [name for name in FAMILIES if "blip" not in name])
def test_gradients_go_through_the_same_pass(name):
    make, prompt = FAMILIES[name]
    model, asked = make(), prompt(0, TEXTS[0])
    line = Line(prompt(0, (4,) * len(TEXTS[0])), asked)
    parts = list(HuggingFaceModel(model, Tokenizer()).slopes(line, [1.0], TARGET, np.eye(len(TARGET))))
    np.testing.assert_allclose(parts[0].log_probs[0], by_generate(model, asked), atol=NATS, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_written_is_the_likeliest(name):
    make, prompt = FAMILIES[name]
    model, asked = make(), prompt(1, TEXTS[1])
    new = HuggingFaceModel(model, Tokenizer()).generate(asked, max_new_tokens=3, options={"eos_token_id": 96})
    scorer = HuggingFaceModel(model, Tokenizer())
    for k, token in enumerate(new):
        others = [t for t in range(0, VOCABULARY, 12) if t != token]
        best = ask(scorer, [asked], (*new[:k], token))[0, k]
        assert all(ask(scorer, [asked], (*new[:k], other))[0, k] <= best + NATS for other in others[:3])


def test_a_config_without_what_the_model_asks_for_is_told():
    model = build_small("qwen3_omni_moe_thinker", "Qwen3OmniMoeThinkerForConditionalGeneration")
    del model.config.vision_start_token_id
    with pytest.raises(ScoreError, match=r"vision_start_token_id.*look whether its config has it"):
        ask(HuggingFaceModel(model, Tokenizer()), [Prompt((1, 5, 6)), Prompt((1, 5, 6, 7))])


def test_images_with_features_for_later_layers_are_one_tree(caplog):
    model, rows = qwen3_vl(), []
    scorer = HuggingFaceModel(model, Tokenizer())
    asked = [qwen3_prompt(seed, text) for seed in (0, 1) for text in TEXTS]
    with caplog.at_level(logging.WARNING):
        ask(scorer, asked)
        ask(scorer, asked)
    assert "is not used" not in caplog.text
    model.model.language_model.register_forward_pre_hook(
        lambda _, __, named: rows.append(len(named["inputs_embeds"])), with_kwargs=True
    )
    ask(scorer, asked)
    assert rows == [1]
