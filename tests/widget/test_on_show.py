"""Which run is on show, and what was asked for on top of one, as the kernel keeps and tells it."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from llm_attr_widget import AttrWidget
from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.errors import InputError, MethodError
from llm_attr_widget.inputs import ChatInput, ImageInput, TextInput, TokenInput, locked_segments, make_input, rebased
from llm_attr_widget.widget import publisher
from llm_attr_widget.widget.frames import nothing_yet
from llm_attr_widget.widget.runs import WARM, Rate
from tests.inputs.image.processors import build, picture
from tests.inputs.kinds import tokenizer_of
from tests.support import BitsInput
from tests.waiting import until
from tests.widget.front import Front, Held, widget

MESSAGES = [
    {"role": role, "content": [{"type": "text", "text": text}]}
    for role, text in (("user", "What colour is the circle?"), ("assistant", "Red."))
]


def saved(w: AttrWidget) -> dict[str, Any]:
    found = re.search(r'(?<=id="content">).*?(?=</script>)', w.to_html(), re.DOTALL)
    assert found is not None
    return json.loads(found[0])["state"]


def pictured(**options: Any) -> AttrWidget:
    model, processor = build("llava")
    w = AttrWidget(
        model,
        processor,
        image=picture(),
        prompt="What colour?",
        target="red",
        segments=2,
        method="leave_one_out",
        **options,
    )
    Front(w)
    return w


def test_a_page_has_the_run_that_is_looked_at_and_no_edit() -> None:
    w = widget(method="leave_one_out")
    Front(w)
    w.run()
    w.wait(20)
    w.method = "add_one_in"
    w.run()
    w.wait(20)
    assert w.on_show is None
    w.on_show, w.seed, w.granularity = 1, 7, "sentence"
    state = saved(w)
    assert (state["on_show"], state["method"], state["seed"]) == (1, "leave_one_out", 0)
    assert state["granularity"] == "sentence"  # the level of the view
    assert "<title>leave-one-out score" in w.to_html()
    w.on_show = 9  # not kept any more
    assert saved(w)["method"] == "add_one_in"
    w.run()
    assert w.on_show is None  # the next run is looked at when it begins
    w.wait(20)


def test_what_is_put_together_is_kept_with_the_widget() -> None:
    w = widget()
    sights = [{"run": 1, "groups": [{"start": 0, "end": 6}], "hidden": []}]
    w.sights = sights
    assert w.get_state("sights") == {"sights": sights}
    with pytest.raises(Exception, match="Sight: missing fields"):
        w.sights = [{"run": 1}]


def test_more_calls_asked_for_on_hold_are_told_at_once_and_outlive_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "FRAMES_PER_SECOND", 1e6)
    model = Held(10)
    w = widget(model, features=10, method="kernel_shap", budget=60)
    front = Front(w)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls > 8, meanwhile=model.let)
    w.pause()
    w.extend()
    assert front.frames()[-1]["progress"]["phase"] == "paused"
    assert front.frames()[-1]["progress"]["planned"] == 74  # 75, in pairs
    model.let_all()
    w.stop()
    assert w.wait(20).phase == "stopped"
    w.extend()
    assert w.wait(20).provenance.calls == 74


def test_time_left_is_that_of_the_calls_after_the_first_ones() -> None:
    """The first batch warms the model up: it takes 8 s, all others 1 s for 10 calls."""
    rate = Rate()
    at = replace(nothing_yet(1, ""), planned=100, rate=1.0, seconds_left=99.0)
    told = [rate.of(replace(at, calls=10 * n, elapsed=7.0 + n)).seconds_left for n in (1, 2, 3, 9)]
    assert told == [None, pytest.approx(8), pytest.approx(7), pytest.approx(1)]
    soon = Rate()
    assert soon.of(replace(at, calls=10, elapsed=8.0)).rate is None
    assert soon.of(replace(at, calls=12, elapsed=8.0 + WARM / 2)).seconds_left is None
    ended = replace(at, phase="finished", calls=100, elapsed=17.0, rate=5.9, seconds_left=None)
    assert rate.of(ended) == ended


def test_a_prompt_that_was_given_cut_has_its_own_parts_as_the_one_level() -> None:
    _, processor = build("llava")
    chat = ChatInput(processor, MESSAGES, granularity="turn")
    w = AttrWidget(None, processor, chat)
    assert [level["label"] for level in w.choices["granularities"]] == ["turn"]
    assert w.choices["granularities"][0]["name"] == w.granularity
    assert len(AttrWidget(None, processor, MESSAGES).choices["granularities"]) > 3
    assert len(AttrWidget(None, None, BitsInput(3)).choices["granularities"]) > 3  # it does not say


def test_segments_are_locked_by_name_and_are_no_features_then() -> None:
    w = pictured()
    w.locked_segments = ["row 1, column 2", "row 2, column 1"]
    assert w.locked == ["row 1, column 2", "row 2, column 1"]
    w.run()
    result = w.wait(60)
    assert w.status == "finished", w.progress
    assert result.features[:2] == ("row 1, column 1", "row 2, column 2")
    assert all("column 2" not in name for name in result.features[:1])
    w.locked_segments = ["row 9, column 9"]
    w.run()
    w.wait(60)
    assert w.status == "failed"
    assert "row 9, column 9" in w.progress["message"]


def test_locked_segments_are_seen_whatever_is_absent() -> None:
    _, processor = build("llava")
    whole = ImageInput(processor, picture(), "What?", segments=2)
    held = locked_segments(whole, ["row 1, column 1"])
    assert len(held.features) == 3
    (nothing,) = held.render(np.zeros((1, 3), dtype=bool), np.random.default_rng(0))
    row = np.array([[True, False, False, False]])
    (one,) = whole.render(row, np.random.default_rng(0))
    assert nothing.extras_key == one.extras_key
    with pytest.raises(InputError, match="no image cut into segments"):
        locked_segments(BitsInput(3), ["row 1, column 1"])


def test_what_if_shows_the_picture_as_the_model_saw_it() -> None:
    w = pictured()
    front = Front(w)
    w.run()
    w.wait(60)

    def asked(*absent: int) -> Any:
        front.says({"kind": "what_if", "ask": 1, "run": 1, "absent": list(absent), "replaced": []})
        until(lambda: front.events[-1][0]["kind"] == "what_if")
        return front.events.pop()[0]["picture"]

    assert asked(4) is None  # a word of the question
    seen = np.asarray(Image.open(io.BytesIO(b64decode(asked(0)))))
    given = np.asarray(picture())
    mean = np.rint(given.mean(axis=(0, 1)))
    np.testing.assert_array_equal(seen[:16, :16], np.broadcast_to(mean, (16, 16, 3)))
    np.testing.assert_array_equal(seen[16:], given[16:])


def test_options_reach_the_run() -> None:
    w = pictured(stop_when=Separated(top=2, confidence=0.9), max_new_tokens=3)
    assert (w.stop_top, w.max_new_tokens, w.baseline) == (2, 3, None)
    words = tokenizer_of("byte_bpe")
    plain = AttrWidget(None, words, "Dave lives in Palm Coast", " golf")
    settings = replace(plain._settings(), baseline="x")
    assert plain._given.explained(settings).baseline == "replaced by 'x'"
    for name, wrong, error in (("stop_top", 0, MethodError), ("max_new_tokens", 0, InputError)):
        with pytest.raises(error):
            setattr(plain, name, wrong)


def test_a_rule_of_the_panel_ends_a_run_and_that_of_python_keeps_its_confidence() -> None:
    given = Separated(top=2, confidence=0.9)
    w = widget(features=6, method="kernel_shap", budget=600, stop_when=given)
    assert w._plan(w._settings()).stop_when is given
    w.stop_top = 3
    assert w._plan(w._settings()).stop_when == Separated(3)
    w.stop_top = None
    assert w._plan(w._settings()).stop_when is None


def test_a_baseline_of_the_panel_stands_in_for_what_is_absent() -> None:
    words = tokenizer_of("byte_bpe")
    text = rebased(TextInput(words, "Dave golfs."), "someone")
    (none,) = text.render(np.zeros((1, len(text.features)), dtype=bool), np.random.default_rng(0))
    assert "someone someone" in words.decode(none.ids)
    assert rebased(text, "") is text
    assert rebased(text, None) is text
    tokens = make_input(words, "Dave golfs.", granularity="token")
    assert isinstance(tokens, TokenInput)
    assert rebased(tokens, "x").baseline != tokens.baseline
    with pytest.raises(InputError, match="BitsInput"):
        rebased(BitsInput(3), "x")


def test_runs_are_called_by_what_is_new_in_them() -> None:
    w = widget(method="leave_one_out")
    Front(w)
    for change in ({}, {"seed": 3}, {"method": "add_one_in"}):
        for name, value in change.items():
            setattr(w, name, value)
        w.run()
        w.wait(20)
    assert [kept.name for kept in w.history] == [
        "1: leave one out, word",
        "2: leave one out, word, seed 3",
        "3: add one in, word",
    ]
