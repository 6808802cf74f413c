"""What an encoder-decoder's decoder reads before the first token of a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from llm_attr_widget.errors import InputError
from llm_attr_widget.models.base import flat
from llm_attr_widget.models.huggingface.anatomy import Anatomy


def beginning(anatomy: Anatomy, options: Mapping[str, Any]) -> tuple[int, ...]:
    """What `generate` begins with under these options: `decoder_input_ids`, or the start token and what is forced
    after it (`forced_bos_token_id`, a language's code), by the options or else by the model.

    Raises InputError for ids outside the vocabulary, and where nothing says what to begin with.
    """
    asked = flat(options)
    given = _ids("decoder_input_ids", asked.get("decoder_input_ids"))
    start = _ids("decoder_start_token_id", asked.get("decoder_start_token_id"))[:1]
    forced = _ids("forced_bos_token_id", asked.get("forced_bos_token_id"))
    usual = anatomy.decoder_start
    start = start or usual[:1]
    begun = given if given[:1] == start else (*start, *given)
    if not begun:
        raise InputError(
            f"{type(anatomy.core).__name__} does not say what its decoder begins with. Give decoder_start_token_id "
            "among the generation arguments, or set model.generation_config.decoder_start_token_id."
        )
    if len(begun) == 1:
        # A start of the caller's own changes nothing about what the model has forced after it.
        begun += forced or usual[1:]
    outside = [i for i in begun if anatomy.limits.vocabulary is not None and i >= anatomy.limits.vocabulary]
    if outside:
        raise InputError(
            f"The decoder was to begin with token id {outside[0]}, which is outside the model's vocabulary of "
            f"{anatomy.limits.vocabulary} tokens. Give an id of the tokenizer that belongs to the model."
        )
    return begun


def _ids(name: str, given: Any) -> tuple[int, ...]:
    """One row of ids, given as a number, a list, a tensor, or a batch of one."""
    if given is None:
        return ()
    try:
        rows = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"Expected {name} as token ids, got {given!r:.80}.") from error
    if rows.is_floating_point() or rows.ndim > 2 or (rows.ndim == 2 and len(rows) != 1) or bool((rows < 0).any()):
        raise InputError(
            f"Expected {name} as token ids of one text, got {given!r:.80}. Give a list of ids, or a tensor of one row."
        )
    return tuple(rows.reshape(-1).tolist())
