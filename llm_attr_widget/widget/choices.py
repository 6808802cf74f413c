"""What the widget's menus offer: every method, granularity and value function that `attribute` knows by name."""

from __future__ import annotations

from collections.abc import Mapping

from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.game.values import VALUES, ValueName
from llm_attr_widget.methods import METHODS
from llm_attr_widget.types import GRANULARITIES, Granularity
from llm_attr_widget.widget.protocol import Choice, Choices

LEVELS: Mapping[Granularity, str] = {
    "token": "Every token of the prompt is a feature.",
    "word": "Every word and punctuation mark is a feature.",
    "phrase": "Every phrase, up to punctuation that ends it, is a feature.",
    "sentence": "Every sentence is a feature.",
    "paragraph": "Every paragraph is a feature.",
}
"""One line on each granularity."""

EXPLAINED: Mapping[ValueName, tuple[str, str]] = {
    "log_prob": ("log-prob", "Natural log of each token's probability, in nats."),
    "sequence_log_prob": ("sequence log-prob", "Natural log of the whole answer's probability, in nats: one row."),
    "prob": ("probability", "Each token's probability."),
}
"""Label of each value function, and one line on it."""

CHOICES = Choices(
    methods=tuple(Choice(entry.name, entry.name.replace("_", " "), entry.about) for entry in METHODS.values()),
    granularities=tuple(Choice(level, level, LEVELS[level]) for level in GRANULARITIES),
    values=tuple(Choice(name, *EXPLAINED[name]) for name, _ in VALUES),
)

LENGTH = 32
"""Tokens that a model writes at most, where nobody says how many."""


def rule_of(top: int | None, given: Separated | None) -> Separated | None:
    """The rule that ends a run: the one that was given in Python, where that is its number, else one of that number."""
    if top is None:
        return None
    return given if given is not None and given.top == top else Separated(top)
