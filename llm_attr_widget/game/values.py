"""Value functions: per-token log-probs of the target → the numbers that are explained.

Each maps log-probs `(coalitions, target tokens)`, in nats, to values `(coalitions, outputs + 1)`: one column per
output, then one for the target as a whole, which gets its own fit and so its own honest standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, cast, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import TargetError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.types import LogProbs, Values

ValueName: TypeAlias = Literal["log_prob", "sequence_log_prob", "prob"]


@runtime_checkable
class Value(Protocol):
    """A value function and what its numbers are called.

    One of your own needs these four members. A `Smooth` one can be explained by gradients, too; `explains` says what
    its numbers divide up ("log_prob", "prob", "log_odds"; "other" where it does not say), and `span(start, stop)` gives
    the value function of a stretch of the target, where tokens add up.
    """

    @property
    def label(self) -> str: ...

    @property
    def unit(self) -> str: ...

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        """Text of each output, in order."""
        ...

    def __call__(self, log_probs: LogProbs) -> Values: ...


@runtime_checkable
class Smooth(Protocol):
    """A value function with a derivative: what gradient methods ask for.

    linear: its derivative is the same everywhere.
    """

    @property
    def linear(self) -> bool: ...

    def derivative(self, log_probs: LogProbs) -> NDArray[np.float64]:
        """d value / d log-prob of each target token, at these points: `(points, outputs + 1, target tokens)`."""
        ...


def constant_derivative(value: Callable[[LogProbs], Values], log_probs: LogProbs) -> NDArray[np.float64]:
    """Of a linear value function: what it makes of a log-prob of one nat for one token alone."""
    rows = value(np.eye(log_probs.shape[1], dtype=np.float32)).T
    return np.broadcast_to(rows, (len(log_probs), *rows.shape))


@dataclass(frozen=True, slots=True)
class LogProb:
    """log p of each target token; as a whole: their sum, the log-prob of the sequence."""

    label: str = "log-prob"
    unit: str = "nats"
    explains: ClassVar[str] = "log_prob"
    linear: ClassVar[bool] = True

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return targets[0].texts

    def __call__(self, log_probs: LogProbs) -> Values:
        each = np.asarray(log_probs, dtype=np.float64)
        return np.column_stack([each, each.sum(axis=1)])

    def derivative(self, log_probs: LogProbs) -> NDArray[np.float64]:
        return constant_derivative(self, log_probs)

    def span(self, start: int, stop: int) -> Span:
        """The value function of these tokens together."""
        return Span(start, stop)


@dataclass(frozen=True, slots=True)
class SequenceLogProb:
    """log p of the target as a whole, as the only output: for gradient methods one backward pass instead of many."""

    label: str = "log-prob of the sequence"
    unit: str = "nats"
    explains: ClassVar[str] = "log_prob"
    linear: ClassVar[bool] = True

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return (targets[0].text,)

    def __call__(self, log_probs: LogProbs) -> Values:
        whole = np.asarray(log_probs, dtype=np.float64).sum(axis=1)
        return np.column_stack([whole, whole])

    def derivative(self, log_probs: LogProbs) -> NDArray[np.float64]:
        return constant_derivative(self, log_probs)


@dataclass(frozen=True, slots=True)
class Span:
    """log p of the target tokens `start:stop`, as the only output."""

    start: int
    stop: int
    label: str = "log-prob"
    unit: str = "nats"
    explains: ClassVar[str] = "log_prob"
    linear: ClassVar[bool] = True

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return ("".join(targets[0].texts[self.start : self.stop]),)

    def __call__(self, log_probs: LogProbs) -> Values:
        whole = np.asarray(log_probs[:, self.start : self.stop], dtype=np.float64).sum(axis=1)
        return np.column_stack([whole, whole])

    def derivative(self, log_probs: LogProbs) -> NDArray[np.float64]:
        return constant_derivative(self, log_probs)


@dataclass(frozen=True, slots=True)
class Prob:
    """p of each target token; as a whole: their product, the probability of the sequence."""

    label: str = "probability"
    unit: str = "probability"
    explains: ClassVar[str] = "prob"
    linear: ClassVar[bool] = False

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return targets[0].texts

    def __call__(self, log_probs: LogProbs) -> Values:
        each = np.asarray(log_probs, dtype=np.float64)
        return np.exp(np.column_stack([each, each.sum(axis=1)]))

    def derivative(self, log_probs: LogProbs) -> NDArray[np.float64]:
        tokens = log_probs.shape[1]
        return self(log_probs)[:, :, None] * np.vstack([np.eye(tokens), np.ones((1, tokens))])


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why the first target and not the second: log p(A) - log p(B).

    split: number of tokens of A; the remaining columns are B's. With targets of equal length each output compares the
    tokens at one position, else there is one output only, the whole.
    """

    split: int
    label: str = "log-prob difference"
    unit: str = "nats"
    explains: ClassVar[str] = "log_odds"
    linear: ClassVar[bool] = True

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        first, second = targets
        if len(first.ids) == len(second.ids):
            return tuple(_pair(a, b) for a, b in zip(first.texts, second.texts, strict=True))
        return (_pair(first.text, second.text),)

    def __call__(self, log_probs: LogProbs) -> Values:
        each = np.asarray(log_probs, dtype=np.float64)
        first, second = each[:, : self.split], each[:, self.split :]
        whole = first.sum(axis=1) - second.sum(axis=1)
        rows = first - second if first.shape[1] == second.shape[1] else whole[:, None]
        return np.column_stack([rows, whole])

    def derivative(self, log_probs: LogProbs) -> NDArray[np.float64]:
        return constant_derivative(self, log_probs)


