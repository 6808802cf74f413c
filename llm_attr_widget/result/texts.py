"""Texts of a result as every file and page can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llm_attr_widget.game.targets import Target
from llm_attr_widget.tokens import repaired
from llm_attr_widget.types import Piece


def shown_texts(
    features: Sequence[str], outputs: Sequence[str], pieces: Sequence[Piece], target: Target, against: Target | None
) -> dict[str, object]:
    """The fields of a result whose texts hold half a surrogate pair, which an input or a target of one's own may bring
    along, by name, with "�" in its place; empty where all texts are whole.
    """
    targets = (target,) if against is None else (target, against)
    texts = [*features, *outputs, *(piece.text for piece in pieces), *(text for each in targets for text in each.texts)]
    if not any("\ud800" <= character <= "\udfff" for character in set("".join(texts))):
        return {}
    return {
        "features": tuple(map(repaired, features)),
        "outputs": tuple(map(repaired, outputs)),
        "pieces": tuple(replace(piece, text=repaired(piece.text)) for piece in pieces),
        "target": _repaired(target),
        "against": None if against is None else _repaired(against),
    }


def _repaired(target: Target) -> Target:
    return replace(target, texts=tuple(map(repaired, target.texts)))
