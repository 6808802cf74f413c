"""Families whose images are no plain tokens of a causal text: scores equal what `generate` gives forced tokens."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Line, Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask
from tests.models.huggingface.families import GROUPED, VOCABULARY, loud

IMAGE = 90
TEXTS = [(5, 6, 7, 8, 9, 10, 11), (5, 6, 8, 11), (5,), (7, 8, 9, 10, 11)]
VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}


def pixels(seed, *shape):
    return torch.randn(1, *(shape or (3, 8, 8)), generator=torch.Generator().manual_seed(seed))


def _opt():
    return tf.OPTConfig(
        vocab_size=VOCABULARY, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=160, word_embed_proj_dim=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip


def _t5():
    return tf.T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, pad_token_id=0,
        eos_token_id=2, decoder_start_token_id=0,
    )  # fmt: skip


def _blip(text, *, instruct=False):
    kinds = (tf.Blip2Config, tf.Blip2VisionConfig, tf.Blip2QFormerConfig, tf.Blip2ForConditionalGeneration)
    if instruct:
        kinds = (
            tf.InstructBlipConfig,
            tf.InstructBlipVisionConfig,
            tf.InstructBlipQFormerConfig,
            tf.InstructBlipForConditionalGeneration,
        )
    whole, vision, qformer, model = kinds
    width = {name: VISION[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    made = loud(
        model(
            whole(
                vision_config=vision(**VISION).to_dict(),
                qformer_config=qformer(
                    vocab_size=VOCABULARY, intermediate_size=16, encoder_hidden_size=16, **width
                ).to_dict(),
                text_config=text.to_dict(),
                num_query_tokens=3,
                image_token_index=IMAGE,
            )
        )
    )
    torch.nn.init.normal_(made.query_tokens, generator=torch.Generator().manual_seed(0))
    return made


def _blip_prompt(seed, text):
    return Prompt((IMAGE, IMAGE, IMAGE, 1, *text), {"pixel_values": pixels(seed)}, str(seed))


def _instruct_prompt(seed, text):
    asked = {"qformer_input_ids": torch.tensor([[5, 6, 7]]), "qformer_attention_mask": torch.ones(1, 3).long()}
    return Prompt((IMAGE, IMAGE, IMAGE, 1, *text), {"pixel_values": pixels(seed), **asked}, str(seed))


def _kosmos():
    text = {
        "vocab_size": VOCABULARY, "max_position_embeddings": 160, "embed_dim": 32, "layers": 2, "ffn_dim": 48,
        "attention_heads": 4, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    return loud(
        tf.Kosmos2ForConditionalGeneration(tf.Kosmos2Config(text_config=text, vision_config=VISION, latent_query_num=3))
    )


def _kosmos_prompt(seed, text):
    places = torch.tensor([[0, 1, 1, 1, *[0] * len(text)]])
    return Prompt((1, 3, 3, 3, *text), {"pixel_values": pixels(seed), "image_embeds_position_mask": places}, str(seed))


def _paligemma(kind):
    text = {"model_type": kind, **GROUPED, "head_dim": 8}
    if kind == "gemma2":
        text |= {"sliding_window": 8, "query_pre_attn_scalar": 8}
    vision = {"model_type": "siglip_vision_model", "vision_use_head": False, **VISION}
    config = tf.PaliGemmaConfig(
        vision_config=vision, text_config=text, image_token_index=IMAGE, projection_dim=32, hidden_size=32
    )
    return loud(tf.PaliGemmaForConditionalGeneration(config))


def _paligemma_prompt(seed, text):
    ids = (*[IMAGE] * 4, 1, *text)
    return Prompt(ids, {"pixel_values": pixels(seed), "token_type_ids": torch.zeros(1, len(ids)).long()}, str(seed))


def _mllama():
    text = {**GROUPED, "cross_attention_layers": [1], "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_global_layers": 1,
        "attention_heads": 2, "image_size": 8, "patch_size": 4, "max_num_tiles": 2,
        "intermediate_layers_indices": [0, 1], "vision_output_dim": 48,
        "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
    }  # fmt: skip
    model = loud(
        tf.MllamaForConditionalGeneration(
            tf.MllamaConfig(text_config=text, vision_config=vision, image_token_index=IMAGE)
        )
    )
    for name, parameter in model.named_parameters():
        if "gate" in name:  # closed in a fresh model: the image would say nothing
            parameter.data.fill_(0.7)
    return model


def _mllama_prompt(seed, text):
    ids = (IMAGE, 1, *text)
    # The last token looks at one tile of two, and so must the target.
    tiles = torch.tensor([[[[1, 1]]] * (len(ids) - 1) + [[[1, 0]]]])
    extras = {
        "pixel_values": pixels(seed, 1, 2, 3, 8, 8),
        "aspect_ratio_ids": torch.tensor([[2]]),
        "aspect_ratio_mask": torch.tensor([[[1, 1]]]),
        "cross_attention_mask": tiles,
    }
    return Prompt(ids, extras, f"{seed} {len(ids)}")


def _qwen3_vl():
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    vision = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32, "patch_size": 4,
        "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16,
    }  # fmt: skip
    config = tf.Qwen3VLConfig(
        text_config={**GROUPED, "head_dim": 8, "rope_parameters": rope},
        vision_config=vision,
        image_token_id=IMAGE,
        video_token_id=91,
        vision_start_token_id=92,
        vision_end_token_id=93,
    )
    return loud(tf.Qwen3VLForConditionalGeneration(config))


def _qwen3_prompt(seed, text):
    ids = (1, 92, *[IMAGE] * 4, 93, *text)
    extras = {
        "pixel_values": torch.randn(16, 96, generator=torch.Generator().manual_seed(seed)),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
        "mm_token_type_ids": torch.tensor([[int(token == IMAGE) for token in ids]]),
    }
    return Prompt(ids, extras, str(seed))


FAMILIES = {
    "blip-2, opt": (lambda: _blip(_opt()), _blip_prompt),
    "blip-2, t5": (lambda: _blip(_t5()), _blip_prompt),
    "instructblip, opt": (lambda: _blip(_opt(), instruct=True), _instruct_prompt),
    "instructblip, t5": (lambda: _blip(_t5(), instruct=True), _instruct_prompt),
    "kosmos-2": (_kosmos, _kosmos_prompt),
    "paligemma": (lambda: _paligemma("gemma"), _paligemma_prompt),
    "paligemma 2": (lambda: _paligemma("gemma2"), _paligemma_prompt),
    "mllama": (_mllama, _mllama_prompt),
    "qwen3-vl": (_qwen3_vl, _qwen3_prompt),
}


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
        input_ids=ids, attention_mask=torch.ones_like(ids), **dict(prompt.extras), max_new_tokens=len(target),
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


def test_images_with_features_for_later_layers_are_one_tree(caplog):
    model, rows = _qwen3_vl(), []
    scorer = HuggingFaceModel(model, Tokenizer())
    asked = [_qwen3_prompt(seed, text) for seed in (0, 1) for text in TEXTS]
    with caplog.at_level(logging.WARNING):
        ask(scorer, asked)
        ask(scorer, asked)
    assert "is not used" not in caplog.text
    model.model.language_model.register_forward_pre_hook(
        lambda _, __, named: rows.append(len(named["inputs_embeds"])), with_kwargs=True
    )
    ask(scorer, asked)
    assert rows == [1]
