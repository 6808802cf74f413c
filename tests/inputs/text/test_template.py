from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ProductBaselines, SampledBaselines, TemplateInput
from tests.inputs.kinds import KINDS, tokenizer_of

RNG = np.random.default_rng(0)
TEMPLATE = "{name} lives in {city}, {state} and {name} is {{happy}}."
VALUES = {"name": "Dave", "city": "Palm Coast", "state": "FL"}


def made(template: Any = TEMPLATE, values: Any = VALUES, **options: Any) -> TemplateInput:
    return TemplateInput(tokenizer_of("byte_bpe"), template, values, **options)


def without(given: TemplateInput, *absent: int, seed: int = 0) -> str:
    present = [[i not in absent for i in range(len(given.features))]]
    return given.texts(np.array(present), np.random.default_rng(seed))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_all_features_render_to_the_filled_template(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    given = TemplateInput(tokenizer, TEMPLATE, VALUES)
    whole = TEMPLATE.format(**VALUES)
    assert given.render(np.ones((1, 3), dtype=bool), RNG)[0].ids == tuple(tokenizer(whole)["input_ids"])
    assert "".join(piece.text for piece in given.pieces) == whole


def test_values_are_features_wherever_they_stand() -> None:
    given = made()
    assert given.features == ("Dave", "Palm Coast", "FL")
    assert [(p.text, p.feature) for p in given.pieces] == [
        ("Dave", 0), (" lives in ", None), ("Palm Coast", 1), (", ", None), ("FL", 2), (" and ", None), ("Dave", 0),
        (" is {happy}.", None),
    ]  # fmt: skip
    assert without(given, 0) == " lives in Palm Coast, FL and  is {happy}."
    assert given.baseline == "removed"
    assert not given.random


@pytest.mark.parametrize("template", ["{} in {}", "{0} in {1}", lambda a, b: f"{a} in {b}"])
def test_templates_by_position(template: Any) -> None:
    given = made(template, ["Dave", "Oakland"], baselines=["Nina", "Dallas"])
    assert without(given, 1) == "Dave in Dallas"
    assert given.baseline == "replaced by 'Nina', 'Dallas'"
    assert [(p.text, p.feature) for p in given.pieces] == [("Dave", 0), (" in ", None), ("Oakland", 1)]


def test_a_function_by_name_may_do_as_it_likes_with_its_values() -> None:
    given = made(lambda name, city: f"{city.upper()}: {name}", {"name": "Dave", "city": "Dallas"})
    assert without(given, 0) == "DALLAS: "
    assert given.features == ("Dave", "Dallas")
    assert "".join(p.text for p in given.pieces) == "DALLAS: Dave"


def test_slots_of_a_group_are_one_feature() -> None:
    given = made(groups={"name": 7, "city": 3, "state": 3}, baselines={"name": "Nina", "city": "Dallas", "state": "TX"})
    assert given.features == ("Dave", "Palm Coast … FL")
    assert without(given, 1) == "Dave lives in Dallas, TX and Dave is {happy}."


def test_locked_slots_keep_their_value() -> None:
    given = made(locked=("name",))
    assert given.features == ("Palm Coast", "FL")
    assert without(given, 0, 1) == "Dave lives in ,  and Dave is {happy}."


def test_product_baselines_draw_each_slot_by_itself() -> None:
    given = made("{} {}", ["a", "b"], baselines=ProductBaselines([["x", "y"], ["u", "v", "w"]]))
    assert given.random
    drawn = [without(given, 0, 1, seed=seed) for seed in range(600)]
    counts = np.array([drawn.count(f"{a} {b}") for a in "xy" for b in "uvw"])
    assert counts.sum() == 600
    assert ((counts > 60) & (counts < 140)).all()
    assert without(given) == "a b"


def test_sampled_baselines_draw_all_slots_together() -> None:
    rows = [{"name": "Nina", "city": "Dallas", "state": "TX"}, {"name": "Omar", "city": "Boston", "state": "MA"}]
    given = made(baselines=SampledBaselines(rows))
    drawn = {without(given, 0, 1, 2, seed=seed) for seed in range(30)}
    assert drawn == {TEMPLATE.format(**row) for row in rows}


def test_one_draw_is_shared_by_all_coalitions_of_a_call() -> None:
    given = made("{} {}", ["a", "b"], baselines=lambda rng: [str(rng.random()), str(rng.random())])
    one, other = given.texts(np.array([[False, True], [False, False]]), RNG)
    assert one.split()[0] == other.split()[0]
    assert given.texts(np.array([[False, True]]), RNG)[0] != one
    assert given.baseline.startswith("drawn by")


@pytest.mark.parametrize(
    ("template", "values", "options", "words"),
    [
        ("{} {}", ["a"], {}, "cannot be filled"),
        ("{name}", ["a"], {}, "cannot be filled"),
        ("{name", {"name": "a"}, {}, "cannot be filled"),
        ("{}", ["a", "b"], {}, "a slot for each value"),
        ("{}", [3], {}, "values as texts"),
        ("{}", "a", {}, "values as a list"),
        ("{}", ["a"], {"baselines": ["x", "y"]}, "baselines for the slots"),
        ("{}", ["a"], {"baselines": {"a": "x"}}, "baselines for the slots"),
        ("{}", ["a"], {"baselines": [None]}, "baselines as texts"),
        ("{}", ["a"], {"groups": [0, 1]}, "groups for the slots"),
        ("{}", ["a"], {"locked": [2]}, "locked slots"),
        ("{}", ["a"], {"locked": [0]}, "at least one slot"),
        ("none", [], {}, "at least one slot"),
        (lambda a: 3, ["a"], {}, "return text"),
    ],
)
def test_what_does_not_fit_is_refused(template: Any, values: Any, options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        made(template, values, **options)


def test_nothing_to_draw_from_is_refused() -> None:
    for baselines in (ProductBaselines([[]]), SampledBaselines([])):
        with pytest.raises(InputError, match="at least one"):
            without(made("{}", ["a"], baselines=baselines), 0)
