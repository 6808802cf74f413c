"""A page like Colab's: outputs of another origin, messages that are dropped between cells, at most 1 MB a message."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PROMPT
from tests.browser.server import Server
from tests.browser.simulated.host import Notebook, notebook
from tests.browser.widget import Shot

pytestmark = pytest.mark.timeout(240)

SETUP = f"""
import sys, types
enabled = []
output = types.ModuleType("google.colab.output")
output.enable_custom_widget_manager = lambda: enabled.append(True)
output._widgets = types.SimpleNamespace(_installed_url=None)
sys.modules["google.colab.output"] = output

from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text
model, tok = load_text()
prompt = {PROMPT!r}
"""
WIDGET = "w = AttrWidget(model, tok, prompt, method='permutation_shapley', budget={budget}, granularity='{level}')"


def made(host: Notebook, *, budget: int = 12_000, level: str = "word", then: str = "w") -> None:
    host.run(SETUP)
    host.run(f"{WIDGET.format(budget=budget, level=level)}\n{then}")


def states(film: list[Shot]) -> int:
    """Different matrices that were seen on the way to the last one."""
    return len({shot.print for shot in film if shot.phase == "running" and shot.coloured} - {film[-1].print})


def test_where_every_message_arrives_a_run_streams_and_is_hovered_over(server: Server, browser: Browser) -> None:
    with notebook(server, browser, "free", dark=True) as host:
        made(host)
        view = host.view()
        expect(view.root).to_have_attribute("data-theme", "dark")
        view.start_film()
        view.run_button.click()
        view.wait_for("finished")
        assert states(view.film()) >= 10
        view.point_at(0, 1)
        assert "→" in view.tip().title
        host.run("assert enabled == [True], enabled")


def test_where_messages_are_dropped_between_cells_a_run_is_seen_to_go_on_and_to_end(
    server: Server, browser: Browser
) -> None:
    with notebook(server, browser, "cell") as host:
        made(host, budget=400_000, level="token")
        view = host.view()
        view.run_button.click()
        view.grid.wait_for()  # the first numbers are there: an answer brought them
        view.stop_button.click()
        view.wait_for("stopped")
        host.run("assert w.wait() is not None and w.status == 'stopped'\nw.budget = 4000\nw.granularity = 'word'")
        view.run_button.click()
        view.wait_for("finished")
        assert host.seen()["dropped"] > 0


def test_where_answers_are_dropped_too_the_widget_says_to_run_in_a_cell_and_that_streams(
    server: Server, browser: Browser
) -> None:
    with notebook(server, browser, "strict") as host:
        made(host)
        view = host.view()
        expect(view.root).to_contain_text("w.run(); w.wait()", timeout=15_000)
        view.start_film()
        host.start("w.run(); w.wait()")
        view.wait_for("finished")
        assert states(view.film()) >= 10


LARGE = """
import numpy as np
from llm_attr_widget import TableModel, Target
from llm_attr_widget.types import Piece, Prompt

class Bits:
    features = tuple(f" f{at}" for at in range(520))
    pieces = tuple(Piece(text, at) for at, text in enumerate(features))
    baseline, random = "left out", False
    def render(self, coalitions, rng):
        return [Prompt(tuple(np.flatnonzero(row).tolist())) for row in coalitions]

target = Target(tuple(range(520)), tuple(f" t{at}" for at in range(520)))
model = TableModel(lambda ids, target: -2 - np.cos(np.array(target) * sum(ids)))
w = AttrWidget(model, None, Bits(), target, method="leave_one_out")
w.run(); w.wait()
w
"""


def test_numbers_of_more_than_a_message_arrive_in_parts(server: Server, browser: Browser) -> None:
    """Two matrices of 1,081,600 bytes each, that fit in no message; Colab says nothing when it drops one."""
    with notebook(server, browser, "free") as host:
        host.run(SETUP)
        host.run(LARGE)
        view = host.view()
        expect(view.grid).to_have_attribute("aria-rowcount", "520")
        expect(view.grid).to_have_attribute("aria-colcount", "520")
        view.wait_for("finished")
        seen = host.seen()
        assert seen["dropped"] == 0
        assert 800_000 < seen["heaviest"] <= 1_000_000
