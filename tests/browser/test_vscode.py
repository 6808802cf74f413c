"""The looks of VS Code: its bundle of widgets brings JupyterLab's light colours along, whatever the theme."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.server import Server
from tests.browser.simulated.host import notebook
from tests.browser.test_colab import WIDGET
from tests.browser.test_lab import SETUP
from tests.browser.widget import View

pytestmark = pytest.mark.timeout(240)
GROUND = "rgb(30, 30, 30)"


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of "rgb(r, g, b)"."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_dark_vs_code_gets_a_dark_widget_with_text_that_can_be_read(server: Server, browser: Browser) -> None:
    with notebook(server, browser, "vscode") as host:
        host.run(SETUP)
        host.run(f"{WIDGET.format(budget=400, level='word')}\nw")
        view = View(host.outputs())
        expect(view.root).to_have_attribute("data-theme", "dark")
        read = "(element, name) => getComputedStyle(element)[name]"
        ground, text = (view.root.evaluate(read, name) for name in ("backgroundColor", "color"))
        assert ground == GROUND
        assert (luminance(text) + 0.05) / (luminance(ground) + 0.05) >= 4.5
        view.run_button.click()
        view.wait_for("finished")
        corner = view.grid.evaluate(
            "(grid) => [...grid.querySelector('canvas').getContext('2d').getImageData(1, 1, 1, 1).data]"
        )
        assert corner[3] == 0 or f"rgb({corner[0]}, {corner[1]}, {corner[2]})" == GROUND
