"""A run that goes on from what another one left: the same coalitions, then more of them."""

from __future__ import annotations

from math import ceil
from typing import cast

from llm_attr_widget.engine.plan import Plan, Spent
from llm_attr_widget.engine.run import drained
from llm_attr_widget.errors import CapabilityError, MethodError
from llm_attr_widget.game.game import Game
from llm_attr_widget.methods.registry import budget_of, with_budget
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import GradientMethod, Method

TRIES = 64


def extend(result: Attribution, *, share: float = 0.25, progress: bool = True) -> Attribution:
    """More of a result: `share` more calls (a stopped one is played to its end), none of them played twice.

    result: of `attribute` or of a widget, with its model behind it.
    share: of the calls played, how many more. progress: show a bar (tqdm).
    Raises CapabilityError for a result without its model, MethodError where more calls would change nothing.

    >>> from llm_attr_widget import attribute, extend
    >>> from llm_attr_widget.demo import load_text
    >>> words = "Anna lives in Oslo, Tom lives in Rome and Maria lives in Paris. Anna lives in"
    >>> first = attribute(*load_text(), words, " Oslo", budget=64, progress=False)
    >>> second = extend(first, progress=False)
    >>> second.provenance.calls - first.provenance.calls
    16
    """
    return drained(further(result, share), progress=progress)


def further(result: Attribution, share: float = 0.25) -> Plan:
    """A plan that continues this result: to its own end where it was stopped, else with `share` more calls.

    What `extend` plays: for those who play it themselves, event by event.

    result: of `attribute` or of a widget, with its model behind it. share: of the calls played, how many more.

    What the result's ledger holds is not played again: a method's coalitions depend on its seed alone, and those of a
    larger budget begin with those of a smaller one. With sampled baselines and several trials, trials are added.
    Raises CapabilityError for a result without its model, MethodError where more calls would change nothing.

    >>> from llm_attr_widget import attribute, further
    >>> from llm_attr_widget.demo import load_text
    >>> words = "Anna lives in Oslo, Tom lives in Rome and Maria lives in Paris. Anna lives in"
    >>> first = attribute(*load_text(), words, " Oslo", budget=64, progress=False)
    >>> further(first, share=0.5).planned
    96
    """
    game = _game(result)
    method, trials = result.method, result.provenance.trials
    if isinstance(method, GradientMethod):
        raise MethodError(
            f"{method.label}s come from points that depend on how many there are, so none can be kept. "
            "Run again with a larger budget."
        )
    if result.phase != "stopped":
        if result.random and trials > 1:
            trials += max(1, ceil(share * trials))
        else:
            method = _larger(method, len(result.features), share)
    about = result.provenance
    return Plan(
        game,
        method,
        trials,
        about.seed,
        about.model,
        about.granularity,
        known=result.ledger,
        spent=Spent(about.seconds, about.scored),
    )


def can_go_further(result: Attribution) -> bool:
    """Whether `further` has anything to offer."""
    try:
        further(result)
    except (CapabilityError, MethodError):
        return False
    return True


def _game(result: Attribution) -> Game:
    if result.game is None:
        raise CapabilityError(
            "This result was loaded from a file (or comes from captum) and has no model behind it. "
            "Attribute again, with a larger budget, to make more of it."
        )
    return result.game


def _larger(method: Method, features: int, share: float) -> Method:
    """The method with the smallest budget that gives at least `share` more calls."""
    now = method.calls(features)
    for tries in range(TRIES if budget_of(method)[0] else 0):
        larger = cast("Method", with_budget(method, ceil(now * (1 + share)) + tries * max(1, features)))
        if larger.calls(features) > now:
            return larger
    raise MethodError(
        f"The {now} calls of this {method.label} are all that there is to play: its numbers are exact. "
        "Run another method, or finer features."
    )
