"""The page without a kernel, around what it shows: the files it writes, the themes it follows, the widths it fits."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, expect

from llm_attr_widget.demo import load_text
from tests.browser.pages import Saved, Shown, open_page

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def saved(text_page: Saved) -> Saved:
    return text_page


def test_the_menu_writes_what_python_writes(shown: Shown, saved: Saved, browser: Browser, tmp_path: Path) -> None:
    def export(name: str) -> Path:
        shown.root.get_by_role("button", name="Export").click()
        with shown.page.expect_download() as download:
            shown.root.get_by_role("menuitem", name=name).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        return path

    assert export("CSV").read_bytes().decode() == saved.result.to_csv()
    assert json.loads(export("JSON").read_text()) == json.loads(saved.result.to_json())
    assert export("LaTeX").read_text() == saved.result.to_latex()
    assert export("SVG").read_text() == saved.result.to_svg()
    ours, theirs = (pixels(png) for png in (saved.result.to_png(), export("PNG").read_bytes()))
    assert ours.shape == theirs.shape
    # One drawing, two rasterizers: only the edges of letters and boxes may differ.
    assert np.mean(np.abs(ours - theirs).max(axis=2) > 24) < 0.03
    assert np.abs(blocks(ours) - blocks(theirs)).max() < 32
    copy = open_page(browser, export("HTML"))
    shown.page.mouse.move(1, 1)
    shown.settle()
    copy.settle()
    assert copy.view.matrix() == shown.view.matrix()
    copy.word("Answer", "golf").hover()
    expect(copy.root.locator(".law-say[data-for]")).to_contain_text("“golf”")
    copy.page.close()


def test_the_copied_python_makes_the_result_again(shown: Shown, saved: Saved) -> None:
    shown.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown.page.evaluate("navigator.clipboard.writeText('')")
    shown.root.get_by_role("button", name="Export").click()
    shown.root.get_by_role("menuitem", name="Copy as Python").click()
    shown.page.wait_for_function("async () => (await navigator.clipboard.readText()) !== ''")
    model, tokenizer = load_text()
    names: dict[str, Any] = {"model": model, "tokenizer": tokenizer}
    exec(shown.page.evaluate("navigator.clipboard.readText()"), names)
    np.testing.assert_allclose(names["result"].values, saved.result.values, atol=1e-5)
    assert names["result"].features == saved.result.features


def pixels(png: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.int64)


def blocks(image: NDArray[np.int64], size: int = 16) -> NDArray[np.float64]:
    """Mean colour of each square of so many pixels."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    return image[: rows * size, : columns * size].reshape(rows, size, columns, size, 3).mean(axis=(1, 3))


def test_the_theme_follows_the_host(shown: Shown) -> None:
    light = shown.view.matrix()
    body = "document.body"
    expect(shown.root).to_have_attribute("data-theme", "light")
    shown.page.evaluate(f"{body}.dataset.jpThemeLight = 'false'")
    expect(shown.root).to_have_attribute("data-theme", "dark")
    shown.settle()
    assert shown.view.matrix() != light
    shown.page.evaluate(f"delete {body}.dataset.jpThemeLight")
    expect(shown.root).to_have_attribute("data-theme", "light")
    shown.page.evaluate(f"""{body}.style.setProperty('--vscode-editor-background', '#1e1e1e');
        {body}.dataset.vscodeThemeKind = 'vscode-dark'""")
    expect(shown.root).to_have_attribute("data-theme", "dark")
    assert shown.root.evaluate("root => getComputedStyle(root).backgroundColor") == "rgb(30, 30, 30)"
    shown.page.evaluate(f"""{body}.removeAttribute('style'); delete {body}.dataset.vscodeThemeKind""")
    shown.page.emulate_media(color_scheme="dark")
    expect(shown.root).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [400, 448, 640, 1100])
def test_nothing_overflows(saved: Saved, browser: Browser, width: int) -> None:
    shown = open_page(browser, saved.path, width=width)
    shown.settle()
    beyond = shown.page.evaluate("""() => {
      const right = document.querySelector(".law").getBoundingClientRect().right;
      return [...document.querySelectorAll(".law *")].filter((node) => node.offsetParent
        && getComputedStyle(node).clipPath === "none" && node.getBoundingClientRect().right > right + 1)
        .map((node) => node.className || node.tagName);
    }""")
    assert beyond == []
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stacked = shown.page.evaluate("""() => {
      const box = (name) => document.querySelector(name).getBoundingClientRect();
      return box(".law-stage").top >= box(".law-panel").bottom - 1;
    }""")
    assert stacked == (width <= 640)
    shown.page.close()
