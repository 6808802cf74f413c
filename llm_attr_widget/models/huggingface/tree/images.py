"""Prompts with images in the tree: an image is read by the vision tower once, what stands before it once for all.

In the tree an image's tokens get numbers of their own, one for each token of each distinct image, so that prompts
share what they have in common: the text before the image, and the image itself where texts after it differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch

from llm_attr_widget.errors import InputError, ScoreError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.extras import fill_of, stackable, stacked
from llm_attr_widget.models.huggingface.forward import started
from llm_attr_widget.models.huggingface.paths import Job
from llm_attr_widget.models.huggingface.tree.packed import Reading, packable, read_tree
from llm_attr_widget.models.huggingface.tree.trie import Indices, Trie, grow
from llm_attr_widget.types import Prompt, Scored

_KNOWN = (
    frozenset({"pixel_values", "pixel_attention_mask"}),
    frozenset({"pixel_values", "image_grid_thw", "mm_token_type_ids"}),
)
"""Extras of models whose text part is causal over image tokens. Others (Gemma 3) look ahead inside an image."""


class PackedImages:
    """The tree of all prompts, images in it. For the models that `packable_images` names."""

    name = "packed tree, each image read once"

    def score(self, job: Job) -> Iterator[Scored]:
        anatomy = job.anatomy
        with left_as_found(anatomy.model):
            read = _read_images(job)
        base = anatomy.limits.vocabulary or 1 << 40
        rows = [_numbered(prompt, anatomy, read, base) for prompt in job.prompts]
        trie = grow(rows, job.target)
        token = _image_token(anatomy) or 0

        def given(tokens: Indices) -> dict[str, Any]:
            numbers = torch.from_numpy(tokens[tokens >= base] - base).to(read.states.device)
            ids = torch.from_numpy(np.where(tokens < base, tokens, token)).to(anatomy.device)[None]
            return _given(anatomy, ids, torch.from_numpy(tokens >= base), read.states[numbers])

        yield from read_tree(job, Reading(trie, _places(job, trie), given))


def _given(anatomy: Anatomy, ids: torch.Tensor, of_images: torch.Tensor, states: torch.Tensor) -> dict[str, Any]:
    """Arguments of the forward that reads a row: ids, `(1, tokens)`, with `states` where `of_images`.

    Where later layers take features of an image, too (Qwen3-VL), the model itself puts them where they belong.
    """
    embedding = cast(Any, anatomy.core).get_input_embeddings()
    embedded = embedding(ids)
    first, *deeper = states.split(embedded.shape[-1], dim=1)
    if deeper and len(states):
        image = SimpleNamespace(pooler_output=[first], deepstack_features=[[layer] for layer in deeper])
        return {"input_ids": ids, "mm_encoder_outputs": {"image": image}}
    embedded[:, of_images.to(embedded.device)] = first.to(embedded)
    return {"inputs_embeds": embedded}


def packable_images(anatomy: Anatomy, extras: frozenset[str]) -> bool:
    """Whether prompts with these extras can be one tree for this model."""
    return (
        packable(anatomy)
        and anatomy.accepts >= {"inputs_embeds", "logits_to_keep"}
        and hasattr(anatomy.core, "get_image_features")
        and any(extras <= known for known in _KNOWN)
        and _image_token(anatomy) is not None
    )


@dataclass(frozen=True)
class Read:
    """states: `(image tokens of all distinct images, width)`, those for later layers beside those for the first.

    spans: where each image's are, by `_image_key`.
    """

    states: torch.Tensor
    spans: Mapping[object, range]


def _image_token(anatomy: Anatomy) -> int | None:
    config = getattr(anatomy.core, "config", None)
    for name in ("image_token_id", "image_token_index"):
        token = getattr(config, name, None)
        if isinstance(token, int):
            return token
    return None


def _image_key(prompt: Prompt) -> object:
    return id(prompt.extras) if prompt.extras_key is None else prompt.extras_key


def _image_extras(prompt: Prompt, anatomy: Anatomy) -> dict[str, Any]:
    return {name: value for name, value in (prompt.extras or {}).items() if fill_of(name, anatomy) is None}


def _read_images(job: Job) -> Read:
    """Each distinct image through the vision tower, as many at a time as the budget has tokens for."""
    anatomy = job.anatomy
    distinct = {_image_key(prompt): prompt for prompt in job.prompts if prompt.extras}
    groups: dict[object, list[object]] = {}
    for key, prompt in distinct.items():
        groups.setdefault(stackable(prompt, anatomy), []).append(key)
    states: list[torch.Tensor] = []
    spans: dict[object, range] = {}
    position = 0
    for group in groups.values():
        tokens = list(distinct[group[0]].ids).count(_image_token(anatomy) or 0)
        step = max(1, job.budget.tokens // max(1, tokens))
        for start in range(0, len(group), step):
            keys = group[start : start + step]
            for key, seen in zip(keys, _features(anatomy, [distinct[key] for key in keys]), strict=True):
                states.append(seen)
                spans[key] = range(position, position + len(seen))
                position += len(seen)
    width = states[0].shape[-1] if states else 1
    return Read(torch.cat(states) if states else torch.empty(0, width, device=anatomy.device), spans)


def _features(anatomy: Anatomy, prompts: Sequence[Prompt]) -> list[torch.Tensor]:
    """What the language model reads of each prompt's image, `(image tokens, width)`; see `Read`."""
    given = stacked([_image_extras(prompt, anatomy) for prompt in prompts], anatomy, 0)
    returned = cast(Any, anatomy.core).get_image_features(**given)
    found = getattr(returned, "pooler_output", returned)
    parts = [part.reshape(-1, part.shape[-1]) for part in found]
    if not parts or len(parts) % len(prompts):
        raise ScoreError(f"Expected features of {len(prompts)} images from the model, got {len(parts)} parts.")
    for layer in getattr(returned, "deepstack_features", None) or ():
        deeper = [part.reshape(-1, part.shape[-1]) for part in layer]
        parts = [torch.cat([part, more.to(part)], dim=1) for part, more in zip(parts, deeper, strict=True)]
    each = len(parts) // len(prompts)
    return [torch.cat(parts[i * each : (i + 1) * each]) for i in range(len(prompts))]


