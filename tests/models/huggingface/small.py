"""A small random model of any family that transformers knows: its own default config, with small numbers in it.

What is small is told by an attribute's name: families call the same thing by a few dozen names. Lists with an entry for
each layer (kinds of attention, dense or sparse) keep one layer of every combination that the default has. What names
cannot tell is in OWN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
import transformers as tf
from transformers import CONFIG_MAPPING

VOCABULARY = 97
MOST_LAYERS = 6
WIDTH, HEADS, GROUPS, HEAD = 32, 4, 2, 8
EXPERT = 16

WIDTHS = """hidden_size d_model n_embd embed_dim word_embed_proj_dim embedding_size emb_dim d_embed out_hidden_size
    embedding_dim out_dim lru_width attention_hidden_size text_hidden_size encoder_hidden_size decoder_hidden_size
    projection_dim projector_hidden_size conv_dim dim audio_hidden_size"""
# Names of attributes (regular expressions that must match all of a name) → what they are set to, the first that does.
SIZES: tuple[tuple[str, int], ...] = (
    (r"vocab_size(_per_layer_input)?|\w+_vocab_size", VOCABULARY),
    (r"max_position_embeddings|n_positions|n_ctx|max_(source|target)_positions|max_seq(uence)?_len(gth)?", 160),
    (r"(\w+_)?num_attention_heads|n_heads?|num_heads|(en|de)coder_attention_heads|attention_heads", HEADS),
    (r"qk_head_dim", 2 * HEAD),
    (r"\w*head_dim|dim_head|d_kv|rotary_dim|query_pre_attn_scalar|mamba_d_head|mamba_headdim", HEAD),
    (r"\w+_rank|index_head_dim|hidden_size_per_layer_input", 16),
    (r"index_n_heads|linear_num_key_heads", 2),
    ("|".join(WIDTHS.split()), WIDTH),
    (r"(moe_|shared_|expert_)\w*(intermediate|hidden|ffn)_?\w*size|expert_dim", EXPERT),
    (r"\w*intermediate_size(_mlp)?|\w*ffn_dim|d_ff|n_inner|ffn_hidden_size|\w*mlp_dim|dim_ff|block_ff_dim", 48),
    (r"num_experts|n_routed_experts|num_local_experts|moe_num_experts|num_moe_experts|linear_num_(value_)?heads", 4),
    (r"num_experts_per_tok(en)?|moe_top_?k|moe_k|top_k_experts", 2),
    (r"n_group|topk_group|num_expert_group|\w*num_shared_experts|n_shared_experts", 1),
    (r"num_hidden_layers|n_layers?|num_layers|(num_)?(en|de)coder_layers|depth", 2),
    (r"sliding_window(_size)?|attention_window_size|local_attention|image_size", 8),
    (r"(mamba_)?d_state|(mamba_|ssm_)?state_size|mamba_n_heads|mamba_num_heads|n_mamba_heads", 8),
    (r"n_groups|mamba_n_?groups", 1),
    (r"patch_size", 4),
)
TOKENS: Mapping[str, int | None] = {
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "sep_token_id": 3,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
    "forced_bos_token_id": None,
}
_MAMBA_OF_TWICE = {"mamba_n_heads": 8, "mamba_d_head": 8}
_OF_THREE = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}}
_HALF_OF_THREE = {"rope_parameters": {**_OF_THREE["rope_parameters"], "partial_rotary_factor": 0.5}}
_GRID = {"image_grid_pinpoints": [[8, 16], [16, 8], [16, 16]]}
_BPE = {f"IMGIMG{letter}Z": place for place, letter in enumerate("ABCDEFGH", start=60)}
# Model type → what its config needs besides, for reasons that names do not tell.
OWN: Mapping[str, Mapping[str, Any]] = {
    "aria": {"projector_patch_to_query_dict": {4: 3}},
    "bamba": {"attn_layer_indices": [1], **_MAMBA_OF_TWICE},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "head_dim": HEAD},
    "cpmant": {"prompt_types": 8, "prompt_length": 4},
    "chameleon": {"vocabulary_map": {"<image>": 90, **_BPE}, "vq_config": {"num_embeddings": 8}},
    "cosmos3_edge": {"text_config": _OF_THREE},
    "dbrx": {"attn_config": {"rope_theta": 1e4, "kv_n_heads": GROUPS}, "ffn_config": {"moe_num_experts": 4}},
    "deepseek_v2": {"n_routed_experts": 4, "num_experts_per_tok": 2},
    "deepseek_vl_hybrid": {"high_res_vision_config": {"global_attn_indexes": [1]}},
    "encoder-decoder": {"decoder": {"is_decoder": True, "add_cross_attention": True}},
    "falcon_h1": {"mamba_d_ssm": 64, **_MAMBA_OF_TWICE},
    "gemma3": {"mm_tokens_per_image": 4},
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0}},
    "glm46v": {"text_config": _OF_THREE},
    "glm4v": {"text_config": _OF_THREE},
    "glm4v_moe": {"text_config": _HALF_OF_THREE},
    "glm_ocr": {"text_config": _OF_THREE},
    "granite_docling": {"scale_factor": 2},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"], **_MAMBA_OF_TWICE},
    "hunyuan_v1_dense": {"head_dim": HEAD},
    "hunyuan_v1_moe": {"head_dim": HEAD},
    "internvl": {"vision_config": {"image_size": [16, 16], "patch_size": [4, 4]}},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_hidden_layers": 2},
    "llama4": {
        "vision_config": {
            "intermediate_size": 128,
            "projector_input_dim": WIDTH,
            "projector_output_dim": WIDTH,
            "vision_output_dim": WIDTH,
        }
    },
    "llava_next": _GRID,
    "llava_next_video": _GRID,
    "llava_onevision": _GRID,
    "mamba2": {"num_heads": 8, "head_dim": 8, "hidden_size": 32, "expand": 2},
    "minicpm_ocr": {"image_token_id": 90},
    "minicpmv4_6": {"image_token_id": 90},
    "minicpmv4_7": {"image_token_id": 90},
    "ministral": {"head_dim": HEAD},
    "nemotron": {"num_key_value_heads": GROUPS},
    "paddleocr_vl": {"text_config": _OF_THREE},
    "qianfan_ocr": {"vision_config": {"image_size": [16, 16], "patch_size": [4, 4]}},
    "qwen2_5_omni_thinker": {"text_config": _OF_THREE, "vision_start_token_id": 80},
    "qwen2_5_vl": {"text_config": _OF_THREE},
    "qwen2_vl": {"text_config": _OF_THREE},
    "qwen3_omni_moe_thinker": {"vision_start_token_id": 80},
    "recurrent_gemma": {"num_hidden_layers": 3},
    "reformer": {"axial_pos_embds": False},
    "step3p7": {"text_config": {"sliding_window": 8}},
    "t5gemma2": {"encoder": {"mm_tokens_per_image": 4}},
    "vipllava": {"vision_feature_layers": [-2, -1]},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 4,
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
        "attention_head_dim": 16,
        "attention_hidden_size": 64,
        "n_mamba_heads": 2,
    },
    "zamba2": {"attention_head_dim": 16, "attention_hidden_size": 64},
}


def config_of(model_type: str) -> Any:
    """The family's config, small. Raises what its class raises where the small numbers do not fit together."""
    return _small(CONFIG_MAPPING[model_type], {}, OWN.get(model_type, {}))


