"""Trains the vision-language model that ships: `python -m llm_attr_widget.demo.train_vision`. CPU, seeded, see --help.

Colours are learnt at once; finding a shape by its form is what takes time. So the vision tower first learns what each
cell holds (`learn_to_see`), which is quick, and the whole model then learns to answer (`learn_to_answer`), on pictures
and questions of `vision_batches`.

The weights follow from the seed, the number of threads, and the kernels of torch and BLAS on the machine: another CPU
or version sums in another order, and after thousands of steps its weights differ, though what they can do does not.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from llm_attr_widget.demo.vision_batches import IGNORED, Batch, ask, view
from llm_attr_widget.demo.vision_world import COLOURS, GRID, SHAPES, draw_scene

log = logging.getLogger(__name__)

PAD, END, USER, ASSISTANT, SYSTEM, IMAGE = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<image>"
SPECIAL = (PAD, END, USER, ASSISTANT, SYSTEM, IMAGE)
"""Special tokens in the order of their ids. `END` closes every turn: it is the model's eos."""
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['content'] is string %}{{ message['content'] | trim }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '" + IMAGE + "' }}{% else %}{{ part['text'] | trim }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{{ '" + END + "' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '" + ASSISTANT + "' }}{% endif %}"
)
VOCABULARY = 400
SIDE, PATCH = 96, 16
"""The model's own picture size; any picture is resized to it."""
WIDTH, INNER, LAYERS, HEADS = 128, 384, (3, 4), 4
"""Layers of the vision tower and of the language model."""
PICTURES = 32
WARM_UP = 100


def build_processor(rng: np.random.Generator) -> LlavaProcessor:
    """PIL and numpy alone for pictures; for text a byte-level BPE that gives back any UTF-8 text as it was."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    asked = [pair for _ in range(500) for pair in ask(view(draw_scene(rng, held_out=False), rng), rng)]
    tokenizer.train_from_iterator([text for pair in asked for text in pair], trainer)
    images = CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    text = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM, IMAGE],
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    # "default" drops the vision tower's class token, which `num_additional_image_tokens` counts.
    return LlavaProcessor(
        images,
        text,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT_TEMPLATE,
    )


def build_model(processor: LlavaProcessor, seed: int) -> LlavaForConditionalGeneration:
    """A LLaVA of about 1.5 million parameters with random weights that depend on the seed alone."""
    ids = {token: processor.tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS[0],
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS[1],
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=ids[PAD],
        bos_token_id=None,
        eos_token_id=ids[END],
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=ids[IMAGE],
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=(SIDE // PATCH) ** 2,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids[END]
    model.generation_config.pad_token_id = ids[PAD]
    # Room for the longest caption, so that `model.generate` stops at the eos and not at a limit.
    model.generation_config.max_new_tokens = 64
    return model


class Glance(torch.nn.Module):
    """What each cell holds, read off each patch of it: (pictures, patches, names) for shapes and for colours."""

    def __init__(self) -> None:
        super().__init__()
        self.shape = torch.nn.Linear(WIDTH, len(SHAPES) + 1)
        self.colour = torch.nn.Linear(WIDTH, len(COLOURS) + 1)

    def loss(self, seen: torch.Tensor, batch: Batch) -> torch.Tensor:
        """seen: (pictures, patches, width), row-major."""
        side = SIDE // PATCH
        row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        cell = (row * GRID // side * GRID + column * GRID // side).flatten()
        shape = torch.nn.functional.cross_entropy(
            self.shape(seen).flatten(0, 1), batch.shapes[:, cell].flatten(), ignore_index=IGNORED
        )
        colour = torch.nn.functional.cross_entropy(
            self.colour(seen).flatten(0, 1), batch.colours[:, cell].flatten(), ignore_index=IGNORED
        )
        return shape + colour


def seeing_loss(model: Any, glance: Any, batch: Any) -> torch.Tensor:
    seen = model.model.vision_tower(batch.pixels, output_hidden_states=True).hidden_states[-1]
    return glance.loss(seen[:, 1:], batch)


def answering_loss(model: Any, batch: Any) -> torch.Tensor:
    logits = model(
        input_ids=batch.ids, pixel_values=batch.pixels, attention_mask=batch.mask, position_ids=batch.positions
    ).logits
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=IGNORED
    )
