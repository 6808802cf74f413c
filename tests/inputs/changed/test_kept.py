"""Locks and spans stay with their words while the text around them is edited."""

from __future__ import annotations

import pytest

from llm_attr_widget.inputs.changed.kept import kept_features, moved_spans
from llm_attr_widget.types import Piece


def words(text: str) -> list[Piece]:
    return [Piece(f" {word}", at) for at, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("was", "held", "now", "kept"),
    [
        ("Ivo has a robot", {1}, "Ivo had a robot", {1}),  # all that is written anew was locked
        ("Ivo has a robot", {3}, "So Ivo has a robot", {4}),
        ("Ivo has a robot", {0}, "Ivo really has a robot", {0}),
        ("Ivo has a robot", {0, 1}, "Ivo really has a robot", {0, 1, 2}),  # between two that are locked
        ("Ivo has a robot", {1}, "Eva owns a robot", {1}),
        ("Ivo has a robot", {1}, "Ivo a robot", set()),
        ("a b a b", {2}, "a b a b c", {2}),
    ],
)
def test_locked_words_are_found_again(was: str, held: set[int], now: str, kept: set[int]) -> None:
    assert kept_features(words(was), held, words(now)) == kept


def test_features_without_a_text_keep_their_numbers() -> None:
    was = [Piece("Ivo", 2), Piece(" has", 3)]
    assert kept_features(was, {0, 3}, [Piece("So", 2), Piece(" Ivo", 3), Piece(" has", 4)]) == {0, 4}


@pytest.mark.parametrize(
    ("spans", "now", "moved"),
    [
        (["Ivo", "robot"], "So Ivo has a robot.", ["Ivo", "robot"]),
        (["Ivo", "robot"], "Eva has a robot.", ["Eva", "robot"]),
        (["Ivo", "robot"], " has a robot.", ["robot"]),
        (["Ivo has", "a robot"], "Ivo really has the robot.", ["Ivo really has", "the robot"]),
        (["has", "a"], "Ivo hasa robot.", ["hasa"]),
        (["Ivo has a robot."], "Eva had two robots!", ["Eva had two robots!"]),
    ],
)
def test_spans_are_where_their_words_are(spans: list[str], now: str, moved: list[str]) -> None:
    was = "Ivo has a robot."
    given = [(was.index(part), was.index(part) + len(part)) for part in spans]
    assert [now[start:end] for start, end in moved_spans(given, was, now)] == moved
