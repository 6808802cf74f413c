"""The error tree: one root, so that `except AttributionError` catches all that this package raises on purpose."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

MEANT = {
    "n_samples": "budget",
    "nsamples": "budget",
    "num_samples": "budget",
    "n_trials": "trials",
    "num_trials": "trials",
    "random_state": "seed",
    "contrast": "against",
    "level": "granularity",
    "max_tokens": "max_new_tokens",
    "generation_kwargs": "gen_args",
    "generate_kwargs": "gen_args",
    "tok": "tokenizer",
    "processor": "tokenizer",
    "text": "prompt",
    "show_progress": "progress",
}
"""What other packages call an argument of ours."""


class AttributionError(Exception):
    """Root of this package's errors. The message says what was expected, what came, and what to do next."""


class InputError(AttributionError, ValueError):
    """The prompt, its features or its baselines cannot be used as given."""


class TargetError(AttributionError, ValueError):
    """The target is empty, outside the vocabulary, or does not fit after the prompt."""


class MethodError(AttributionError, ValueError):
    """The method's parameters, or the coalitions given to its fit, do not make sense for it."""


class ScoreError(AttributionError, RuntimeError):
    """The model returned something that cannot be a log-prob (NaN, a wrong shape)."""


class CapabilityError(AttributionError, TypeError):
    """The model lacks what the method needs (gradients, generation, a tokenizer that fits)."""


class MissingPackage(CapabilityError, ImportError):
    """A package that only this needs is not installed."""


class LedgerError(AttributionError, ValueError):
    """A ledger does not belong to this game, or its file cannot be read."""


class ProtocolError(AttributionError, ValueError):
    """A message between the front end and the kernel could not be decoded."""


class Cancelled(AttributionError):
    """The run was stopped. What had been played stays in the ledger."""


def require_package(name: str, *, extra: str, what: str) -> None:
    """Import a package that not everybody has. Raises MissingPackage, which says how to get it.

    extra: that of ours which brings it. what: what needs it, the beginning of a sentence.
    """
    try:
        import_module(name)
    except ImportError as error:
        raise missing(name, error, extra=extra, what=what) from error


def missing(name: str, error: ImportError, *, extra: str, what: str) -> MissingPackage:
    """What to raise for a package that could not be imported. extra, what: as of `require_package`."""
    return MissingPackage(
        f"{what} needs {name}, which cannot be imported here ({error}). "
        f"Install it with: pip install 'llm_attr_widget[{extra}]'."
    )


def known_keywords(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """The same function, whose TypeError for an unknown keyword names the one that is likely meant."""
    names = [name for name in inspect.signature(function).parameters if name != "self"]

    @wraps(function)
    def checked(*given: Given.args, **options: Given.kwargs) -> Answer:
        for name in options:
            if name not in names:
                raise TypeError(_unknown(function.__qualname__.removesuffix(".__init__"), name, names))
        return function(*given, **options)

    return checked


def _unknown(owner: str, name: str, names: list[str]) -> str:
    synonym = MEANT.get(name)
    close = [synonym] if synonym in names else get_close_matches(name, names, 1)
    hint = f"Did you mean {close[0]!r}?" if close else f"It takes {', '.join(names)}."
    return f"{owner}() got an unexpected keyword argument {name!r}. {hint}"
