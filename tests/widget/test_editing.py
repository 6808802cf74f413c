"""Prompts edited in the widget keep their kind: their numbers are those of that kind made with the new words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput, TemplateInput, TextInput, TokenInput
from tests.inputs.image.processors import build, picture
from tests.support import BitsInput, table, table_model
from tests.widget.front import TARGET, Front, widget

OPTIONS: dict[str, Any] = {"method": "leave_one_out"}


@pytest.fixture(scope="module")
def demo() -> Any:
    return load_text()


def text(verb: str) -> str:
    return f"Ivo {verb} a robot. Who has a robot?"


def chat(verb: str, system: str = "The user asks.\nBe brief.") -> list[dict[str, str]]:
    turns = (("system", system), ("user", text(verb)), ("assistant", "Ivo."), ("user", "Are you the user?"))
    return [{"role": role, "content": content} for role, content in turns]


def slots(tokenizer: Any, verb: str) -> TemplateInput:
    values = {"who": "Ivo", "what": verb}
    return TemplateInput(
        tokenizer, "{who} {what} a robot. Who has a robot?", values, baselines={"who": "Max", "what": "saw"}
    )


def ran(w: AttrWidget) -> Any:
    w.run()
    result = w.wait(60)
    assert w.status == "finished", w.progress["message"]
    return result


def assert_same(found: Any, right: Any) -> None:
    assert found.pieces == right.pieces
    np.testing.assert_allclose(found.sequence, right.sequence, atol=1e-4)


KINDS = {
    "text": lambda tok, verb: text(verb),
    "chat": lambda tok, verb: chat(verb),
    "ids": lambda tok, verb: tok(text(verb))["input_ids"],
    "rendered ids": lambda tok, verb: tok.apply_chat_template(chat(verb), tokenize=True, return_dict=False),
    "a baseline token": lambda tok, verb: TokenInput(tok, text(verb), baseline_token=None),
    "another baseline": lambda tok, verb: TextInput(tok, text(verb), baseline_text="…", granularity="sentence"),
    "slots": slots,
    "one role": lambda tok, verb: ChatInput(tok, chat(verb), roles=["user"], granularity="sentence"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_edited_prompt_is_of_the_kind_that_was_given(demo: Any, kind: str) -> None:
    model, tok = demo
    was, now = (KINDS[kind](tok, verb) for verb in ("has", "had"))
    w = AttrWidget(model, tok, was, " Ivo", **OPTIONS)
    given = w.prompt
    w.prompt = given.replace("Ivo has", "Ivo had")
    assert w.prompt != given
    right = attribute(model, tok, now, " Ivo", progress=False, **OPTIONS)
    assert_same(ran(w), right)
    # And so from a result that is shown again.
    again = AttrWidget.from_result(attribute(model, tok, was, " Ivo", progress=False, **OPTIONS))
    again.prompt = again.prompt.replace("Ivo has", "Ivo had")
    assert_same(ran(again), right)
    if kind in ("chat", "slots"):
        with pytest.raises(InputError):
            again.prompt = ""
    w.prompt = given
    assert_same(ran(w), attribute(model, tok, was, " Ivo", progress=False, **OPTIONS))


def test_turns_are_edited_one_by_one_and_cut_anew_at_each_granularity(demo: Any) -> None:
    model, tok = demo
    w = AttrWidget(model, tok, chat("has"), " Ivo", **OPTIONS)
    assert [field["label"] for field in w.fields if not field["fixed"]] == ["system", "user", "assistant", "user"]
    assert w.prompt == "".join(w.texts) == "The user asks.\nBe brief.\n" + text("has") + "\nIvo.\nAre you the user?"
    w.prompt = w.prompt.replace("The user asks.\nBe brief.", "").replace("the user?", "the\nuser?")
    right = chat("has", "")
    right[3]["content"] = "Are you the\nuser?"
    for level in ("word", "sentence", "token"):
        w.granularity = level
        assert_same(ran(w), attribute(model, tok, right, " Ivo", granularity=level, progress=False, **OPTIONS))


def test_the_front_end_edits_by_field_whatever_is_in_it(demo: Any) -> None:
    model, tok = demo
    w = AttrWidget(model, tok, chat("has"), " Ivo", **OPTIONS)
    front = Front(w)
    texts = list(w.texts)
    assert texts[0] == "The user asks.\nBe brief."
    # A line end goes from the first turn to the second: as one text the prompt could be cut in two ways.
    texts[0], texts[2] = "The user asks.", "Be brief.\n" + text("has")
    settings = settings_of(w)
    front.says({"kind": "run", "settings": {**settings, "prompt": "".join(texts), "texts": texts}})
    right = chat("has", "The user asks.")
    right[1]["content"] = texts[2]
    result = w.wait(60)
    assert_same(result, attribute(model, tok, right, " Ivo", progress=False, **OPTIONS))
    assert w.texts == list(w.chart["settings"]["texts"]) == texts
    # Without texts, as one text, from the command alone.
    settings.pop("texts")
    front.says({"kind": "run", "settings": {**settings, "prompt": settings["prompt"].replace("Ivo has", "Ivo had")}})
    assert_same(w.wait(60), attribute(model, tok, chat("had"), " Ivo", progress=False, **OPTIONS))
    w.texts = texts
    assert w.prompt == "".join(texts)


def settings_of(w: AttrWidget) -> dict[str, Any]:
    names = (
        "prompt",
        "target",
        "against",
        "method",
        "granularity",
        "value",
        "budget",
        "trials",
        "seed",
        "locked_stretches",
        "texts",
    )
    return {name: getattr(w, name) for name in names}


def test_what_a_prompt_cannot_be_edited_into_is_refused_in_words_and_nothing_changes(demo: Any) -> None:
    model, tok = demo
    w = AttrWidget(model, tok, chat("has"), " Ivo", **OPTIONS)
    before = (w.prompt, w.texts)
    with pytest.raises(InputError, match=r"4 fields \('system', 'user', 'assistant', 'user'\).*own text"):
        w.prompt = "Another prompt."
    assert (w.prompt, w.texts) == before
    front = Front(w)
    front.says({"kind": "run", "settings": {**settings_of(w), "prompt": "Another prompt."}})
    ((event, _),) = front.events
    assert (event["kind"], w.status) == ("failed", "idle")
    assert "4 fields" in event["message"]
    own = widget()
    assert [field["fixed"] for field in own.fields] == [
        "The words of a BitsInput cannot be edited here, only in Python."
    ]
    with pytest.raises(InputError, match="cannot be edited here"):
        own.prompt = "f0 f1"
    assert ran(own).features == tuple(f" f{i}" for i in range(6))


def test_locks_are_of_the_prompt_that_is_on_and_go_with_it(demo: Any) -> None:
    model, tok = demo
    w = AttrWidget(model, tok, chat("has"), " Ivo", **OPTIONS)
    given = w.prompt
    w.prompt = given.replace("Ivo has", "Ivo had")
    result = ran(w)
    whole = "".join(piece.text for piece in result.pieces)
    before, word, after = whole.partition(" had")
    w.locked_stretches = [before, word, after]
    held = ran(w)
    assert len(held.features) == len(result.features) - 1
    assert " had" not in held.features
    w.prompt = given  # locks of the edited conversation are nowhere in this one
    assert w.locked == []
    assert_same(ran(w), attribute(model, tok, chat("has"), " Ivo", progress=False, **OPTIONS))


def test_an_image_stays_with_the_text_around_it() -> None:
    model, processor = build("llava")
    more = {"image": picture(), "segments": 2, **OPTIONS}
    w = AttrWidget(model, processor, "Look: <image> What colour is the circle?", "red", **more)
    assert [(field["text"], bool(field["fixed"])) for field in w.fields] == [
        ("Look: ", False),
        ("<image>", True),
        (" What colour is the circle?", False),
    ]
    w.prompt = w.prompt.replace("circle", "square").replace("Look", "See")
    right = AttrWidget(model, processor, "See: <image> What colour is the square?", "red", **more)
    assert_same(ran(w), ran(right))
    with pytest.raises(InputError, match="found unchanged"):
        w.prompt = "What colour is the square?"
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What colour?"}]}]
    told = AttrWidget(model, processor, turns, "red", **more)
    assert told.prompt == "What colour?"  # no Python source
    told.prompt = "What shape?"
    asked = AttrWidget(model, processor, "What shape?", "red", **more)
    assert [field["label"] for field in asked.fields] == ["user", "user"]
    assert_same(ran(told), ran(asked))


def test_a_result_that_is_added_is_edited_as_what_it_was_made_of_and_one_can_go_back(demo: Any) -> None:
    model, tok = demo
    w = AttrWidget(model, tok, chat("has"), " Ivo", **OPTIONS)
    first = w.prompt
    ran(w)
    w.add(attribute(model, tok, slots(tok, "has"), " Ivo", progress=False, **OPTIONS))
    assert [field["label"] for field in w.fields if not field["fixed"]] == ["who", "what"]
    w.prompt = w.prompt.replace("Ivo has", "Eva had")
    assert "".join(ran(w).features) == "Evahad"
    w.prompt = first
    assert [field["label"] for field in w.fields if not field["fixed"]] == ["system", "user", "assistant", "user"]
    w.prompt, w.granularity = first.replace("Ivo has", "Ivo had"), "word"
    assert_same(ran(w), attribute(model, tok, chat("had"), " Ivo", progress=False, **OPTIONS))


def test_a_prompt_that_is_a_text_becomes_any_text() -> None:
    w = AttrWidget(table_model(table(3, 3), 3), None, BitsInput(3), TARGET)
    assert w.fields is not None
    plain = AttrWidget(None)
    assert (plain.fields, plain.texts) == (None, None)
    plain.prompt = "a\nb"
    plain.prompt = ""
    assert (plain.prompt, plain.texts) == ("", None)
