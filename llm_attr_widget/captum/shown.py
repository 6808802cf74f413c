"""Captum's inputs as the widget shows them: a prompt in pieces, or a picture with its segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from captum.attr import ImageMaskInput, TextTemplateInput, TextTokenInput

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import TemplateInput
from llm_attr_widget.picture import Picture
from llm_attr_widget.tokens import token_names, token_texts
from llm_attr_widget.types import Piece


def pieces_of(inp: Any, values: Sequence[str]) -> tuple[Piece, ...]:
    """The prompt's text in reading order. What cannot be found in it stands one after the other; a picture has none."""
    if isinstance(inp, ImageMaskInput):
        return ()
    if isinstance(inp, TextTokenInput):
        texts = token_texts(inp.tokenizer, inp.inp_tensor[0].tolist())
        stays = [False] * len(texts) if inp.itp_mask is None else (~inp.itp_mask[0]).tolist()
        numbers = iter(range(len(texts)))
        return tuple(Piece(text, None if stay else next(numbers)) for text, stay in zip(texts, stays, strict=True))
    if isinstance(inp, TextTemplateInput):
        slots = dict(zip(inp.dict_keys, inp.values, strict=True)) if inp.dict_keys else list(inp.values)
        try:
            # A tokenizer is what rendering would need; where the values stand is seen without one.
            found = TemplateInput(cast(Any, None), inp.template, slots).pieces
        except InputError:
            found = ()
        if {piece.feature for piece in found} >= set(range(len(inp.values))):
            return found
    return tuple(Piece(f"{value} ", number) for number, value in enumerate(values))


def picture_of(inp: Any) -> Picture | None:
    """An ImageMaskInput's image; pixels that the same masks cover are one region."""
    if not isinstance(inp, ImageMaskInput):
        return None
    masks = np.stack([np.asarray(mask.cpu(), dtype=bool) for mask in inp.get_mask_list()])
    pixels = np.array(inp.image.convert("RGB"))
    kinds, regions = np.unique(masks.reshape(len(masks), -1).T, axis=0, return_inverse=True)
    members = tuple(tuple(int(i) for i in np.flatnonzero(kind)) for kind in kinds)
    return Picture(pixels, regions.reshape(pixels.shape[:2]).astype(np.int32), members)


def baseline_of(inp: Any) -> str:
    """In words, what stands in for an absent feature."""
    if isinstance(inp, ImageMaskInput):
        return f"filled with the colour {tuple(inp.baseline)}"
    if isinstance(inp, TextTokenInput):
        return f"replaced by the token {token_names(inp.tokenizer, [inp.baselines])[0]!r}"
    if isinstance(inp, TextTemplateInput):
        if callable(inp.baselines):
            return "drawn"
        if any(inp.baselines):
            return f"replaced by {', '.join(map(repr, inp.baselines))}"
        return "removed"
    return "as its input has it"
