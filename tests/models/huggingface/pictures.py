"""A prompt with an image for any family whose small model is made from its config, as its processor would make it.

How an image is laid out is told by family; how many tokens it is, by the model's own features.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from llm_attr_widget.types import Prompt

Extras = dict[str, torch.Tensor]
Layout = Callable[[Any, torch.Generator], Extras]
BEGIN = 1
KINDS = ("mm_token_type_ids", "token_type_ids")
"""Extras that say of each token whether it belongs to an image."""


def _sizes(model: Any) -> tuple[int, int, int]:
    """Pixels of an image's side and of a patch's, and how many frames a patch spans."""
    vision = getattr(model.config, "vision_config", None) or model.config
    side, patch = getattr(vision, "image_size", None) or 8, getattr(vision, "patch_size", None) or 4
    side, patch = (each if isinstance(each, int) else each[0] for each in (side, patch))
    return side, patch, getattr(vision, "temporal_patch_size", None) or 1


def plain(model: Any, generator: torch.Generator) -> Extras:
    side, _, _ = _sizes(model)
    return {"pixel_values": torch.randn(1, 3, side, side, generator=generator)}


def tile(model: Any, generator: torch.Generator) -> Extras:
    return {"pixel_values": plain(model, generator)["pixel_values"][None]}


def counted_tile(model: Any, generator: torch.Generator) -> Extras:
    return tile(model, generator) | {"pixel_attention_mask": torch.ones(1, 1, dtype=torch.bool)}


def sized(model: Any, generator: torch.Generator) -> Extras:
    """Twice as wide as high, of two by four patches or more: a batch of images of their own sizes."""
    _, patch, _ = _sizes(model)
    shape = (2 * patch, 4 * patch)
    return {"pixel_values": torch.randn(1, 3, *shape, generator=generator), "image_sizes": torch.tensor([shape])}


def sized_tiles(model: Any, generator: torch.Generator) -> Extras:
    """The whole image, and its two halves beside each other."""
    side, _, _ = _sizes(model)
    pixels = torch.randn(1, 3, 3, side, side, generator=generator)
    return {"pixel_values": pixels, "image_sizes": torch.tensor([[side, 2 * side]])}


def two_sharpnesses(model: Any, generator: torch.Generator) -> Extras:
    high = model.config.high_res_vision_config.image_size
    return plain(model, generator) | {"high_res_pixel_values": torch.randn(1, 3, high, high, generator=generator)}


def patches(model: Any, generator: torch.Generator) -> Extras:
    """Four by four patches, each a row of numbers."""
    _, patch, frames = _sizes(model)
    pixels = torch.randn(16, 3 * frames * patch * patch, generator=generator)
    return {"pixel_values": pixels, "image_grid_thw": torch.tensor([[1, 4, 4]])}


def patches_of_two_frames(model: Any, generator: torch.Generator) -> Extras:
    _, patch, _ = _sizes(model)
    pixels = torch.randn(16, 6 * patch * patch, generator=generator)
    return {"pixel_values": pixels, "image_grid_thw": torch.tensor([[1, 4, 4]])}


def square_patches(model: Any, generator: torch.Generator) -> Extras:
    _, patch, _ = _sizes(model)
    return {
        "pixel_values": torch.randn(16, 3, patch, patch, generator=generator),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
    }


def merged_patches(model: Any, generator: torch.Generator) -> Extras:
    return patches(model, generator) | {"image_merge_sizes": torch.tensor([2])}


def shaped_patches(model: Any, generator: torch.Generator) -> Extras:
    _, patch, _ = _sizes(model)
    return {
        "pixel_values": torch.randn(1, 16, 3 * patch * patch, generator=generator),
        "spatial_shapes": torch.tensor([[4, 4]]),
        "pixel_attention_mask": torch.ones(1, 16, dtype=torch.long),
    }


def row_of_patches(model: Any, generator: torch.Generator) -> Extras:
    _, patch, _ = _sizes(model)
    return {
        "pixel_values": torch.randn(1, 3, patch, 16 * patch, generator=generator),
        "target_sizes": torch.tensor([[4, 4]]),
    }


def flat_patches(model: Any, generator: torch.Generator) -> Extras:
    size = 3 * model.config.patch_size**2
    return {"pixel_values": torch.randn(1, 4, size, generator=generator)}


LAYOUTS: Mapping[Layout, str] = {
    plain: """aria aya_vision chameleon cohere2_vision deepseek_vl emu3 florence2 fast_vlm gemma3 got_ocr2 internvl
        janus llama4 llava ovis2 perception_lm qianfan_ocr step3p7 t5gemma2 unlimited_ocr video_llava vipllava git""",
    tile: "idefics idefics2 idefics3 smolvlm",
    counted_tile: "granite_docling",
    sized: "lighton_ocr mistral3 mistral_large4",
    sized_tiles: "llava_next llava_next_video llava_onevision granite4_vision",
    two_sharpnesses: "deepseek_vl_hybrid",
    patches: """cosmos3_omni exaone4_5 glm46v glm4v glm4v_moe glm5_next glm_ocr hyperclovax_vision_v2 lfm3_vl
        minimax_m3_vl qwen2_5_omni_thinker qwen2_5_vl qwen2_vl qwen3_5 qwen3_5_moe qwen3_omni_moe_thinker
        qwen3_vl qwen3_vl_moe""",
    patches_of_two_frames: "muse_glimmer muse_spark",
    square_patches: "paddleocr_vl",
    merged_patches: "video_llama_3",
    shaped_patches: "lfm2_vl",
    row_of_patches: "minicpm_ocr minicpmv4_6 minicpmv4_7",
    flat_patches: "fuyu",
}
LAYOUT_OF = {family: layout for layout, families in LAYOUTS.items() for family in families.split()}


def picture(model: Any, family: str, seed: int, text: tuple[int, ...]) -> Prompt:
    """begin, the image, then the text. Raises what the model raises about its features."""
    extras = LAYOUT_OF[family](model, torch.Generator().manual_seed(seed))
    ids = (BEGIN, *_image_ids(model, extras), *text)
    taken = set(inspect.signature(model.forward).parameters)
    of_image = torch.tensor([[int(token == _image_token(model)) for token in ids]])
    extras |= {name: of_image for name in KINDS if name in taken}
    if "image_attention_mask" in taken:
        extras["image_attention_mask"] = torch.ones(1, len(ids), 1, dtype=torch.long)
    return Prompt(ids, extras, f"{seed}")


def _image_token(model: Any) -> int | None:
    names = ("image_token_id", "image_token_index")
    return next((token for name in names if (token := getattr(model.config, name, None)) is not None), None)


@torch.no_grad()
def _image_ids(model: Any, extras: Extras) -> list[int]:
    """The image's tokens, one for each of its features; none for models that keep it beside the text."""
    token = _image_token(model)
    features = getattr(model, "get_image_features", None)
    features = features or getattr(getattr(model, "model", None), "get_image_features", None)
    if token is None or features is None:
        return []
    found = features(**extras)
    found = getattr(found, "pooler_output", None) if hasattr(found, "last_hidden_state") else found
    if found is None:
        found = features(**extras).last_hidden_state
    each = found if isinstance(found, list | tuple) else [found]
    count = sum(one.numel() // one.shape[-1] for one in each)
    around = [getattr(model.config, f"vision_{place}_token_id", None) for place in ("start", "end")]
    begin, end = ([] if mark is None else [mark] for mark in around)
    return [*begin, *[token] * count, *end]
