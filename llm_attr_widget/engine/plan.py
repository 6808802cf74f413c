"""Before a run: check every argument, fix the target, and say what will be played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from llm_attr_widget.engine.autosave import PathLike, autosave_path, ledger_of
from llm_attr_widget.engine.descend import differentiable
from llm_attr_widget.engine.stopping import Separated, check_rule
from llm_attr_widget.errors import CapabilityError, InputError, MethodError, discreet
from llm_attr_widget.game.belonging import require_same_game, unsure_of
from llm_attr_widget.game.doubts import doubts_of_model, odd
from llm_attr_widget.game.game import Game
from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.targets import TargetLike, begun, make_target, written_target
from llm_attr_widget.game.values import ValueLike, check_contrast, check_value, make_value
from llm_attr_widget.inputs import PromptLike, make_input
from llm_attr_widget.inputs.changed.in_place import in_place
from llm_attr_widget.inputs.members import tree_of, units_of
from llm_attr_widget.methods.choice import shapley_method
from llm_attr_widget.methods.registry import MethodLike, check_seed, check_trials, make_method
from llm_attr_widget.models.base import generation_options
from llm_attr_widget.models.making import as_model
from llm_attr_widget.tokens import tokenizer_of
from llm_attr_widget.types import (
    Coalitions,
    EncoderDecoder,
    Generator,
    GradientMethod,
    Granularity,
    Input,
    Method,
    Scorer,
    Tokenizer,
)

Block: TypeAlias = "tuple[int, Coalitions, np.random.Generator]"


MOST_CELLS = 8_000_000_000
"""Coalitions times features, a byte each, that a ledger may hold."""


CHARACTERS_PER_TOKEN = 256
"""More than any vocabulary has in a token."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an earlier run spent on the ledger that this one begins with."""

    seconds: float = 0.0
    scored: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that is ready to start: the game, how it is played, and what to say of it.

    owners: for a gradient method, the feature of each segment of the prompt's image, then of each token. spent:
    counted in. doubts: about prompt and target, in words.
    planned: coalitions, or points, of all trials together. instead: why not the method that was asked for.
    Raises MethodError for a plan whose ledger would not fit into memory.
    """

    game: Game
    method: Method | GradientMethod
    trials: int
    seed: int
    model: str
    granularity: str
    known: Ledger | None = None
    owners: tuple[int | None, ...] = ()
    stop_when: Separated | None = None
    spent: Spent = Spent()
    instead: str = ""
    doubts: tuple[str, ...] = ()
    autosave: Path | None = None
    planned: int = field(init=False)

    def __post_init__(self) -> None:
        check_trials(self.trials)
        if self.stop_when is not None:
            self.stop_when.require(self.method, self.game.features)
        object.__setattr__(self, "planned", self.trials * self.method.calls(self.game.features))
        if not isinstance(self.method, GradientMethod) and self.planned * self.game.features > MOST_CELLS:
            raise MethodError(
                f"{self.method.label}s of {self.game.features:,} features take {self.planned:,} model calls, and the "
                f"ledger {self.planned * self.game.features / 1e9:,.0f} GB of memory. Choose a coarser granularity "
                "(granularity='sentence'), or method='sparse', whose calls do not grow with the features."
            )

    def blocks(self) -> Iterator[Block]:
        """(trial, coalitions, generator for sampled baselines): depends on the seed alone, so that a run can resume."""
        if isinstance(self.method, GradientMethod):
            return
        for trial in range(self.trials):
            design = self.method.design(self.game.features, np.random.default_rng([self.seed, trial, 0]))
            for number, coalitions in enumerate(design):
                yield trial, coalitions, np.random.default_rng([self.seed, trial, 1, number])


def plan(
    model: Any,
    tokenizer: Tokenizer | None,
    prompt: PromptLike,
    target: TargetLike | None = None,
    *,
    against: TargetLike | None = None,
    method: MethodLike = "shapley",
    granularity: Granularity = "word",
    value: ValueLike = "log_prob",
    budget: int | None = None,
    trials: int = 1,
    seed: int = 0,
    max_new_tokens: int = 32,
    gen_args: Mapping[str, Any] | None = None,
    resume: Ledger | PathLike | None = None,
    autosave: PathLike | None = None,
    stop_when: Separated | None = None,
) -> Plan:
    """Check all arguments and fix the target. Cost: one generation when `target` is None, else no model call.

    Arguments are those of `run`. Raises InputError, TargetError, MethodError, CapabilityError, or LedgerError
    for a ledger to resume from that is not of this game and model.
    """
    check_seed(seed)
    (check_value if against is None else check_contrast)(value)
    known, saved = ledger_of(resume), autosave_path(autosave)
    check_rule(stop_when)
    scorer, given = as_model(model, tokenizer)
    if isinstance(prompt, str):
        _require_readable(len(prompt), scorer)
    explained, words = make_input(given, prompt, granularity=granularity), tokenizer_of(given)
    _require_readable(sum(len(piece.text) for piece in explained.pieces), scorer)
    chosen, instead = make_method(method, budget=budget), ""
    if method == "shapley":
        chosen, instead = shapley_method(len(explained.features), None if budget is None else int(budget))
    chosen = _along_its_groups(chosen, explained)
    owners: tuple[int | None, ...] = ()
    if isinstance(chosen, GradientMethod):
        differentiable(scorer, chosen)
        explained, owners = in_place(explained, words, np.random.default_rng([seed, 1]))
    vocabulary, options = getattr(scorer, "vocabulary", None), generation_options(gen_args)
    separate = isinstance(scorer, EncoderDecoder) and scorer.separate
    if target is None:
        whole = explained.render(np.ones((1, len(explained.features)), dtype=bool), np.random.default_rng(seed))[0]
        first = written_target(words, _generator(scorer), whole, max_new_tokens=max_new_tokens, options=options)
    else:
        first = make_target(words, target, vocabulary=vocabulary, separate=separate)
    second = None if against is None else make_target(words, against, vocabulary=vocabulary, separate=separate)
    if isinstance(scorer, EncoderDecoder) and separate:
        first, scorer = begun(words, scorer, target, first, options)
    targets = (first,) if second is None else (first, second)
    game = Game(explained, scorer, targets, make_value(value, first, second))
    if known is not None:
        require_same_game(known, game)
    name = discreet(str(getattr(scorer, "name", type(scorer).__name__)))
    unsure = () if known is None else unsure_of(scorer)
    written = doubts_of_model(scorer) if target is None else ()
    doubts = (*unsure, *odd(explained, words, target, first, separate=separate), *written)
    units = units_of(explained)
    found = Plan(game, chosen, trials, seed, name, units, known, owners, stop_when, instead=instead, doubts=doubts)
    return replace(found, autosave=saved)


def _along_its_groups(method: Method | GradientMethod, explained: Input) -> Method | GradientMethod:
    """Owen values without groups of the caller's take the input's own: quarters of an image, turns, sentences, …"""
    grouped = getattr(method, "grouped", None)
    return method if grouped is None else grouped(tree_of(explained), len(explained.features))


def _require_readable(characters: int, scorer: Scorer) -> None:
    """Raises InputError, before anything is cut or tokenized, for a text too long by far: that takes minutes."""
    positions = getattr(scorer, "max_positions", None)
    if positions is not None and characters > CHARACTERS_PER_TOKEN * positions:
        raise InputError(
            f"The prompt has {characters:,} characters, and the model reads {positions:,} tokens at most, which hold a "
            "part of it. Shorten the prompt."
        )


def _generator(scorer: Scorer) -> Generator:
    if not isinstance(scorer, Generator):
        raise CapabilityError(f"Expected a model that can write the target, but {scorer!r} only scores. Give target=…")
    return scorer
