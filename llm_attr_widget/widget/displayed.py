"""The widget as a notebook's output: in words, in a still picture, and in what a notebook file keeps of it.

A file holds of a widget no more than its number, unless the host saves widgets' state, which JupyterLab does only when
it is told to. So a second output beneath the widget keeps a still picture of the newest result: GitHub, nbviewer, PDF
and a notebook that is opened anew show that. It hides where the widget itself is on the page.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display, publish_display_data

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.export.style import shorten, visible
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.certainty import band
from llm_attr_widget.widget.stage import Stage
from llm_attr_widget.widget.still import Still
from llm_attr_widget.widget.traits import Traits

BEST = 3
"""Words that the widget's repr names."""


class Displayed(Traits):
    """How the widget looks where it can not be drawn, and beneath it in a notebook's file."""

    _beneath: Beneath
    _stage: Stage

    def __init__(self, **traits: Any) -> None:
        self._beneath = Beneath()
        super().__init__(**traits, _dom_classes=(self._beneath.mark,))

    @property
    def result(self) -> Attribution | None:
        """The newest attribution: growing while a run is on, then final. None before there is any."""
        return self._stage.now.result

    def snapshot(self) -> Still:
        """The result as a still picture, for hosts that show no widgets: saved with the notebook, needs no kernel.

        A notebook keeps one beneath the widget anyway, once a run has ended. Raises AttributionError while there is no
        result.
        """
        if self.result is None:
            raise AttributionError("There is nothing to take a picture of yet. Press Run, or call run() and wait().")
        return Still(self.result)

    def __repr__(self) -> str:
        """Prompt, status, and the parts of the prompt with the largest attribution."""
        prompt = repr(shorten(visible(self.prompt), 60))
        result = self.result
        if result is None:
            return f"AttrWidget({prompt}): {self.status}"
        best = ", ".join(
            f"{visible(text.strip())} {value:+.3f}{band(error)}" for text, value, error in result.top(BEST)
        )
        answer = shorten(visible(result.target.text), 40)
        return f"AttrWidget({prompt}): {self.status}; {result.label} for {answer!r}: {best}"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = self._live(**options)
        # Where no widget can be drawn (a PDF, a notebook opened without its state) the picture is shown instead.
        if bundle is not None and self.result is not None and self.status not in ("running", "paused"):
            bundle[0].update({**mime_of(Still(self.result)), "text/plain": repr(self)})
        return bundle

    def _live(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget and its words, without a picture."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is not None:
            bundle[0]["text/plain"] = repr(self)  # which anywidget cuts off
        return bundle

    def _ipython_display_(self) -> None:
        bundle = self._live()
        if bundle is None:
            return
        display(bundle[0], metadata=bundle[1], raw=True)
        self._beneath.lay(self.result if self.status not in ("running", "paused") else None)


class Beneath:
    """The output beneath a widget that keeps its still picture. mark: a class of CSS that the widget's views have."""

    def __init__(self) -> None:
        self._id = f"law-{secrets.token_hex(6)}"
        self._content = self._of(None)
        self._laid = False

    @property
    def mark(self) -> str:
        return self._id

    def lay(self, result: Attribution | None) -> None:
        """Put it below what was displayed last. Nothing where there is no kernel to update it from."""
        if hasattr(get_ipython(), "kernel"):
            self._content, self._laid = self._of(result), True
            self._publish(update=False)

    def renew(self, result: Attribution | None) -> None:
        """Show this result there; nothing where the widget was never displayed."""
        if self._laid:
            self._content = self._of(result)
            self.again()

    def again(self) -> None:
        """Send what it shows once more, for a host that takes only what the cell that runs sends."""
        if self._laid:
            self._publish(update=True)

    def _publish(self, *, update: bool) -> None:
        publish_display_data(self._content, transient={"display_id": self._id}, update=update)

    def _of(self, result: Attribution | None) -> dict[str, Any]:
        if result is None:
            return {"text/html": "", "text/plain": ""}
        content = mime_of(Still(result))
        # Only what shows this very widget hides it: a page without its state, or without styles, shows the picture.
        style = f"<style>body:has(.{self._id}) .{self._id}-still{{display:none}}</style>"
        content["text/html"] = f'{style}<div class="{self._id}-still">{content["text/html"]}</div>'
        return content


def mime_of(still: Still) -> dict[str, Any]:
    """A still picture by kind of content, as a message of Jupyter holds it."""
    return {
        "text/html": still.data,
        "image/png": b64encode(still.png).decode("ascii"),
        "text/plain": repr(still),
    }
