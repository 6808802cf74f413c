"""What stands beside the matrix (comparing, what if, a verdict), without a kernel: accessible, within 400 pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from llm_attr_widget import attribute, compare
from llm_attr_widget.game.targets import Target
from tests.browser.pages import Shown, open_page
from tests.browser.test_access import BEYOND, STREAM, in_state
from tests.support import BitsInput, table, table_model

pytestmark = pytest.mark.timeout(120)

FEATURES, OUTPUTS = 6, 4
CURVE = [{"share": share / 4, "value": -2.0 - share} for share in range(5)]
VERDICT = {
    "run": 2,
    "trusted": False,
    "verdict": "The numbers predict poorly what was held out.",
    "rank_correlation": 0.31,
    "r_squared": None,
    "gap": 0.25,
    "held_out": 64,
    "seen": 3,
    "calls": 61,
    "deletion": CURVE,
    "insertion": CURVE[::-1],
}
# The kernel's answer to what if: two answers, of two tokens each, of which one became likelier and one less likely.
ANSWER = """() => window.tell(
  { kind: "what_if", seq: 2, ask: 1, run: 3, tokens: [" a", " b", " c", " d"], split: 2, wrote: " a b.",
    writes: " a very different end.", calls: 2, message: "" },
  [[-1, -2, -3, -0.1], [-0.5, -4, -3, -0.1]].map((numbers) => new DataView(new Float32Array(numbers).buffer)),
)"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = table_model(table(FEATURES, OUTPUTS), FEATURES)
    target = Target(tuple(range(OUTPUTS)), tuple(f" t{i}" for i in range(OUTPUTS)))
    one, other = (
        attribute(model, None, BitsInput(FEATURES), target, method=method, budget=40, seed=1, progress=False)
        for method in ("permutation_shapley", "kernel_shap")
    )
    path = tmp_path_factory.mktemp("beside") / "compared.html"
    compare(one, other, names=("permutations", "a very long name of a run, as people give them")).to_html(path)
    return path


def alone(page: Path) -> Path:
    """The second run by itself, checked, and as if its model were at hand."""
    return in_state(page, comparing=[], checks=[VERDICT], has_model=True, chart={"askable": True})


def compared(shown: Shown, side: str) -> None:
    shown.root.get_by_role("button", name=f"Show {side}", exact=True).click()
    expect(shown.root.get_by_role("group", name="Compare").get_by_role("status")).to_contain_text("rank correlation")


def asked(shown: Shown) -> None:
    shown.page.evaluate(STREAM, "finished")
    shown.root.get_by_role("button", name="What if").click()
    shown.root.locator("[data-feature='1']").click()
    shown.page.evaluate(ANSWER)
    expect(shown.root.locator(".law-changes > span")).to_have_count(4)


def checked(shown: Shown) -> None:
    shown.root.locator(".law-steps [data-tone]").click()
    expect(shown.root.locator(".law-drawer")).to_contain_text(VERDICT["verdict"])


ACTS: dict[str, Callable[[Shown], None]] = {
    "A": lambda shown: compared(shown, "A"),
    "B": lambda shown: compared(shown, "B"),
    "difference": lambda shown: compared(shown, "A − B"),
    "runs": lambda shown: shown.root.get_by_role("button", name="Runs").click(),
}


@pytest.mark.parametrize(("dark", "width"), [(False, 1100), (True, 1100), (True, 400)], ids=["light", "dark", "narrow"])
def test_nothing_is_wrong_or_too_wide(page: Path, browser: Browser, dark: bool, width: int) -> None:
    found: dict[str, list[str]] = {}

    def look(shown: Shown, name: str) -> None:
        shown.settle()
        found[name] = shown.violations() if width > 400 else shown.page.evaluate(BEYOND)

    shown = open_page(browser, page, dark=dark, width=width)
    for name, act in ACTS.items():
        act(shown)
        look(shown, name)
    shown.page.close()
    shown = open_page(browser, alone(page), dark=dark, width=width)
    checked(shown)
    look(shown, "verdict")
    asked(shown)
    look(shown, "what if")
    shown.page.close()
    assert {name: problems for name, problems in found.items() if problems} == {}
