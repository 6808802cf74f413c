"""The generated text: its causes stand where they are said to stand, and what is held out stays out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget.demo.text_world import (
    CITIES,
    JOBS,
    OUTDOOR,
    QUICKSTART,
    SPECIAL,
    _is_held_out,
    bare,
    examples,
    words,
)

KINDS = ("portrait", "story", "review", "retrieval", "chat")


@pytest.fixture(scope="module")
def held_out():
    return examples(np.random.default_rng(0), 500)


def test_kinds_come_in_turn(held_out):
    assert tuple(e.kind for e in held_out[:5]) == KINDS
    assert {e.kind for e in examples(np.random.default_rng(0), 20, kind="review")} == {"review"}


def test_same_seed_same_examples():
    first, second, other = (examples(np.random.default_rng(seed), 20) for seed in (1, 1, 2))
    assert first == second != other


def test_causes_stand_in_prompt_and_answer(held_out):
    for example in held_out:
        prompt = [bare(word) for word in words(example.prompt)]
        answer = [bare(word) for word in words(example.answer)]
        assert example.causes
        for cause in example.causes:
            assert answer.count(cause.answer_word) == 1
            assert set(cause.prompt_words) <= set(prompt)


def test_a_cause_decides_alone(held_out):
    """Equal causes, equal answer word: the rest of the prompt has no say (but for copying, where it says which)."""
    decided: dict[tuple[str, tuple[str, ...], int], str] = {}
    for example in (e for e in held_out if e.kind in {"portrait", "story", "review"}):
        for place, cause in enumerate(example.causes):
            key = (example.kind, cause.prompt_words, place)
            assert decided.setdefault(key, cause.answer_word) == cause.answer_word


def test_facts_are_grids():
    """No fact can be read off another one: every city and every job fills one cell of its grid, alone."""
    cities = [city for row in CITIES.values() for city in row]
    assert len(set(cities)) == len(cities) == len(CITIES) * len(OUTDOOR)
    jobs = [job for row in JOBS for job in row]
    assert len(set(jobs)) == len(jobs)
    assert not any(job.startswith(tuple("aeiou")) for job in jobs), "an article would give the job away"


def test_training_never_sees_held_out_prompts(held_out):
    training = {e.prompt for e in examples(np.random.default_rng(1), 2000, held_out=False)}
    assert not training & {e.prompt for e in held_out}


def test_quickstart_facts_are_held_out():
    facts = ("Dave", "Palm Coast", "lawyer")
    assert _is_held_out(facts)
    assert all(fact in QUICKSTART for fact in facts)


@given(st.lists(st.one_of(st.sampled_from(SPECIAL), st.text())))
def test_words_join_to_the_prompt(parts):
    text = "".join(parts)
    assert "".join(words(text)) == text


def test_words_keep_their_space_and_special_tokens_apart():
    assert words("<|user|>Ann  has a tent.\nWhy?<|end|>") == [
        "<|user|>",
        "Ann",
        "  has",
        " a",
        " tent.",
        "\nWhy?",
        "<|end|>",
    ]
