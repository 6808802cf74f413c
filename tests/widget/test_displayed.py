"""What a notebook's file keeps of a widget: a still picture beneath it, and words; and where it hides."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from llm_attr_widget import AttrWidget, TableModel
from llm_attr_widget.widget import displayed
from tests.widget.front import widget


class Table(HTMLParser):
    """The first table of a page: cells by row, and what the heads of rows and columns are for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.scopes: set[tuple[str, str | None]] = set()
        self.caption = ""
        self._at = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            self.scopes.add((tag, dict(attrs).get("scope")))

    def handle_endtag(self, tag: str) -> None:
        self._at = ""

    def handle_data(self, data: str) -> None:
        if self._at in ("th", "td"):
            self.rows[-1][-1] += data
        if self._at == "caption":
            self.caption += data


def ended(**options: Any) -> AttrWidget:
    w = widget(**options)
    w.run()
    w.wait(60)
    return w


def test_the_table_of_a_still_picture_has_every_number_with_its_error_under_its_names() -> None:
    w = ended(method="permutation_shapley", budget=60)
    result = w.result
    assert result is not None
    table = Table(w.snapshot().data)
    assert table.scopes == {("td", None), ("th", "col"), ("th", "row")}
    assert table.rows[0][1:] == [text.strip() for text in result.features]
    assert [row[0] for row in table.rows[1:]] == ["␣t0", "␣t1", "␣t2", "total"]
    shown = [[re.findall(r"[+−\d.]+", cell) for cell in row[1:]] for row in table.rows[1:]]
    numbers = np.array([[[float(part.replace("−", "-")) for part in cell] for cell in row] for row in shown])
    np.testing.assert_allclose(numbers[:-1, :, 0], result.values, atol=0.00051)
    np.testing.assert_allclose(numbers[:-1, :, 1], result.standard_errors, atol=0.00051)
    np.testing.assert_allclose(numbers[-1, :, 0], result.sequence, atol=0.00051)
    assert result.label in table.caption
    assert result.unit in table.caption


def test_a_large_table_says_how_much_of_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from llm_attr_widget.widget import still

    monkeypatch.setattr(still, "MOST_CELLS", 13)
    table = Table(ended().snapshot().data)
    assert len(table.rows) == 1 + 2 + 1
    assert "first 2 of 3 rows" in table.caption


def test_a_still_picture_is_light_and_each_host_takes_what_it_can() -> None:
    w = ended()
    still = w.snapshot()
    pixels = np.asarray(Image.open(io.BytesIO(still._repr_png_())).convert("RGB"))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert repr(still) == repr(w.result)
    assert str(w.result and w.result.status) in still.data
    bundle, _ = w._repr_mimebundle_()
    assert {"text/html", "image/png", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert bundle["text/plain"] == repr(w)


def test_the_repr_says_prompt_status_and_best_words() -> None:
    model = TableModel.of(np.array([[-9.0], [-5.0], [-8.0], [-1.0]]), tokens=(0, 1))
    from tests.support import BitsInput
    from tests.widget.front import Target

    w = AttrWidget(model, None, BitsInput(2), Target((0,), (" golf",)))
    assert repr(w) == "AttrWidget('f0 f1'): idle" or repr(w) == "AttrWidget(' f0 f1'): idle"
    w.run()
    w.wait(60)
    # f0 brings 4 alone and 7 after f1, f1 brings 1 alone and 4 after f0.
    assert repr(w).endswith("finished; Shapley value for ' golf': f0 +5.500, f1 +2.500")


class Kernel:
    """A shell with a kernel, as far as displays go: what was sent, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel = object()
        self.sent: list[tuple[dict[str, Any], str | None, bool]] = []
        monkeypatch.setattr(displayed, "get_ipython", lambda: self)
        monkeypatch.setattr(displayed, "publish_display_data", self._publish)
        monkeypatch.setattr(displayed, "display", lambda data, **_: self._publish(data))

    def _publish(self, data: dict[str, Any], *, transient: Any = None, update: bool = False) -> None:
        self.sent.append((data, (transient or {}).get("display_id"), update))


def test_beneath_a_displayed_widget_a_picture_comes_once_a_run_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch)
    w = widget()
    w._ipython_display_()
    (live, _, _), (empty, place, _) = kernel.sent
    assert "image/png" not in live
    assert empty == {"text/html": "", "text/plain": ""}
    w.run()
    w.wait(60)
    data, where, update = kernel.sent[-1]
    assert (where, update) == (place, True)
    assert data["image/png"]
    assert data["text/plain"] == repr(w.result)
    (mark,) = w._dom_classes
    assert f"body:has(.{mark}) .{mark}-still{{display:none}}" in data["text/html"]
    assert f'class="{mark}-still"' in data["text/html"]
    w.budget = 20
    w.method = "permutation_shapley"
    w.run()
    w.wait(60)
    assert kernel.sent[-1][0]["text/plain"] == repr(w.result) != data["text/plain"]


def test_one_that_is_displayed_with_a_result_has_its_picture_at_once_and_keeps_it_when_a_run_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = Kernel(monkeypatch)
    w = ended()
    assert kernel.sent == []  # nothing was displayed, so there is nothing to keep
    w._ipython_display_()
    assert kernel.sent[-1][0]["text/plain"] == repr(w.result)
    first = repr(w.result)
    w.method = "kernel_shap"
    w.budget = 3  # too few: the run fails
    w.run()
    w.wait(60)
    assert w.status == "failed"
    assert kernel.sent[-1][0]["text/plain"] == first


def test_outside_a_kernel_nothing_is_kept_beneath(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch)
    monkeypatch.setattr(displayed, "get_ipython", SimpleNamespace)
    w = ended()
    w._ipython_display_()
    assert len(kernel.sent) == 1


def test_a_picture_that_fails_leaves_the_run_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.widget.front import Front

    Kernel(monkeypatch)
    w = widget()
    front = Front(w)
    w._ipython_display_()

    def broken(_: object) -> None:
        raise RuntimeError("no room for a picture")

    monkeypatch.setattr(displayed, "Still", broken)
    w.run()
    assert w.wait(60) is not None
    assert w.status == "finished"
    said = [event["message"] for event, _ in front.events if event["kind"] == "failed"]
    assert said == ["The still picture failed: RuntimeError: no room for a picture"]
