"""The error tree: one root, so that `except AttributionError` catches all that this package raises on purpose."""

from __future__ import annotations


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


class LedgerError(AttributionError, ValueError):
    """A ledger does not belong to this game, or its file cannot be read."""


class ProtocolError(AttributionError, ValueError):
    """A message between the front end and the kernel could not be decoded."""


class Cancelled(AttributionError):
    """The run was stopped. What had been played stays in the ledger."""
