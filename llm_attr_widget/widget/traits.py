"""The widget's synced traits, as protocol.State lists them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import anywidget
import traitlets

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.widget.page import page
from llm_attr_widget.widget.protocol import State

STATIC = Path(__file__).parent / "static"
SETTINGS = ("prompt", "target", "against", "method", "granularity", "value", "budget", "trials", "seed", "locked")


class Traits(anywidget.AnyWidget):
    """What a saved notebook keeps of a widget."""

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"

    prompt = traitlets.Unicode("").tag(sync=True)
    target = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    against = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    method = traitlets.Unicode("shapley").tag(sync=True)
    granularity = traitlets.Unicode("word").tag(sync=True)
    value = traitlets.Unicode("log_prob").tag(sync=True)
    budget = traitlets.Int(None, allow_none=True).tag(sync=True)
    trials = traitlets.Int(1).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    locked = traitlets.List(traitlets.Unicode()).tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    has_model = traitlets.Bool(default_value=True).tag(sync=True)
    status = traitlets.Unicode("idle").tag(sync=True)
    chart = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    progress = traitlets.Dict(default_value=None, allow_none=True).tag(sync=True)
    values = traitlets.Bytes(b"").tag(sync=True)
    errors = traitlets.Bytes(b"").tag(sync=True)
    ends = traitlets.Bytes(b"").tag(sync=True)
    sequence = traitlets.Bytes(b"").tag(sync=True)
    sequence_errors = traitlets.Bytes(b"").tag(sync=True)
    records = traitlets.List(traitlets.Dict()).tag(sync=True)
    names = traitlets.List(traitlets.Dict()).tag(sync=True)
    comparing = traitlets.List(traitlets.Int()).tag(sync=True)
    checks = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Dict()).tag(sync=True)

    def to_html(self, path: str | Path) -> None:
        """Write what is shown as a page of its own: interactive, without kernel or network, but for new runs.

        The Export menu writes the same. Raises AttributionError while there is no result.
        """
        if not self.chart:
            raise AttributionError("There is nothing to write yet. Press Run, or call run() and wait().")
        state = {field.name: getattr(self, field.name) for field in fields(State)}
        Path(path).write_text(page(str(self.chart["label"]), STATIC, state), encoding="utf-8")
