"""What Python says of a result stands on the page, number by number: unknown is not exact, and no doubt is left out."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text
from tests.browser.conftest import PROMPT
from tests.browser.pages import Saved, Shown, saved_in

UNKNOWN = "error not known, play more"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """One pair of orders: no number has an error that is known."""
    result = attribute(*load_text(), PROMPT, " golf.", budget=34, progress=False)
    assert np.isnan(result.standard_errors).all()
    return saved_in(tmp_path_factory.mktemp("said"), result)


def test_unknown_errors_are_said_in_the_strip_the_tooltip_and_the_table(saved: Saved, shown: Shown) -> None:
    said = shown.root.locator("[data-stat=said]")
    expect(said).to_have_text(str(saved.result.status))
    expect(said).to_have_attribute("data-tone", "warn")
    shown.view.point_at(0, 3)
    assert shown.view.tip().facts["certainty"] == UNKNOWN
    shown.root.get_by_role("button", name="View as table").click()
    lines = shown.root.get_by_role("region", name="Largest values").locator("tbody tr")
    for line in lines.all():
        assert line.locator("td").all_inner_texts()[3:] == [UNKNOWN, "not certain"]
    assert "exact" not in shown.root.inner_text()
    assert "✓" not in shown.root.inner_text()