def _numbered(prompt: Prompt, anatomy: Anatomy, read: Read, base: int) -> list[int]:
    """The prompt's ids, its image tokens replaced by the numbers of its image's."""
    ids = list(started(prompt, anatomy))
    if not prompt.extras:
        return ids
    token, numbers = _image_token(anatomy), read.spans[_image_key(prompt)]
    places = [at for at, found in enumerate(ids) if found == token]
    if len(places) != len(numbers):
        raise InputError(
            f"The prompt has {len(places)} image tokens, but the model makes {len(numbers)} of its image. Use the "
            "processor that belongs to the model, with its own settings."
        )
    for at, number in zip(places, numbers, strict=True):
        ids[at] = base + number
    return ids


def _places(job: Job, trie: Trie) -> Indices:
    """Positions of the tree's nodes: their depths, or what the model itself counts where it counts in 3D."""
    inner = getattr(job.anatomy.core, "model", None)
    if not any("mm_token_type_ids" in (prompt.extras or {}) for prompt in job.prompts):
        return trie.depths[None]
    places = np.repeat(trie.depths[None], 3, axis=0)
    last = len(job.target) - 1
    for index, prompt in enumerate(job.prompts):
        nodes = np.flatnonzero(trie.prompts == index)
        if not prompt.extras or not len(nodes):
            continue
        kinds = np.pad(np.asarray(prompt.extras["mm_token_type_ids"]), ((0, 0), (0, last)))
        ids = torch.tensor([[*prompt.ids, *job.target[:last]]])
        found, _ = cast(Any, inner).get_rope_index(
            ids,
            mm_token_type_ids=torch.from_numpy(kinds),
            image_grid_thw=torch.as_tensor(prompt.extras["image_grid_thw"]),
        )
        places[:, nodes] = found[:, 0].cpu().numpy()[:, trie.depths[nodes]]
    return places