def _pair(one: str, other: str) -> str:
    """Label of what compares two texts: one of them where both say the same."""
    return one if one == other else f"{one} / {other.strip() or other}"


@dataclass(frozen=True, slots=True)
class Custom:
    """A function of the caller's: log-probs `(coalitions, tokens)` → `(coalitions,)`, one number per coalition."""

    function: Callable[[LogProbs], NDArray[np.floating]]
    label: str = "custom value"
    unit: str = ""

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return (targets[0].text,)

    def __call__(self, log_probs: LogProbs) -> Values:
        values = np.asarray(self.function(log_probs), dtype=np.float64)
        if values.shape != (len(log_probs),):
            raise TargetError(
                f"Expected the value function to return one number per coalition, shape ({len(log_probs)},), "
                f"got shape {values.shape}. Reduce over the last axis, the target tokens."
            )
        return np.column_stack([values, values])


VALUES: tuple[tuple[ValueName, type[LogProb] | type[SequenceLogProb] | type[Prob]], ...] = (
    ("log_prob", LogProb),
    ("sequence_log_prob", SequenceLogProb),
    ("prob", Prob),
)
ValueLike: TypeAlias = "ValueName | type[Value] | Value | Callable[[LogProbs], NDArray[np.floating]]"
"""A name, a Value or the class of one, or a function of log-probs (see `Custom`)."""


def make_value(value: ValueLike, target: Target, against: Target | None) -> Value:
    """The value function meant by a name, a Value, a callable, or a second target to contrast with.

    Raises TargetError for anything else, and for another value function than the log-prob beside a second target.
    """
    if against is not None:
        check_contrast(value)
        return Contrast(len(target.ids))
    return value_alone(value)


def value_alone(value: ValueLike) -> Value:
    """The value function meant by a name, a Value or a callable. Raises TargetError for anything else."""
    check_value(value)
    meant: Any = dict(VALUES)[cast("ValueName", value)] if isinstance(value, str) else value
    made = meant() if isinstance(meant, type) else meant
    return made if isinstance(made, Value) else Custom(made)


def check_value(value: object) -> None:
    """Raises TargetError for what is no value function: neither one of the names nor callable."""
    named = isinstance(value, str) and value in get_args(ValueName)
    if not (named or ((callable(value) and not isinstance(value, Contrast)) and value is not Contrast)):
        hint = " For a contrast, give against=…" if value is Contrast or isinstance(value, Contrast) else ""
        raise TargetError(f"Expected a value function out of {get_args(ValueName)} or a callable, got {value!r}.{hint}")


def check_contrast(value: object) -> None:
    """Raises TargetError for a value function that a second target cannot be contrasted in."""
    if not (value in ("log_prob", LogProb) or isinstance(value, LogProb)):
        raise TargetError(
            f"A contrast explains log-probs, but value={value!r} was given as well. Leave value at 'log_prob'."
        )
