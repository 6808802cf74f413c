"""What an input may say and do beyond the five members that it must have, and what is done where it does not.

    units: str                       in words, what its features are
    tree() -> Tree                   its features in nested groups
    holding(features) -> Input       itself with these features always present
    reworded(words) -> Input         itself with other words in the place of some features' texts
    fields: tuple[Field, ...]        its text in fields that are edited each on its own, and
    rewritten(texts) -> Input        itself with these texts in them, one for each
    picture: Picture                 its image, and where features lie in it
    seen(present, rng) -> pixels     its image with what absent segments show, of one row of a coalition
    in_place(tokenizer, rng)         its prompts made of one length, for gradients: (Input, owners)
    image_differences()              what its image changes in pixel values, for gradients (`types.PixelInput`)
    divisible: tuple[int, ...]       features that can be split into finer ones, and
    split(features) -> Input         itself with these split
    doubts: tuple[str, ...]          in words, what is odd about it, told with every result
    plain: bool                      whether its text alone gives it back, cut in another way

An input of your own that has none of them works everywhere but where nothing can be done without (`reworded`,
`rewritten`, `split`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.text.cutting import Tree, tree
from llm_attr_widget.picture import Picture
from llm_attr_widget.types import Input

UNNAMED = "feature"
"""What one feature is called where the input does not say."""


def units_of(prompt: Input) -> str:
    """In words, what the features are; UNNAMED where the input does not say."""
    return getattr(prompt, "units", UNNAMED)


def picture_of(prompt: Input) -> Picture | None:
    """The input's image, where it has one."""
    return getattr(prompt, "picture", None)


def seen_of(prompt: Input, present: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8] | None:
    """The input's image where these features are present, `(height, width, 3)`; None where it shows none."""
    seen = getattr(prompt, "seen", None)
    return None if seen is None else seen(present, rng)


def doubts_of(prompt: Input) -> tuple[str, ...]:
    """What is odd about the input, or about the one that it was made from."""
    return getattr(prompt, "doubts", getattr(getattr(prompt, "whole", None), "doubts", ()))


def is_plain(prompt: Input) -> bool:
    """Whether the input's text alone gives it back."""
    return bool(getattr(prompt, "plain", False))


def tree_of(prompt: Input) -> Tree:
    """Features in nested groups: the input's own, else by the paragraphs, sentences and phrases of its pieces."""
    own = getattr(prompt, "tree", None)
    return tree(prompt.pieces) if own is None else own()


def divisible(prompt: Any) -> tuple[int, ...]:
    """Features that can be split. Raises InputError for an input that cannot be made finer."""
    found = getattr(prompt, "divisible", None)
    if found is None or not hasattr(prompt, "split"):
        raise InputError(
            f"Expected a prompt whose features can be split into finer ones, such as an ImageInput with a grid; got "
            f"{type(prompt).__name__}, which has no `divisible` and `split`."
        )
    return found
