"""What an input passes on of the one that it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from llm_attr_widget.inputs.changed.rewritten import fields_of, rewritten
from llm_attr_widget.inputs.fields import Field
from llm_attr_widget.inputs.members import units_of
from llm_attr_widget.types import Input, Piece

Changed = TypeVar("Changed", bound="OfWhole")


@dataclass(frozen=True, slots=True)
class OfWhole:
    """An input with the features and the text of another one, `whole`; how it renders them is its own."""

    whole: Input

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Those of the whole input."""
        return self.whole.pieces

    @property
    def features(self) -> tuple[str, ...]:
        """Those of the whole input."""
        return self.whole.features

    @property
    def units(self) -> str:
        """In words, what the features are."""
        return units_of(self.whole)

    @property
    def random(self) -> bool:
        return False

    @property
    def fields(self) -> tuple[Field, ...]:
        """Those of the whole input."""
        return fields_of(self.whole)

    def rewritten(self: Changed, texts: Sequence[str]) -> Changed:
        """The whole input rewritten, with tokens in their places."""
        whole: Any = rewritten(self.whole, texts)
        return replace(self, whole=whole)
