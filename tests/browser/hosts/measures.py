"""What every host is held to: the widget shows, streams, is hovered over, stops; and what was seen, for the docs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.browser.lab import ARTIFACTS
from tests.browser.test_colab import states
from tests.browser.widget import View

PROMPT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"
SETUP = f"""
from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text
model, tok = load_text()
prompt = {PROMPT!r}
"""
SHORT = "AttrWidget(model, tok, prompt, method='permutation_shapley', budget=4000)"
LONG = "AttrWidget(model, tok, prompt, method='permutation_shapley', granularity='token', budget=400_000)"
STATES = 10
FILE = ARTIFACTS / "hosts.json"


def streams_and_is_hovered_over(view: View) -> int:
    """Runs to the end; how many different matrices were seen on the way."""
    view.root.scroll_into_view_if_needed()
    view.start_film()
    view.run_button.click()
    view.wait_for("finished", timeout=90)
    seen = states(view.film())
    assert seen >= STATES, f"{seen} states"
    view.point_at(0, 1)
    tip = view.tip()
    assert tip.title.startswith("lives → ")
    assert len(view.lit("Prompt")) == len(view.lit("Answer")) == 1
    return seen


def stops(view: View) -> None:
    """Stops a long run once it has something to show, and keeps that."""
    view.root.scroll_into_view_if_needed()
    view.run_button.click()
    view.wait_for("running")
    view.grid.wait_for()
    view.stop_button.click()
    view.wait_for("stopped", timeout=30)
    view.grid.wait_for()


def goes_on(view: View) -> None:
    """After a reload in mid-run: still running, still streaming, and it can be stopped."""
    view.wait_for("running")
    view.root.scroll_into_view_if_needed()
    view.grid.wait_for()
    view.start_film()
    view.root.evaluate(
        """(root) => new Promise((done) => {
          const seen = new Set();
          const look = () => {
            seen.add(root.dataset.seq);
            seen.size > 3 ? done() : requestAnimationFrame(look);
          };
          look();
        })"""
    )
    view.stop_button.click()
    view.wait_for("stopped", timeout=30)


def looks(view: View, theme: str) -> None:
    """The theme of the host, and text in its colour."""
    assert view.root.get_attribute("data-theme") == theme
    assert view.has_text_in_its_colour()


def record(host: str, **seen: object) -> None:
    """Keep what was seen of a host, by column of the table in docs/hosts.md."""
    ARTIFACTS.mkdir(exist_ok=True)
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known[host] = {**known.get(host, {}), **seen}
    Path(FILE).write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
