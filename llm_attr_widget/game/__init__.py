"""Input × model × target × value function: coalitions in, values out, and the ledger of all that was played."""

from __future__ import annotations

from llm_attr_widget.game.game import Evaluator, Game
from llm_attr_widget.game.ledger import Ledger, load_ledger
from llm_attr_widget.game.targets import Target, TargetLike, make_target
from llm_attr_widget.game.values import Contrast, LogProb, Prob, SequenceLogProb, Value, ValueLike, make_value

__all__ = [
    "Contrast",
    "Evaluator",
    "Game",
    "Ledger",
    "LogProb",
    "Prob",
    "SequenceLogProb",
    "Target",
    "TargetLike",
    "Value",
    "ValueLike",
    "load_ledger",
    "make_target",
    "make_value",
]
