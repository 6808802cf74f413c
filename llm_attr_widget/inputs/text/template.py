"""A text with slots: the values put into them are the features, other values stand in for those that are absent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.base import checked, freed, new_words
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.text.places import places
from llm_attr_widget.tokens import encode
from llm_attr_widget.types import Coalitions, Piece, Prompt, Tokenizer

Slots: TypeAlias = "Sequence[str] | Mapping[str, str]"
"""A text for each slot, by position or by name."""


_OWN = "The template's own text."
_NOT_SHOWN = "The template does not show this value as it is: edit it in Python."


@runtime_checkable
class Draw(Protocol):
    """Baselines that are drawn: one text per slot."""

    def __call__(self, rng: np.random.Generator, /) -> Slots: ...


@dataclass(frozen=True)
class ProductBaselines:
    """Each slot's baseline is drawn from its own list, all of them independently and uniformly."""

    options: Sequence[Sequence[str]] | Mapping[str, Sequence[str]]

    def __call__(self, rng: np.random.Generator, /) -> Slots:
        if isinstance(self.options, Mapping):
            return {name: _pick(rng, options) for name, options in self.options.items()}
        return [_pick(rng, options) for options in self.options]


@dataclass(frozen=True)
class SampledBaselines:
    """The baselines of all slots are drawn together: one row out of a list."""

    rows: Sequence[Slots]

    def __call__(self, rng: np.random.Generator, /) -> Slots:
        if not self.rows:
            raise InputError("Expected at least one row of baselines to draw from, got none.")
        return self.rows[int(rng.integers(len(self.rows)))]


