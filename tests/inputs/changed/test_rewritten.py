"""Every kind of prompt with other texts in its fields: the same kind, cut, replaced and locked as before."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput, ImageInput, TemplateInput, TextInput, TokenInput, rewritten
from llm_attr_widget.inputs.changed.in_place import in_place
from llm_attr_widget.inputs.changed.locked import HeldInput
from llm_attr_widget.inputs.changed.rewritten import fields_of
from llm_attr_widget.inputs.fields import joined, texts_in
from tests.inputs.image.processors import build, picture
from tests.inputs.kinds import KINDS, tokenizer_of
from tests.support import BitsInput

WORDS = tokenizer_of("byte_bpe")
RNG = np.random.default_rng(0)
GROUNDED = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for d in documents %}{{ d.text }}\n{% endfor %}"
    "{% for m in messages %}<s>[{{ m.role }}] {% if m.content is string %}{{ m.content }}{% else %}"
    "{% for p in m.content %}{{ p.text if p.type == 'text' else '*' }}{% endfor %}{% endif %}</s>{% endfor %}"
)
TOOLS = [{"type": "function", "function": {"name": "look_up"}}]


def text(verb: str) -> str:
    return f"Ivo {verb} a robot. Who has it?"


def messages(verb: str) -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": "The user asks."},
        {
            "role": "user",
            "content": [{"type": "image"}, {"type": "text", "text": text(verb)}, {"type": "text", "text": "Hm?"}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"name": "look_up"}]},
        {"role": "user", "content": text("has")},
    ]


def chat(verb: str, **more: Any) -> ChatInput:
    tokenizer = tokenizer_of("byte_bpe")
    tokenizer.chat_template = GROUNDED
    documents = [{"title": "News", "text": f"Ivo {verb} a dog."}]
    return ChatInput(tokenizer, messages(verb), documents=documents, tools=TOOLS, **more)


def template(verb: str, **more: Any) -> TemplateInput:
    values = {"who": "Ivo", "what": verb}
    return TemplateInput(
        WORDS, "{who} {what} a robot, {who}.", values, baselines={"who": "Max", "what": "sees"}, **more
    )


def ids(verb: str) -> list[int]:
    return WORDS(text(verb))["input_ids"]


def asked(verb: str, **more: Any) -> ImageInput:
    return ImageInput(build("llava")[1], picture(), text(verb), segments=2, **more)


def around(verb: str, **more: Any) -> ImageInput:
    return ImageInput(build("llava")[1], picture(), f"Look: <image> {text(verb)}", segments=2, **more)


def named(make: Any, **more: Any) -> Any:
    return pytest.param(lambda verb: make(verb, **more), id=f"{make.__name__} {more}")


def of_text(verb: str, **more: Any) -> TextInput:
    return TextInput(WORDS, text(verb), **more)


def of_tokens(verb: str, **more: Any) -> TokenInput:
    return TokenInput(WORDS, text(verb), **more)


def of_ids(verb: str, **more: Any) -> TokenInput:
    return TokenInput(WORDS, ids(verb), **more)


def same(one: Any, other: Any) -> None:
    """The same features, and the same prompts for all coalitions of a sample."""
    assert type(one) is type(other)
    assert one.pieces == other.pieces
    assert (one.features, one.baseline, one.units) == (other.features, other.baseline, other.units)
    rows = np.random.default_rng(1).random((8, len(one.features))) < 0.5
    keys = [[prompt.key for prompt in given.render(rows, np.random.default_rng(2))] for given in (one, other)]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    "make",
    [
        named(of_text, granularity="sentence"),
        named(of_text, granularity=re.compile("Ivo|robot"), baseline_text="…"),
        named(of_text, locked=[0, 2, 8]),
        named(of_text, locked=re.compile("robot")),
        named(of_tokens, baseline_token=None, perturb_special=True),
        named(of_tokens, baseline_token="remove", skip_tokens=["Ġa"]),
        named(of_ids),
        named(of_ids, baseline_token="!"),
        named(chat),
        named(chat, granularity="turn"),
        named(chat, roles=["user"], granularity="sentence", locked=[1]),
        named(chat, turns=[3], baseline_text="…"),
        named(template),
        named(template, locked=["who"]),
        named(template, groups={"who": 2, "what": 2}),
        named(asked),
        named(asked, granularity="word", baseline_image="blur"),
        named(around, granularity="sentence"),
        named(around),
    ],
)  # fmt: skip
def test_a_rewritten_prompt_is_what_would_be_made_with_its_words(make: Any) -> None:
    was, wanted = make("has"), make("had")
    same(was.rewritten([field.text for field in was.fields]), was)
    wanted_texts = [field.text for field in wanted.fields]
    assert list(texts_in(was.fields, joined(wanted.fields))) == wanted_texts
    same(rewritten(was, wanted_texts), wanted)
    same(rewritten(rewritten(was, wanted_texts), [field.text for field in was.fields]), was)
    assert rewritten(was, [field.text for field in was.fields]) is was


def test_spans_move_with_their_words() -> None:
    was = TextInput(WORDS, text("has"), granularity=[(0, 3), (10, 15)], locked=[0])
    now = was.rewritten([text("really had")])
    assert now.features == ("robot",)
    assert barest(now) == "<s>Ivo really had a . Who has it?"


def barest(prompt: Any) -> str:
    """What is left where every feature is absent."""
    nothing = np.zeros((1, len(prompt.features)), dtype=bool)
    return WORDS.decode(prompt.render(nothing, RNG)[0].ids)


def test_a_conversation_s_fields_are_its_texts_and_what_else_the_template_gets_is_fixed() -> None:
    fields = chat("has").fields
    editable = [(field.label, field.text) for field in fields if not field.fixed]
    assert editable == [
        ("document", "Ivo has a dog."),
        ("system", "The user asks."),
        ("user", text("has")),
        ("user", "Hm?"),
        ("user", text("has")),
    ]
    assert [(field.label, field.fixed) for field in fields if field.fixed and field.label] == [
        ("tools", "Tools stay as they are given in Python."),
        ("user", "The image here stays as it is given in Python."),
        ("assistant", "Its tool_calls stays as it is given in Python."),
    ]
    # A role's name in the words, the same words in two turns: only the field that is edited changes.
    texts = [field.text for field in fields]
    texts[-1] = ""
    now = chat("has").rewritten(texts)
    assert [message.get("content") for message in now.messages[:3]] == [m["content"] for m in messages("has")[:3]]
    assert now.messages[3]["content"] == ""
    assert now.messages[2]["tool_calls"] == [{"name": "look_up"}]
    assert now.documents == [{"title": "News", "text": "Ivo has a dog."}]


def test_chat_messages_stay_messages_and_a_text_a_text() -> None:
    given = messages("has")
    fields = fields_of(given)
    assert "[{" not in joined(fields)  # no Python source of a content with parts
    now = rewritten(given, texts_in(fields, joined(fields).replace("Ivo has", "Ivo had", 1)))
    wanted = messages("has")
    wanted[1]["content"][1]["text"] = text("had")
    assert now == wanted
    assert given == messages("has")
    assert rewritten("Ivo has", ["Ivo had"]) == "Ivo had"


@pytest.mark.parametrize("texts", [["a"], ["a", "b", "c"], ["Eva", " ", "has", " a dog, ", "Eva", "."]])
def test_texts_that_do_not_fit_the_fields_are_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match="Expected 6 texts for the fields of this prompt"):
        rewritten(template("has"), texts)


def test_a_slot_changes_wherever_the_template_shows_it() -> None:
    was = template("has")
    now: Any = rewritten(was, texts_in(was.fields, "Eva has a robot, Eva."))
    assert now.values == {"who": "Eva", "what": "has"}
    assert list(was.values) == ["who", "what"]
    by_place = TemplateInput(WORDS, "{} {}", ["Ivo", "has"])
    assert [field.label for field in by_place.fields] == ["slot 1", "", "slot 2"]
    assert by_place.rewritten(["Ivo", " ", "had"]).values == ["Ivo", "had"]
    loud = TemplateInput(WORDS, lambda who, what: f"{who.upper()} {what}", {"who": "Ivo", "what": "has"})
    assert [(field.label, bool(field.fixed)) for field in loud.fields] == [("", True), ("what", False), ("who", True)]
    assert loud.rewritten(["IVO ", "had", ""]).values == {"who": "Ivo", "what": "had"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("dave lives in palm coast", "dave lived in palm coast"),
        ("dave lives", "nina lives"),
        ("who is it?", "who was it?"),
    ],
)
def test_edited_ids_are_those_of_the_edited_text(kind: str, was: str, now: str) -> None:
    tokenizer = tokenizer_of(kind)
    given = TokenInput(tokenizer, tokenizer(was)["input_ids"])
    shown, wanted = (TokenInput(tokenizer, tokenizer(text)["input_ids"]).fields for text in (was, now))
    assert len(shown) == len(wanted)
    edited = given.rewritten([field.text for field in wanted])
    assert edited._ids == tuple(tokenizer(now)["input_ids"])
    assert edited.rewritten([field.text for field in shown])._ids == given._ids


def test_ids_of_words_that_were_not_edited_stay_however_they_were_encoded() -> None:
    letters = [i for letter in "Palm" for i in WORDS(letter, add_special_tokens=False)["input_ids"]]
    rest = WORDS(" Coast, FL", add_special_tokens=False)["input_ids"]
    was = TokenInput(WORDS, [0, *letters, *rest, 1])
    assert [field.text for field in was.fields] == ["<s>", "Palm Coast, FL", "</s>"]
    now = was.rewritten(["<s>", "Palm Beach, FL", "</s>"])
    beach = WORDS(" Beach,", add_special_tokens=False)["input_ids"]
    fl = WORDS(" FL", add_special_tokens=False)["input_ids"]
    assert list(rest[-len(fl) :]) == list(fl)
    assert now._ids == (0, *letters, *beach, *fl, 1)


def test_a_prompt_of_one_s_own_is_one_fixed_field_unless_it_says_more() -> None:
    (field,) = fields_of(BitsInput(2))
    assert field.text == " f0 f1"
    assert field.fixed == "The words of a BitsInput cannot be edited here, only in Python."
    with pytest.raises(InputError, match="cannot be edited here, only in Python"):
        texts_in((field,), "f0")
    with pytest.raises(InputError, match="Expected 1 texts"):
        rewritten(BitsInput(2), ["f0"])


def test_what_is_made_of_a_prompt_is_rewritten_with_it() -> None:
    was = TextInput(WORDS, text("has"))
    wanted = TextInput(WORDS, text("had"))
    placed, _ = in_place(was, WORDS, RNG)
    same(placed.rewritten([text("had")]), in_place(wanted, WORDS, RNG)[0])
    # Segments are held by their number, words where they stand.
    held = HeldInput(asked("has", granularity="word"), frozenset({0, 5}))
    same(
        rewritten(held, [field.text for field in asked("had").fields]),
        HeldInput(asked("had", granularity="word"), frozenset({0, 5})),
    )
    assert replace(held, held=frozenset({0})).fields == held.fields
