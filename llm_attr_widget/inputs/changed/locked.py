"""Parts of a prompt made always present by where they stand in its text, whatever kind of prompt it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked, features_at
from llm_attr_widget.inputs.changed.kept import kept_features
from llm_attr_widget.inputs.changed.reworded import reworded
from llm_attr_widget.inputs.changed.rewritten import fields_of, rewritten
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.members import picture_of, seen_of, units_of
from llm_attr_widget.picture import Picture
from llm_attr_widget.types import Coalitions, Input, Piece, Prompt


def locked_in(prompt: Input, stretches: Sequence[str]) -> Input:
    """The same prompt with parts of its text locked, beside those that were.

    stretches: the text of its pieces, cut where locked parts begin and end; every second one (the first is not) is
    locked. So it does not matter how characters are counted. A feature with a locked letter is locked whole, together
    with all features of its slot in a template.
    Raises InputError for stretches of another text, and where no feature would be left.
    """
    if not any(stretches[1::2]):
        return prompt
    text = "".join(piece.text for piece in prompt.pieces)
    if "".join(stretches) != text:
        raise InputError(
            f"Expected locked stretches of the prompt {text[:60]!r}, got those of {''.join(stretches)[:60]!r}. "
            "Lock parts of this prompt, or none: locked_stretches = []."
        )
    return holding(prompt, touched(prompt.pieces, stretches))


def locked_segments(prompt: Input, names: Collection[str] | None) -> Input:
    """The same prompt with these segments of its image locked, beside what was; None: no more than were.

    Raises InputError for names that are no segments of its image, and where no feature would be left.
    """
    if not names:
        return prompt
    shown = picture_of(prompt)
    segments = {prompt.features[i]: i for i in shown.features} if shown is not None else {}
    unknown = [name for name in names if name not in segments]
    if unknown:
        known = ", ".join(map(repr, segments)) or "none: the prompt has no image cut into segments"
        raise InputError(f"Expected segments of the prompt's image ({known}), got {unknown[0]!r}.")
    return holding(prompt, {segments[name] for name in names})


def holding(prompt: Input, features: Collection[int]) -> Input:
    """The same prompt with these features always present, and so no features any more.

    What the input's own `holding` gives, where it has one, else a HeldInput of it. Raises InputError where no feature
    would be left.
    """
    if not features:
        return prompt
    own = getattr(prompt, "holding", None)
    return HeldInput(prompt, frozenset(features)) if own is None else own(features)


def touched(pieces: Sequence[Piece], stretches: Sequence[str]) -> frozenset[int]:
    """Features with a letter in every second of the stretches, from the second on."""
    return features_at(pieces, [at % 2 == 1 for at, stretch in enumerate(stretches) for _ in stretch])


@dataclass(frozen=True, slots=True)
class HeldInput:
    """Another input, some of whose features are always present. The others are numbered anew, in their order."""

    whole: Input
    held: frozenset[int]
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)
    _left: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.held >= set(range(len(self.whole.features))):
            raise InputError(
                f"Expected a prompt with at least one feature, got {len(self.held)}, all of them locked. Lock fewer."
            )
        left = tuple(i for i in range(len(self.whole.features)) if i not in self.held)
        number: dict[int | None, int] = {feature: at for at, feature in enumerate(left)}
        pieces = tuple(replace(piece, feature=number.get(piece.feature)) for piece in self.whole.pieces)
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "features", tuple(self.whole.features[i] for i in left))
        object.__setattr__(self, "_left", left)

    @property
    def baseline(self) -> str:
        return self.whole.baseline

    @property
    def random(self) -> bool:
        return self.whole.random

    @property
    def units(self) -> str:
        """In words, what the features are."""
        return units_of(self.whole)

    @property
    def picture(self) -> Picture | None:
        """The whole input's image; segments that are held belong to no feature."""
        shown = picture_of(self.whole)
        if shown is None:
            return None
        number = {feature: at for at, feature in enumerate(self._left)}
        members = tuple(tuple(number[i] for i in covering if i in number) for covering in shown.members)
        return Picture(shown.pixels, shown.regions, members)

    def seen(self, present: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.uint8] | None:
        """The whole input's image, with what absent segments show."""
        (whole,) = self._whole(present[None])
        return seen_of(self.whole, whole, rng)

    def reworded(self, words: Mapping[int, str]) -> Input:
        """The whole input reworded, with the same features held."""
        return HeldInput(reworded(self.whole, {self._left[i]: text for i, text in words.items()}), self.held)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Those of the whole input."""
        return fields_of(self.whole)

    def rewritten(self, texts: Sequence[str]) -> Input:
        """The whole input rewritten, with the same words held where they still stand."""
        made: Any = rewritten(self.whole, texts)
        return holding(made, kept_features(self.whole.pieces, self.held, made.pieces))

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """As the whole input, what is held present in each."""
        return self.whole.render(self._whole(checked(coalitions, len(self.features))), rng)

    def _whole(self, rows: Coalitions) -> Coalitions:
        whole = np.ones((len(rows), len(self.whole.features)), dtype=bool)
        whole[:, list(self._left)] = rows
        return whole
