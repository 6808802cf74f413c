"""What gradient methods need of any prompt: one length for all coalitions, and whose each of its tokens is."""

from __future__ import annotations

import numpy as np

from llm_attr_widget.inputs.changed.replaced import kept_in_place
from llm_attr_widget.types import Input, Tokenizer


def in_place(whole: Input, tokenizer: Tokenizer, rng: np.random.Generator) -> tuple[Input, tuple[int | None, ...]]:
    """An input whose prompts are all of one length, and the feature of each of its image's segments and its tokens.

    What the input's own `in_place` gives, where it has one; else the input itself where it keeps tokens in their places
    already, else one that puts a neutral token there. rng: for a random baseline, which is drawn once.
    Raises InputError where tokens do not spell the prompt.
    """
    own = getattr(whole, "in_place", None)
    return kept_in_place(whole, tokenizer) if own is None else own(tokenizer, rng)
