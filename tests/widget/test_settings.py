"""Settings of the widget: what `attribute` takes works in it, what it refuses is refused at once, in the same words."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any, get_args

import numpy as np
import pytest
import traitlets

from llm_attr_widget import AttrWidget, attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import AttributionError, MethodError, ProtocolError
from llm_attr_widget.game.values import ValueName
from llm_attr_widget.methods import METHODS
from llm_attr_widget.types import GRANULARITIES
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.choices import CHOICES
from llm_attr_widget.widget.table import fields_of
from llm_attr_widget.widget.traits import synced
from llm_attr_widget.widget.typescript import typescript
from llm_attr_widget.widget.wire import decode, encode
from tests.widget.front import Front, widget

BAD: tuple[dict[str, Any], ...] = (
    {"granularity": "phras"},
    {"granularity": "Word"},
    {"granularity": None},
    {"granularity": 3},
    {"value": "logprob"},
    {"value": ""},
    {"value": None},
    {"method": "integrated_gradients"},
    {"method": "Shapley"},
    {"budget": "many"},
    {"budget": 2.5},
    {"budget": True},
    {"trials": 0},
    {"trials": -2},
    {"trials": "3"},
    {"trials": 1.5},
    {"seed": -1},
    {"seed": "x"},
)
# What `attribute` can only refuse together.
TOGETHER: tuple[dict[str, Any], ...] = (
    {"method": "leave_one_out", "budget": 40},
    {"against": " cats", "value": "prob"},
    {"against": " cats", "value": "sequence_log_prob"},
)


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    return load_text()


def refusal(make: Any) -> tuple[type[AttributionError], str]:
    with pytest.raises(AttributionError) as caught:
        make()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("options", [*BAD, *TOGETHER], ids=str)
def test_what_attribute_refuses_the_widget_refuses_when_it_is_made(demo: tuple[Any, Any], options: Any) -> None:
    prompt, target = "Anna likes dogs.", " dogs"
    said = refusal(lambda: attribute(*demo, prompt, target, progress=False, **options))
    assert refusal(lambda: AttrWidget(*demo, prompt, target, **options)) == said


@pytest.mark.parametrize("options", BAD, ids=str)
def test_and_when_it_is_set_and_then_the_setting_stays(demo: tuple[Any, Any], options: Any) -> None:
    ((name, value),) = options.items()
    w = AttrWidget(*demo, "Anna likes dogs.", " dogs")
    before = getattr(w, name)
    said = refusal(lambda: attribute(*demo, "Anna likes dogs.", " dogs", progress=False, **options))
    assert refusal(lambda: setattr(w, name, value)) == said
    assert getattr(w, name) == before


def test_the_granularity_error_names_every_granularity() -> None:
    with pytest.raises(AttributionError) as caught:
        widget().granularity = "letter"
    assert all(level in str(caught.value) for level in ("token", "word", "phrase", "sentence", "paragraph"))


def test_a_bad_setting_that_the_front_end_sends_is_answered_in_the_same_words() -> None:
    w = widget()
    front = Front(w)
    settings = {entry.name: getattr(w, entry.name) for entry in fields_of(protocol.Settings)}
    front.says({"kind": "run", "settings": {**settings, "method": "integrated_gradients"}})
    ((event, _),) = front.events
    assert event["kind"] == "failed"
    assert event["message"] == refusal(lambda: setattr(w, "method", "integrated_gradients"))[1]


def test_run_refuses_at_once_what_does_not_go_together() -> None:
    w = widget(method="kernel_shap", budget=40)
    w.method = "leave_one_out"
    with pytest.raises(MethodError, match="budget=40"):
        w.run()


@pytest.mark.parametrize(
    "options",
    [
        *({"granularity": level} for level in GRANULARITIES),
        *({"value": name} for name in get_args(ValueName)),
        *({"method": name} for name in METHODS),
        {"budget": np.int64(40), "trials": np.int64(2), "seed": np.int32(3)},
    ],
    ids=str,
)
def test_what_attribute_takes_works_in_the_widget(demo: tuple[Any, Any], options: Any) -> None:
    prompt, target = "Anna likes dogs, and Ben cats. Anna has a", " dog"
    w = AttrWidget(*demo, prompt, target, **options)
    Front(w)
    w.run()
    assert w.wait(60) is not None, w.progress
    assert w.status == "finished", w.progress
    expected = attribute(*demo, prompt, target, progress=False, **options)
    np.testing.assert_allclose(w.wait().values, expected.values, atol=1e-4)
    for name, value in options.items():
        assert w.chart["settings"][name] == value
    decode(protocol.Ending, {entry.name: getattr(w, entry.name) for entry in fields_of(protocol.Ending)})


def test_the_menus_offer_all_that_attribute_knows() -> None:
    assert [choice.name for choice in CHOICES.methods] == list(METHODS)
    assert tuple(choice.name for choice in CHOICES.granularities) == GRANULARITIES
    assert tuple(choice.name for choice in CHOICES.values) == get_args(ValueName)


def test_locked_lists_what_is_locked_and_nothing_else(demo: tuple[Any, Any]) -> None:
    w = AttrWidget(*demo, "Anna and Anna like dogs.", " dogs", method="leave_one_out")
    assert w.locked == []
    w.locked_stretches = ["Anna and", " Anna", " like", " dogs."]
    assert w.locked == [" Anna", " dogs."]
    Front(w)
    w.run()
    result = w.wait(60)
    assert result is not None, w.progress
    assert result.features == ("Anna", " and", " like")
    assert list(w.chart["settings"]["locked_stretches"]) == w.locked_stretches
    w.locked_stretches = ["Anna and Anna like dogs."]
    assert w.locked == []
    w.locked_stretches = ["", "Anna", " and Anna like dogs."]
    assert w.locked == ["Anna"]
    w.prompt = "Ben likes dogs."
    assert (w.locked, w.locked_stretches) == ([], [])


def test_every_field_of_the_table_is_a_synced_trait() -> None:
    names = [entry.name for record in protocol.TRAITS for entry in fields_of(record)]
    assert len(names) == len(set(names))
    assert set(names) <= set(widget().keys)


@pytest.fixture
def with_more(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The protocol with two more settings, added as somebody would: to `Settings`, nowhere else."""
    code = inspect.getsource(protocol)
    last = '    locked_stretches: Annotated[tuple[str, ...], Formerly("locked")] = ()\n\n    def __post_init__'
    assert code.count(last) == 1
    more = """    width: Annotated[int, check_trials, Option("Width", "how wide", least=1)] = 7
    mood: Literal["calm", "wild"] = "calm"
"""
    table = ModuleType("protocol_with_more")
    monkeypatch.setitem(sys.modules, table.__name__, table)
    exec(compile(code.replace(last, more + last), "protocol_with_more.py", "exec"), vars(table))
    return table


