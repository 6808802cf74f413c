"""The widget's synced traits: one for each field of the records in protocol.TRAITS."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import anywidget
import numpy as np
import traitlets

from llm_attr_widget.errors import AttributionError, ProtocolError
from llm_attr_widget.game.atomic import given_or_written
from llm_attr_widget.widget.colab import in_colab, light, parcels
from llm_attr_widget.widget.page import page
from llm_attr_widget.widget.protocol import TRAITS
from llm_attr_widget.widget.table import Field, fields_of
from llm_attr_widget.widget.wire import decode_value, encode_value

STATIC = Path(__file__).parent / "static"


class Synced(traitlets.TraitType[Any, Any]):
    """A trait that holds what a field of the protocol can have, as JSON has it: lists for tuples, dicts for records.

    To set it raises what the field's checks raise, the sentence that `attribute` gives; TraitError for another type.
    """

    def __init__(self, field: Field) -> None:
        super().__init__(default_value=encode_value(field.default))
        self._field = field
        self.tag(sync=True)

    def default(self, obj: Any = None) -> Any:
        """A copy for each widget: lists can be changed."""
        return copy.deepcopy(super().default(obj))

    def validate(self, obj: Any, value: Any) -> Any:
        """The value as it is kept. Raises as the class says."""
        del obj
        value = int(value) if isinstance(value, np.integer) else value
        for check in self._field.checks:
            check(value)
        try:
            decode_value(self._field.hint, value, str(self.name))
        except ProtocolError as error:
            raise traitlets.TraitError(str(error)) from error
        return encode_value(value)


def synced(*records: type[Any]) -> dict[str, Synced]:
    """A trait for each field of the records, by name."""
    return {field.name: Synced(field) for record in records for field in fields_of(record)}


class Traits(anywidget.AnyWidget):
    """What a saved notebook keeps of a widget."""

    # As text, not as paths: anywidget would watch the files, and whoever watches holds every widget for good.
    _esm = traitlets.Unicode((STATIC / "widget.js").read_text(encoding="utf-8")).tag(sync=True)
    _css = traitlets.Unicode((STATIC / "widget.css").read_text(encoding="utf-8")).tag(sync=True)
    locals().update(synced(*TRAITS))  # the class's namespace, which traitlets reads

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """What the page is told of these traits (None: of all); in Colab, as much as it takes."""
        state = super().get_state(key, drop_defaults)
        return light(state) if in_colab() else state

    def send_state(self, key: Any = None) -> None:
        """Tell the page of these traits (None: of all); in Colab, in messages that it takes."""
        if not in_colab():
            return super().send_state(key)
        for names in parcels(self.get_state(key)):
            super().send_state(names)
        return None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    @overload
    def to_html(self, path: None = None) -> str: ...
    @overload
    def to_html(self, path: str | Path) -> None: ...
    def to_html(self, path: str | Path | None = None) -> str | None:
        """What is shown as a page of its own: interactive, without kernel or network, but for new runs.

        Returns the text, or writes it to `path`. The Export menu writes the same. `embed_minimal_html` of ipywidgets
        makes such a page, too, but only with drop_defaults=False, and its page needs a network. Raises AttributionError
        while there is no result.
        """
        chart = self._chart_on_show()
        if chart is None:
            raise AttributionError("There is nothing to write yet. Press Run, or call run() and wait().")
        state = {name: getattr(self, name) for name in synced(*TRAITS)}
        # An edit that was not run is none of the page's; the level is that of the view.
        own = {**chart["settings"], "granularity": self.granularity}
        return given_or_written(page(str(chart["label"]), STATIC, {**state, **own}), path)

    def _chart_on_show(self) -> Mapping[str, Any] | None:
        """What the run is about that is looked at: the one that was chosen, else the newest that has numbers."""
        charts = [record["chart"] for record in self.records] + ([self.chart] if self.chart else [])
        newest = charts[-1] if charts else None
        return next((chart for chart in charts if chart["run"] == self.on_show), newest)
