"""Families whose images are no plain tokens of a causal text: small models, and prompts as processors make them."""

from __future__ import annotations

import torch
import transformers as tf

from llm_attr_widget.types import Prompt
from tests.models.huggingface.families import GROUPED, VOCABULARY, loud

IMAGE = 90
IMAGE_PREFIX = "paligemma"
"""The family whose prompt is a prefix, which the target comes after."""
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


def qwen3_vl():
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


def qwen3_prompt(seed, text):
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
    "qwen3-vl": (qwen3_vl, qwen3_prompt),
}