def test_a_setting_is_added_in_one_place(with_more: ModuleType) -> None:
    printed = typescript(with_more)
    assert '  readonly width: number;\n  readonly mood: "calm" | "wild";\n' in printed
    assert '  width: number,\n  mood: oneOf("calm", "wild"),\n' in printed
    assert '{"name": "width", "label": "Width", "about": "how wide", "least": 1, "empty": 7}' in printed
    assert '"width": 7, "mood": "calm"' in printed
    traits = synced(*with_more.TRAITS)
    assert set(traits) - set(synced(*protocol.TRAITS)) == {"width", "mood"}

    class Toy(traitlets.HasTraits):
        locals().update(traits)

    toy: Any = Toy()
    assert (toy.width, toy.mood) == (7, "calm")
    with pytest.raises(MethodError, match="got trials=0"):
        toy.width = 0
    with pytest.raises(traitlets.TraitError, match="mood: expected one of 'calm', 'wild', got 'sad'"):
        toy.mood = "sad"
    assert (toy.width, toy.mood) == (7, "calm")
    with pytest.raises(MethodError, match="got trials=0"):
        with_more.Settings(width=0)
    settings = {**encode(with_more.Settings()), "mood": "wild"}
    assert decode(with_more.Settings, settings).mood == "wild"
    del settings["width"]
    with pytest.raises(ProtocolError, match=r"missing fields \['width'\]"):
        decode(with_more.Settings, settings)
