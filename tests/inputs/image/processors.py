"""Small processors, made here: LLaVA, Qwen2-VL, Qwen2.5-VL, Gemma 3, Idefics3, each with the model it belongs to."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
import transformers as tf
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = ("user: What colour is the circle? assistant: red, blue, top left. Describe the picture.", "\n\n\n\n")
CHAT = (
    "{% for message in messages %}{{ message.role }}: "
    "{% for part in message.content %}{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def picture(height: int = 32, width: int = 32, seed: int = 0) -> Image.Image:
    """Noise in blocks, so that every segment differs from every baseline."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def tokenizer(*special: str, **named: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE with a bos that the tokenizer adds."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=["<s>", "</s>", "<pad>", *special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(CORPUS, trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=list(special),
        **named,
    )


VOCABULARY = 340


def _text(**more: Any) -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        **more,
    }


def llava() -> tuple[Any, Any]:
    words = tokenizer("<image>")
    pixels = tf.CLIPImageProcessorPil(
        size={"height": 16, "width": 16}, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor = tf.LlavaProcessor(
        pixels,
        words,
        patch_size=4,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT.replace("IMAGE", "<image>"),
    )
    vision = tf.CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=4
    )
    config = tf.LlavaConfig(
        vision_config=vision,
        text_config=tf.LlamaConfig(**_text()),
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )
    return tf.LlavaForConditionalGeneration(config), processor


class StillsOnly:
    """Without a video processor, which needs torchvision."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        return type(argument) if argument is None else super().check_argument_for_proper_class(argument_name, argument)  # type: ignore[misc]


class Qwen2Stills(StillsOnly, tf.Qwen2VLProcessor):
    pass


class Qwen25Stills(StillsOnly, tf.Qwen2_5_VLProcessor):
    pass


def qwen2_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 4}
    return _qwen(tf.Qwen2VLConfig, tf.Qwen2VLForConditionalGeneration, Qwen2Stills, vision)


def qwen2_5_vl() -> tuple[Any, Any]:
    vision = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32, "patch_size": 4,
        "window_size": 8, "fullatt_block_indexes": [1],
    }  # fmt: skip
    return _qwen(tf.Qwen2_5_VLConfig, tf.Qwen2_5_VLForConditionalGeneration, Qwen25Stills, vision)


def _qwen(config_class: Any, model_class: Any, processor_class: Any, vision: dict[str, Any]) -> tuple[Any, Any]:
    special = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    words = tokenizer(*special)
    pixels = tf.Qwen2VLImageProcessorPil(patch_size=4, min_pixels=16 * 16, max_pixels=32 * 32)
    template = CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    processor = processor_class(pixels, words, chat_template=template)
    image, video, start, end = words.convert_tokens_to_ids(list(special))
    config = config_class(
        text_config=_text(rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}),
        vision_config=vision,
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    return model_class(config), processor


def gemma3() -> tuple[Any, Any]:
    special = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    words = tokenizer(*special.values(), extra_special_tokens=special)
    pixels = tf.Gemma3ImageProcessorPil(size={"height": 16, "width": 16})
    processor = tf.Gemma3Processor(
        pixels, words, image_seq_length=4, chat_template="<s>" + CHAT.replace("IMAGE", "<start_of_image>")
    )
    image, start, end = words.convert_tokens_to_ids(list(special.values()))
    config = tf.Gemma3Config(
        text_config=_text(
            head_dim=8, sliding_window=16, query_pre_attn_scalar=8, layer_types=["sliding_attention", "full_attention"]
        ),
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 16, "patch_size": 4,
        },
        mm_tokens_per_image=4,
        image_token_index=image,
        boi_token_index=start,
        eoi_token_index=end,
    )  # fmt: skip
    return tf.Gemma3ForConditionalGeneration(config), processor


def idefics3() -> tuple[Any, Any]:
    special = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    cells = tuple(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2))
    words = tokenizer(*special, *cells)
    pixels = tf.Idefics3ImageProcessorPil(size={"longest_edge": 32}, max_image_size={"longest_edge": 16})
    processor = tf.Idefics3Processor(pixels, words, image_seq_len=4, chat_template=CHAT.replace("IMAGE", "<image>"))
    config = tf.Idefics3Config(
        text_config=tf.LlamaConfig(**_text()),
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 16, "patch_size": 4,
        },
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=2,
    )  # fmt: skip
    return tf.Idefics3ForConditionalGeneration(config), processor


KINDS = {"llava": llava, "qwen2_vl": qwen2_vl, "qwen2_5_vl": qwen2_5_vl, "gemma3": gemma3, "idefics3": idefics3}


@cache
def build(kind: str) -> tuple[Any, Any]:
    """A model whose log-probs are far from uniform, and its processor."""
    torch.manual_seed(0)
    model, processor = KINDS[kind]()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model.eval(), processor
