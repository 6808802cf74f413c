"""What if and check, from the front end's side, held against games with known answers and the shipped model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.wire import decode
from tests.support import BitsInput, table, table_model
from tests.waiting import until
from tests.widget.front import TARGET, Front, Held, widget

PROMPT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"


def ask(front: Front, **question: Any) -> tuple[protocol.WhatIfAnswer, np.ndarray, np.ndarray]:
    front.says({"kind": "what_if", "ask": 1, "run": 1, "absent": [], "replaced": [], **question})
    front.widget._questions.wait(60)
    event, (before, after) = front.events[-1]
    answer = decode(protocol.WhatIfAnswer, event)
    return answer, np.frombuffer(before, "<f4"), np.frombuffer(after, "<f4")


def row_of(features: int, absent: list[int]) -> int:
    return sum(2**i for i in range(features) if i not in absent)


def test_leaving_out_costs_nothing_where_the_ledger_knows() -> None:
    log_probs = table(6, 3)
    model = table_model(log_probs, 6)
    w = widget(model, method="leave_one_out")
    front = Front(w)
    w.run()
    w.wait(20)
    scored = len(model.asked)
    answer, before, after = ask(front, absent=[2])
    assert (answer.calls, len(model.asked)) == (0, scored)
    np.testing.assert_array_equal(before, log_probs[-1])
    np.testing.assert_array_equal(after, log_probs[row_of(6, [2])])
    assert answer.tokens == TARGET.texts
    answer, _, after = ask(front, absent=[0, 5])
    assert (answer.calls, len(model.asked)) == (1, scored + 1)
    np.testing.assert_array_equal(after, log_probs[row_of(6, [0, 5])])
    assert answer.writes is None


def test_a_question_is_answered_while_a_run_goes_on() -> None:
    log_probs = table(10, 3)
    model = Held(10)
    w = widget(model, features=10, method="kernel_shap", budget=400)
    front = Front(w)
    w.run()
    until(lambda: w.result is not None and w.result.provenance.calls >= 10, meanwhile=model.let)
    front.says({"kind": "what_if", "ask": 5, "run": 1, "absent": [3, 4], "replaced": []})
    until(lambda: not w._questions.busy, meanwhile=model.let)
    assert w.status == "running"
    ((answer, buffers),) = [(event, sent) for event, sent in front.events if event["kind"] == "what_if"]
    assert answer["ask"] == 5
    np.testing.assert_array_equal(np.frombuffer(buffers[1], "<f4"), log_probs[row_of(10, [3, 4])])
    w.stop()
    model.let_all()
    w.wait(10)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"absent": [9]}, "got 9"),
        ({"replaced": [{"feature": 0, "text": "x"}]}, "words of a BitsInput cannot be replaced"),
        ({"run": 8}, "got 8"),
    ],
)
def test_questions_that_make_no_sense_are_answered_in_plain_words(question: dict[str, Any], says: str) -> None:
    w = widget(method="leave_one_out")
    front = Front(w)
    w.run()
    w.wait(20)
    front.says({"kind": "what_if", "ask": 1, "run": 1, "absent": [], "replaced": [], **question})
    w._questions.wait(20)
    assert front.events[-1][0]["kind"] == "failed"
    assert says in front.events[-1][0]["message"]


def test_a_result_without_its_model_says_that_it_cannot_be_asked() -> None:
    result = attribute(table_model(table(6, 3), 6), None, BitsInput(6), TARGET, method="leave_one_out", progress=False)
    object.__setattr__(result, "game", None)
    front = Front(AttrWidget.from_result(result))
    for command in (
        {"kind": "what_if", "ask": 1, "run": 1, "absent": [0], "replaced": []},
        {"kind": "check", "run": 1},
    ):
        front.says(command)
        front.widget._questions.wait(20)
        assert "needs the model" in front.events[-1][0]["message"]


@pytest.fixture(scope="module")
def demo() -> Front:
    model, tokenizer = load_text()
    w = AttrWidget(model, tokenizer, PROMPT, method="leave_one_out")
    front = Front(w)
    w.run()
    w.wait(60)
    return front


def by_hand(prompt: str, target: tuple[int, ...]) -> np.ndarray:
    """Teacher forcing, one prompt, no cache."""
    model, tokenizer = load_text()
    ids = [*tokenizer(prompt)["input_ids"], *target]
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    start = len(ids) - len(target)
    return np.array([float(scores[start - 1 + k, token]) for k, token in enumerate(target)])


@pytest.mark.parametrize("granularity", ["word", "token"])
def test_other_words_are_scored_and_continued_as_if_they_had_been_typed(demo: Front, granularity: str) -> None:
    model, tokenizer = load_text()
    w = AttrWidget(model, tokenizer, PROMPT, demo.widget.result.target, method="leave_one_out", granularity=granularity)
    front = Front(w)
    w.run()
    result = w.wait(60)
    changed = PROMPT.replace("lawyer", "teacher")
    lawyer = [i for i, text in enumerate(result.features) if text.strip() and text.strip() in "lawyer" and i > 5]
    first, *rest = [i for i in lawyer if result.features[i].strip() not in ("a", "")]
    answer, before, after = ask(front, replaced=[{"feature": first, "text": "teacher"}], absent=rest)
    np.testing.assert_allclose(before, by_hand(PROMPT, result.target.ids), atol=1e-4)
    np.testing.assert_allclose(after, by_hand(changed, result.target.ids), atol=1e-4)
    assert answer.wrote is not None
    assert answer.writes is not None
    inputs = tokenizer(changed, return_tensors="pt")
    written = model.generate(**inputs, max_new_tokens=32, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert tokenizer.decode(written, skip_special_tokens=True).startswith(answer.writes)
    assert answer.writes != answer.wrote


def test_the_verdict_is_that_of_check(demo: Front) -> None:
    demo.says({"kind": "check", "run": 1})
    demo.widget._questions.wait(60)
    (found,) = (decode(protocol.Verdict, check) for check in demo.widget.checks)
    check = demo.widget.result.check()
    assert (found.verdict, found.trusted, found.held_out) == (check.verdict, check.trusted, check.held_out)
    assert found.rank_correlation == pytest.approx(check.rank_correlation)
    assert [(point.share, point.value) for point in found.deletion] == [tuple(row) for row in check.deletion.tolist()]