def build_small(model_type: str, model_class: str, seed: int = 0) -> Any:
    """A small model in float32 whose log-probs are far from uniform; raises what transformers raises."""
    torch.manual_seed(seed)
    made = getattr(tf, model_class)
    config = config_of(model_type)
    if not isinstance(config, made.config_class):  # the text model of a family that reads images, too
        config = config.get_text_config()
    model = made(config).float().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if not torch.isfinite(parameter).all():  # allocated and never filled
                parameter.zero_()
            if parameter.numel() == 1 and not parameter.any():  # a closed gate hides what is behind it
                parameter.fill_(0.7)
            if parameter.ndim >= 2:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model


def _small(config_class: Any, tokens: dict[str, int], own: Mapping[str, Any]) -> Any:
    """tokens: special tokens by name, those of images and the like, numbered down from the vocabulary's end."""
    default = config_class()
    attributes = {name: value for name, value in vars(default).items() if not name.startswith("_")}
    given: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, tf.PretrainedConfig):
            given[name] = _small(type(value), tokens, own.get(name, {}))
        elif name in TOKENS:
            given[name] = TOKENS[name]
        elif re.fullmatch(r"\w+_token_(id|index)", name) and isinstance(value, int):
            given[name] = tokens.setdefault(name.rpartition("_")[0], VOCABULARY - 1 - len(tokens))
        elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
            given |= _number(name, value, attributes)
    if attributes.get("is_encoder_decoder"):
        given["decoder_start_token_id"] = TOKENS["decoder_start_token_id"]
    elif "is_decoder" in attributes:  # BERT and its kin look ahead unless they are told
        given["is_decoder"] = True
    given |= _layers(default, attributes)
    given |= {name: value for name, value in own.items() if not isinstance(given.get(name), tf.PretrainedConfig)}
    return _rotated(config_class(**given))


def _rotated(config: Any) -> Any:
    """With rotations of three kinds of positions (M-RoPE) that share what a small head has of them."""
    ropes = getattr(config, "rope_parameters", None) or {}
    if "mrope_section" in ropes:
        wide = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        pairs = int(wide * ropes.get("partial_rotary_factor", 1.0)) // 2
        ropes["mrope_section"] = [pairs - 2 * (pairs // 3), pairs // 3, pairs // 3]
    return config


def _number(name: str, value: int, attributes: Mapping[str, Any]) -> dict[str, int]:
    """What one number becomes; nothing where its name says nothing. Heads for keys stay as many, or stay fewer."""
    if re.fullmatch(r"(\w+_)?num_(global_)?key_value_heads|num_kv_heads", name):
        return {name: HEADS if value == attributes.get("num_attention_heads") else min(value, GROUPS)}
    size = next((size for pattern, size in SIZES if re.fullmatch(pattern, name)), None)
    return {} if size is None else {name: min(value, size)}


def _layers(default: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Lists with an entry per layer, cut to one layer of every combination that the default has."""
    count = getattr(default, "num_hidden_layers", None)
    lists = {name: value for name, value in attributes.items() if isinstance(value, (list, tuple))}
    lists = {name: value for name, value in lists.items() if len(value) == count and len(value) > 2}
    if not lists:
        return {}
    seen: dict[str, int] = {}
    for place, combination in enumerate(zip(*lists.values(), strict=True)):
        seen.setdefault(str(combination), place)
    places = (list(seen.values()) if len(seen) > 1 else [0, 1])[:MOST_LAYERS]
    cut = {name: type(value)(value[place] for place in places) for name, value in lists.items()}
    named = next(name for name in ("num_hidden_layers", "n_layer", "num_layers", "n_layers") if hasattr(default, name))
    return cut | {named: len(places)}
