"""Every family that reads an image before its text, scored with one: against teacher forcing by hand and `generate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.probe import probe
from llm_attr_widget.types import Prompt
from tests.models.asked import Tokenizer, ask
from tests.models.huggingface.every_family import MAPPINGS, TARGET, Found, apart, said, written
from tests.models.huggingface.pictures import LAYOUT_OF, picture
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.small import TOKENS, build_small
from tests.models.huggingface.vision_families import FAMILIES, IMAGE_PREFIX, TEXTS

BY_HAND = {
    "blip-2": "blip-2, opt",
    "instructblip": "instructblip, opt",
    "kosmos-2": "kosmos-2",
    "mllama": "mllama",
    "paligemma": "paligemma",
}
"""Families that need a config of their own, by the name that `FAMILIES` has for them."""
LATER = {"attention_mask": 1, "token_type_ids": 0, "mm_token_type_ids": 0, "image_embeds_position_mask": 0}
PREFIXED = {**LATER, "token_type_ids": 1}
"""What a token of the target has in an extra with an entry for each token; others repeat the last one."""
WITHOUT_TEXT = {
    "blip": "the target is read beside the image by name, not after a prompt of text",
    "diffusion_gemma": "writes all tokens of a block at once: no token has a probability after those before it",
    "evolla": "reads proteins, not images",
    "mistral4": "reads text alone",
    "pi0": "says what a robot does, not a text",
    "pix2struct": "its prompt is drawn into the image",
    "pp_formulanet": "reads an image and no text before what it writes",
    "udop": "reads a box for every word besides",
    "vision-encoder-decoder": "reads an image and no text before what it writes",
}
"""Families with nothing to be scored after an image and a text."""


def families() -> Iterator[tuple[str, str, str]]:
    """(model type, "with an image", class), each class once."""
    seen: set[str] = set()
    for family, names in MAPPINGS["image and text"].items():
        name = names if isinstance(names, str) else names[0]
        if name not in seen:
            seen.add(name)
            yield family, "with an image", name


def _made(family: str, model_class: str) -> tuple[Any, list[Prompt]]:
    """A small model, and prompts with two images and two texts."""
    asked = [(seed, text) for seed in (0, 1) for text in TEXTS[:2]]
    if family in BY_HAND:
        build, prompt = FAMILIES[BY_HAND[family]]
        return build(), [prompt(seed, text) for seed, text in asked]
    model = build_small(family, model_class)
    return model, [picture(model, family, seed, text) for seed, text in asked]


def _read(prompt: Prompt) -> dict[str, Any]:
    """What its processor gives with an image: Qwen-Omni places the image's tokens only where it gets a mask."""
    return {**(prompt.extras or {}), "attention_mask": torch.ones(1, len(prompt.ids), dtype=torch.long)}


def examine_with_image(family: str, kind: str, model_class: str) -> Found:
    """Build it, score it both ways, and compare. Whatever its own code raises is a reason."""
    found = {"family": family, "kind": kind, "model_class": model_class}
    if family not in {**BY_HAND, **LAYOUT_OF}:
        return Found(**found, refused=WITHOUT_TEXT.get(family, "its images are laid out in a way of their own"))
    try:
        model, prompts = _made(family, model_class)
        later = PREFIXED if family == IMAGE_PREFIX else LATER
        start = TOKENS["decoder_start_token_id"] if model.config.is_encoder_decoder else None
        truth = np.array(
            [by_hand(model, p.ids, TARGET, extras=_read(p), decoder_start=start, later=later) for p in prompts]
        )
    except Exception as error:  # noqa: BLE001 (anything that a family's code raises)
        return Found(**found, refused=f"not built small: {said(error)}")
    count = len(prompts) // 2
    if np.abs(truth[:count] - truth[count:]).max() < 1e-3:
        return Found(**found, refused="not built small: its image says nothing")
    paths, errors = list[str](), list[float]()
    try:
        for scoring in ("one_pass", "stepwise"):
            scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), prompts, TARGET)
            path, _ = probe(look_at(model, Tokenizer()), [prompts[1], prompts[0]], TARGET, scoring)
            paths.append(path.name)
            errors.append(float(np.abs(scores - truth).max()))
    except AttributionError as error:
        return Found(**found, refused=str(error))
    except Exception as error:  # noqa: BLE001
        return Found(**found, refused=f"raises {said(error)}")
    try:
        differences = np.array([written(model, p.ids, p.extras) for p in prompts]) - truth
        told: float | str = float(np.abs(differences).max())
    except Exception as error:  # noqa: BLE001
        told = said(error)
    return Found(**found, path=paths[0], stepwise=paths[1], error=max(errors), written=told)


def examine_all_with_images(names: tuple[str, ...] = ()) -> Iterator[Found]:
    """All families, or those of these names, each in a process of its own."""
    for family, kind, model_class in families():
        if not names or family in names:
            yield apart(examine_with_image, family, kind, model_class)
