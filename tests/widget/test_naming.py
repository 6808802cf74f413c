"""Runs are called by what makes them different from the one before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_attr_widget.widget.naming import apart, name_of
from llm_attr_widget.widget.protocol import Settings

FIRST = Settings(prompt="Dave is a lawyer. He likes", target=" golf")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "shapley, word"),
        ({"prompt": "Dave is a. He likes"}, "shapley, word, without “lawyer”"),
        ({"prompt": "Dave is a teacher. He likes"}, "shapley, word, “lawyer” → “teacher”"),
        ({"prompt": "Dave is a good lawyer. He likes"}, "shapley, word, with “good”"),
        ({"prompt": "Eva was the boss of it all"}, "shapley, word, another prompt"),
        ({"target": " golf", "against": " chess"}, "contrast golf / chess"),
        ({"target": " playing golf", "against": " playing chess", "method": "lime"}, "contrast golf / chess, lime"),
        ({"target": " chess"}, "shapley, word, of “chess”"),
        ({"locked_stretches": ("Dave is a ", "lawyer", ". He likes")}, "shapley, word, “lawyer” locked"),
        ({"budget": 12_000, "trials": 4, "seed": 7}, "shapley, word, budget 12,000, trials 4, seed 7"),
        ({"method": "leave_one_out"}, "leave one out, word"),
        ({"value": "prob"}, "shapley, word, prob"),
    ],
)
def test_a_run_is_called_by_what_is_new_in_it(change: dict[str, object], name: str) -> None:
    settings = replace(FIRST, **change)
    assert name_of(settings, FIRST, settings.method, "word") == name


def test_the_first_run_has_nothing_before_it() -> None:
    assert name_of(replace(FIRST, seed=3), None, "kernel_shap", "turn") == "kernel shap, turn"


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (" playing golf", " playing chess", ("golf", "chess")),
        (" golf and", " golf", ("golf and", "golf")),
        ("打高尔夫", "打网球", ("打高尔夫", "打网球")),
    ],
)
def test_two_answers_are_told_apart_by_what_they_do_not_share(one: str, other: str, found: tuple[str, str]) -> None:
    assert apart(one, other) == found