@dataclass(frozen=True, slots=True)
class TemplateInput:
    """Features are the values of a template's slots.

    template: a format string ("{} lives in {}", "{name} lives in {city}"), or a function that takes the values as
        arguments, by position or by name, and returns the text.
    values: the slots' texts, a list or a dict. baselines: what stands in for absent values, the same shape; None for
        nothing at all; or a function of a random generator that returns them (ProductBaselines, SampledBaselines).
    groups: a number per slot, in the values' shape; slots with the same number are one feature. None: each its own.
    locked: positions or names of slots that always have their value.

    Drawn baselines are drawn once per call of `render` and shared by all its coalitions.
    Raises InputError when template, values, baselines and groups do not fit together.
    Cost of `render`: one filled template per coalition, one encoding per distinct text.
    """

    tokenizer: Tokenizer = field(repr=False)
    template: str | Callable[..., str]
    values: Slots
    _: KW_ONLY
    baselines: Slots | Draw | None = None
    groups: Sequence[int] | Mapping[str, int] | None = None
    locked: Collection[int | str] = ()
    pieces: tuple[Piece, ...] = field(init=False, repr=False)
    features: tuple[str, ...] = field(init=False, repr=False)
    _owners: tuple[int | None, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        texts = _texts(self.values, self._names, "values")
        owners = self._numbered()
        if not isinstance(self.baselines, Draw):
            self._absent(np.random.default_rng(0))
        features = [
            " … ".join(text for text, owner in zip(texts, owners, strict=True) if owner == feature)
            for feature in range(1 + max((owner for owner in owners if owner is not None), default=-1))
        ]
        if not features:
            raise InputError(
                "Expected at least one slot that may be absent, got none. Give values, and lock fewer of them."
            )
        object.__setattr__(self, "_owners", owners)
        object.__setattr__(self, "features", tuple(features))
        object.__setattr__(self, "pieces", self._shown(texts, owners))

    @property
    def baseline(self) -> str:
        if self.baselines is None:
            return "removed"
        if isinstance(self.baselines, ProductBaselines | SampledBaselines):
            return f"drawn by {self.baselines!r}"
        if isinstance(self.baselines, Draw):
            return f"drawn by {getattr(self.baselines, '__qualname__', type(self.baselines).__name__)}"
        return f"replaced by {', '.join(map(repr, _texts(self.baselines, self._names, 'baselines')))}"

    @property
    def units(self) -> str:
        """In words, what the features are."""
        return "slot"

    @property
    def random(self) -> bool:
        return isinstance(self.baselines, Draw)

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        """Token ids, special tokens included, of each coalition's text."""
        return [Prompt(ids) for ids in encode(self.tokenizer, self.texts(coalitions, rng))]

    def holding(self, features: Collection[int]) -> TemplateInput:
        """The same template with the slots of these features locked, too."""
        free, held = freed(self, features)
        return replace(free, locked=free.slots_of(held))

    @property
    def fields(self) -> tuple[Field, ...]:
        """The values of the slots, in the order that the template shows them, and its own text, which is fixed."""
        whole, found = places(self._filled, _texts(self.values, self._names, "values"))
        made: list[Field] = []
        shown: dict[int, int] = {}
        position = 0
        for place in found:
            if position < place.start:
                made.append(Field(whole[position : place.start], fixed=_OWN))
            text, label = whole[place.start : place.end], self._label(place.slot)
            made.append(Field(text, label, repeats=shown.get(place.slot)))
            shown.setdefault(place.slot, len(made) - 1)
            position = place.end
        if position < len(whole):
            made.append(Field(whole[position:], fixed=_OWN))
        hidden = [slot for slot in range(len(self._names)) if slot not in shown]
        return (*made, *(Field("", self._label(slot), _NOT_SHOWN) for slot in hidden))

    def rewritten(self, texts: Sequence[str]) -> TemplateInput:
        """The same template with these texts in its fields as the slots' values."""
        values = dict(zip(self._names, _texts(self.values, self._names, "values"), strict=True))
        labels = {self._label(at): name for at, name in enumerate(self._names)}
        for slot, text in zip(self.fields, texts, strict=True):
            if not slot.fixed:
                values[labels[slot.label]] = text
        given: Any = values if isinstance(self.values, Mapping) else list(values.values())
        return replace(self, values=given)

    def _label(self, slot: int) -> str:
        name = self._names[slot]
        return name if isinstance(name, str) else f"slot {name + 1}"

    def reworded(self, words: Mapping[int, str]) -> TemplateInput:
        """The same template with other values in the slots of these features.

        Raises InputError for a feature of several slots.
        """
        values = dict(zip(self._names, _texts(self.values, self._names, "values"), strict=True))
        for feature, text in words.items():
            slots = self.slots_of([feature])
            if len(slots) != 1:
                raise InputError(
                    f"Expected a feature of one slot to reword, but feature {feature} has the slots {slots!r}. "
                    "Give new values to the template instead."
                )
            values[slots[0]] = new_words(values[slots[0]], feature, words={feature: text})
        given: Any = values if isinstance(self.values, Mapping) else list(values.values())
        return replace(self, values=given)

    def slots_of(self, features: Collection[int]) -> tuple[str | int, ...]:
        """Names (or positions) of the slots that make up these features."""
        return tuple(name for name, owner in zip(self._names, self._owners, strict=True) if owner in features)

    def texts(self, coalitions: Coalitions, rng: np.random.Generator) -> list[str]:
        """Each coalition's text, as it is encoded."""
        rows = checked(coalitions, len(self.features)).tolist()
        both = list(zip(_texts(self.values, self._names, "values"), self._absent(rng), self._owners, strict=True))
        return [self._filled([v if o is None or row[o] else b for v, b, o in both]) for row in rows]

    @property
    def _names(self) -> tuple[str | int, ...]:
        return tuple(self.values) if isinstance(self.values, Mapping) else tuple(range(len(self.values)))

    def _absent(self, rng: np.random.Generator) -> tuple[str, ...]:
        if self.baselines is None:
            return ("",) * len(self._names)
        drawn = self.baselines(rng) if isinstance(self.baselines, Draw) else self.baselines
        return _texts(drawn, self._names, "baselines")

    def _filled(self, texts: Sequence[str]) -> str:
        template = self.template.format if isinstance(self.template, str) else self.template
        try:
            if isinstance(self.values, Mapping):
                text = template(**dict(zip(self.values, texts, strict=True)))
            else:
                text = template(*texts)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The template cannot be filled with {self._names!r}: {type(error).__name__} {error}. Give a value for "
                "each slot: a list for {} or {0}, a dict for {name}; write {{ and }} for braces that are no slot."
            ) from error
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # a caller's function
            raise InputError(f"Expected the template to return text, got {type(text).__name__}.")
        return text

    def _shown(self, texts: Sequence[str], owners: Sequence[int | None]) -> tuple[Piece, ...]:
        whole, found = places(self._filled, texts)
        unused = set(range(len(texts))) - {place.slot for place in found}
        if unused and isinstance(self.template, str):
            raise InputError(
                f"Expected a template with a slot for each value, but it does not show {self._names[min(unused)]!r} as "
                f"it is. Leave out that value, or write a slot for it without a conversion: {self.template!r:.200}"
            )
        pieces: list[Piece] = []
        position = 0
        for place in found:
            pieces += [Piece(whole[position : place.start]), Piece(whole[place.start : place.end], owners[place.slot])]
            position = place.end
        pieces.append(Piece(whole[position:]))
        return tuple(piece for piece in pieces if piece.text)

    def _numbered(self) -> tuple[int | None, ...]:
        """Each slot's feature, numbered in the order of the slots."""
        names = self._names
        unknown = [name for name in self.locked if name not in names]
        if unknown:
            raise InputError(f"Expected locked slots out of {names!r}, got {unknown[0]!r}.")
        groups = names if self.groups is None else _by_name(self.groups, names, "groups")
        numbers: dict[object, int] = {}
        return tuple(
            None if name in self.locked else numbers.setdefault(group, len(numbers))
            for name, group in zip(names, groups, strict=True)
        )


def _texts(slots: Slots, names: Sequence[str | int], what: str) -> tuple[str, ...]:
    texts = _by_name(slots, names, what)
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str):
            raise InputError(f"Expected {what} as texts, got {type(text).__name__} for slot {name!r}.")
    return cast("tuple[str, ...]", texts)


def _by_name(
    given: Sequence[object] | Mapping[str, object], names: Sequence[str | int], what: str
) -> tuple[object, ...]:
    """What is given for each slot, in the order of the slots."""
    if isinstance(given, str):
        raise InputError(f"Expected {what} as a list or a dict with one entry per slot, got the text {given!r:.60}.")
    keys = set(given) if isinstance(given, Mapping) else set(range(len(given)))
    if keys != set(names):
        raise InputError(
            f"Expected {what} for the slots {tuple(names)!r}, got them for {tuple(keys)!r}. "
            "Give values, baselines and groups in one shape: all lists of one length, or all dicts of the same keys."
        )
    return tuple(given[name] for name in names)  # type: ignore[index]  # names are the keys, just compared


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    if not options:
        raise InputError("Expected at least one baseline to draw from for each slot, got an empty list.")
    return options[int(rng.integers(len(options)))]
