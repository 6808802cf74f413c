"""Units of a chart's text, reckoned once: the view puts together what a run at a coarser level has as one feature."""

from __future__ import annotations

from collections.abc import Sequence

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.text.cutting import LEVELS, Level, unit_of_each
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import GRANULARITIES, Piece
from llm_attr_widget.widget.protocol import Units


def feature_units(attribution: Attribution) -> tuple[Units, ...]:
    """At each level coarser than the features' own, from fine to coarse; at all levels where they have none (slots)."""
    own = attribution.provenance.granularity
    levels = LEVELS[::-1]
    coarser = levels[GRANULARITIES.index(own) :] if own in GRANULARITIES else levels
    return _units(attribution.pieces, len(attribution.features), coarser)


def output_units(attribution: Attribution) -> tuple[Units, ...]:
    """Sentences and paragraphs of the outputs; pairs of a contrast stand where the target's tokens do."""
    texts = attribution.target.texts
    if len(texts) != len(attribution.outputs):
        texts = attribution.outputs
    pieces = [Piece(text, output) for output, text in enumerate(texts)]
    return _units(pieces, len(pieces), ("sentence", "paragraph"))


def _units(pieces: Sequence[Piece], count: int, levels: Sequence[Level]) -> tuple[Units, ...]:
    """Of `count` features; one without a piece of text (a segment of an image) is a unit of its own, after the others.

    None for a text with half a surrogate pair, which has no words.
    """
    try:
        return tuple(Units(level, _numbered(unit_of_each(pieces, level), count)) for level in levels)
    except InputError:
        return ()


def _numbered(found: dict[int, int], count: int) -> tuple[int, ...]:
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys(found.values()))}
    alone = iter(range(len(numbers), len(numbers) + count))
    return tuple(numbers[found[feature]] if feature in found else next(alone) for feature in range(count))
