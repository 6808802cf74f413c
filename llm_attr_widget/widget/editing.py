"""What follows from an edited prompt: the texts of its fields, what is locked in it, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from llm_attr_widget.widget.choices import CHOICES
from llm_attr_widget.widget.displayed import Displayed
from llm_attr_widget.widget.given import Given
from llm_attr_widget.widget.protocol import Beside, Settings
from llm_attr_widget.widget.table import fields_of
from llm_attr_widget.widget.wire import decode, encode


class Edited(Displayed):
    """Traits of a prompt that goes on as the kind that was given, whichever of `prompt` and `texts` is set.

    _given: what the prompt is edited from. _earlier: what those of other runs were.
    Setting `prompt` raises InputError for a text that the prompt cannot be edited into; nothing is changed then.
    """

    _given: Given
    _earlier: list[Given]

    @property
    def locked(self) -> list[str]:
        """The parts of the prompt that are locked, always present from the next run on, in their order; then segments
        of its image, by their names.

        A part may stand in the prompt more than once: to lock one, set `locked_stretches`, whose second, fourth, …
        texts these are.
        """
        return [*self.locked_stretches[1::2], *(self.locked_segments or [])]

    @traitlets.validate("prompt")
    def _rewritable(self, proposal: Mapping[str, Any]) -> str:
        self._take_up(proposal["value"])
        self._given.texts(proposal["value"], self.texts)
        return proposal["value"]

    def _take_up(self, prompt: str) -> None:
        """Go on with what an earlier run was made from, where this is its text: someone went back to that run."""
        if prompt != self._given.prompt_text:
            known = next((given for given in reversed(self._earlier) if given.prompt_text == prompt), None)
            if known is not None:
                self._go_on_with(known)

    def _go_on_with(self, given: Given) -> None:
        if self._given.prompt_text:  # else there is nothing to go back to
            self._earlier.append(self._given)
        self._given = given
        beside = encode(Beside(given.choices(CHOICES, self.granularity), fields=given.field_texts()))
        self.fields, self.choices = beside["fields"], beside["choices"]

    @traitlets.observe("prompt")
    def _follow(self, _change: Mapping[str, Any]) -> None:
        settings = self._given.edited(self._settings())
        self.texts = settings.texts
        # What was locked in another text is nowhere in this one.
        if settings.locked_stretches and not self._given.has_pieces("".join(settings.locked_stretches), settings):
            self.locked_stretches = []

    @traitlets.observe("texts")
    def _join(self, change: Mapping[str, Any]) -> None:
        if change["new"] is not None:
            self.prompt = "".join(change["new"])

    def _settings(self) -> Settings:
        return decode(Settings, {field.name: getattr(self, field.name) for field in fields_of(Settings)})
