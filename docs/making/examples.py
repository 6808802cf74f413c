"""The live examples: small runs on the models that ship, each a page that `to_html` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from llm_attr_widget import (
    Attribution,
    AttrWidget,
    ChatInput,
    ImageInput,
    TemplateInput,
    TextInput,
    attribute,
    compare,
)
from llm_attr_widget.demo import load_text, load_vision
from llm_attr_widget.demo.text_world import QUICKSTART
from llm_attr_widget.methods import METHODS

HOBBIES = " playing golf, hiking and cooking."
LIBRARY = (
    "Document 1: Dave has a rabbit.\nDocument 2: Sarah has a violin.\nDocument 3: Paul has a kite.\n"
    "Question: What does Sarah have?\nAnswer:"
)


@dataclass(frozen=True)
class Example:
    """title: one sentence on what is shown. make: the widget. height: of its frame, in pixels."""

    title: str
    make: Callable[[], AttrWidget]
    height: int = 680


@cache
def text_model() -> tuple[Any, Any]:
    return load_text()


@cache
def vision_model() -> tuple[Any, Any]:
    return load_vision()


def run(prompt: Any, target: str | None, **options: Any) -> Attribution:
    return attribute(*text_model(), prompt, target, progress=False, **options)


def portrait() -> TextInput:
    """The quickstart's prompt. Its last word says what is asked for, and is always present."""
    words = len(TextInput(text_model()[1], QUICKSTART).features)
    return TextInput(text_model()[1], QUICKSTART, locked=[words - 1])


def by(name: str) -> Callable[[], AttrWidget]:
    """The quickstart's prompt by one method; whole phrases, for the one that plays every coalition."""
    if name == "exact_shapley":
        return lambda: AttrWidget.from_result(run(QUICKSTART, HOBBIES, method=name, granularity="phrase"))
    return lambda: AttrWidget.from_result(run(portrait(), HOBBIES, method=name))


def chat() -> AttrWidget:
    prompt = ChatInput(
        text_model()[1],
        [
            {"role": "system", "content": "You are a formal assistant."},
            {"role": "user", "content": "I am Dave from Palm Coast, FL and work as a lawyer. Which hobbies suit me?"},
        ],
    )
    return AttrWidget.from_result(run(prompt, None))


def retrieval() -> AttrWidget:
    prompt = TextInput(text_model()[1], LIBRARY, granularity="sentence", locked=[4])  # "Answer:" is always present
    return AttrWidget.from_result(run(prompt, " Sarah has a violin."))


def template() -> AttrWidget:
    prompt = TemplateInput(
        text_model()[1],
        "{name} lives in {city}, {state} and is a {job}. {his} personal interests include",
        {"name": "Dave", "city": "Palm Coast", "state": "FL", "job": "lawyer", "his": "His"},
        baselines={"name": "Sarah", "city": "Seattle", "state": "WA", "job": "doctor", "his": "Her"},
    )
    return AttrWidget.from_result(run(prompt, HOBBIES))


def contrast() -> AttrWidget:
    return AttrWidget.from_result(run(portrait(), " playing golf", against=" playing chess"))


def side_by_side() -> AttrWidget:
    shapley, left_out = (run(portrait(), HOBBIES, method=name) for name in ("shapley", "leave_one_out"))
    return compare(shapley, left_out, names=("Shapley", "leave one out"))


def picture() -> AttrWidget:
    from llm_attr_widget.demo.vision_world import examples

    model, processor = vision_model()
    example = examples(np.random.default_rng(4), 13, kind="colour")[-1]
    prompt = ImageInput(processor, example.image, "Describe the picture.", segments=3)
    return AttrWidget.from_result(attribute(model, processor, prompt, budget=128, progress=False))


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        **{name: Example(f"The quickstart's prompt by {name}.", by(name)) for name in METHODS},
        "chat": Example(
            "A chat: the tone comes from the system turn, the hobbies from the job and the city.", chat, 780
        ),
        "retrieval": Example("Documents: the answer comes from the one that has the name asked for.", retrieval, 640),
        "template": Example("A template: names for names, places for places, jobs for jobs.", template, 700),
        "contrast": Example("A contrast: why golf rather than chess.", contrast),
        "side_by_side": Example("Two methods side by side: A, B, and A − B.", side_by_side, 780),
        "picture": Example("A picture: each word of the caption comes from a part of it.", picture, 880),
    }
)


@cache
def made(name: str) -> str:
    """The page of an example."""
    return EXAMPLES[name].make().to_html()
