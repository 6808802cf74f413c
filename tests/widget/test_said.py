"""What the page is told of the numbers is what the result says; js/tests/views/said.test.ts reads the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import Attribution, AttrWidget
from llm_attr_widget.methods import ExactShapley, KernelShap, PermutationShapley
from llm_attr_widget.types import Method
from llm_attr_widget.widget.frames import chart_of, progress_at_end, settings_of
from llm_attr_widget.widget.wire import encode
from tests.result.test_status import events
from tests.support import BitsInput
from tests.widget.front import TARGET, Front, Held, widget

FILE = Path(__file__).parent / "said.json"


def last(method: Method) -> Attribution:
    return events(method)[-1]


def off(result: Attribution) -> Attribution:
    return replace(result, values=result.values * 0.95)


CASES: dict[str, Callable[[], Attribution]] = {
    "unknown": lambda: last(PermutationShapley(budget=12)),
    "exact": lambda: last(ExactShapley()),
    "sampled": lambda: last(KernelShap(budget=40)),
    "stopped": lambda: replace(last(ExactShapley()), phase="stopped"),
    "running": lambda: replace(last(ExactShapley()), phase="running"),
    "gap": lambda: off(last(ExactShapley())),
}


def as_sent(result: Attribution) -> dict[str, Any]:
    """Chart, progress, and the numbers as lists, null where one is none."""
    progress = replace(progress_at_end(result, 1), elapsed=1.0)
    arrays = {
        "values": result.values,
        "errors": result.standard_errors,
        "ends": result.ends,
        "sequence": result.sequence,
        "sequence_errors": result.sequence_standard_errors,
    }
    plain = {name: [None if np.isnan(x) else round(float(x), 5) for x in array.flat] for name, array in arrays.items()}
    chart = encode(chart_of(result, 1, settings_of(result)))
    return json.loads(json.dumps({"chart": chart, "progress": encode(progress), "numbers": plain}))


def test_the_samples_that_the_page_is_tested_with_are_what_is_sent() -> None:
    made = {name: as_sent(case()) for name, case in CASES.items()}
    if os.environ.get("UPDATE"):
        FILE.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    for name, sample in made.items():
        assert sample["progress"] == kept[name]["progress"], name
        assert sample["numbers"]["errors"] == pytest.approx(kept[name]["numbers"]["errors"], abs=1e-4), name


def test_an_ended_run_travels_with_its_sentence_and_its_doubts() -> None:
    w = widget(method="permutation_shapley", budget=12)
    w.run()
    result = w.wait(60)
    assert result is not None
    said = w.progress["said"]
    assert said["sentence"] == str(result.status)
    assert tuple(said["doubts"]) == result.doubts == ("error not known, play more",)
    assert str(result.status) in (w.snapshot().data or "")


def test_no_frame_of_a_run_under_way_calls_a_number_exact() -> None:
    model = Held(4)
    w = AttrWidget(model, None, BitsInput(4), TARGET, method="exact_shapley")
    front = Front(w)
    w.run()
    for _ in range(9):
        model.let()
    w.stop()
    model.let_all()
    w.wait(60)
    said = [frame["progress"]["said"] for frame in front.frames()]
    assert any(said)
    assert "exact" not in json.dumps(said)


def test_what_is_saved_says_when_it_was_made() -> None:
    w = widget(method="leave_one_out")
    assert w.made_at == ""
    before = datetime.now(timezone.utc).replace(microsecond=0)
    w.run()
    began = datetime.fromisoformat(w.made_at)
    w.wait(60)
    ended = datetime.fromisoformat(w.made_at)
    assert before <= began <= ended <= datetime.now(timezone.utc)
