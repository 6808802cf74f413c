"""Value functions: per-token log-probs of the target → the numbers that are explained.

Each maps log-probs `(coalitions, target tokens)`, in nats, to values `(coalitions, outputs + 1)`: one column per
output, then one for the target as a whole, which gets its own fit and so its own honest standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import TargetError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.types import LogProbs, Values

ValueName: TypeAlias = Literal["log_prob", "sequence_log_prob", "prob"]


class Value(Protocol):
    """A value function and what its numbers are called."""

    @property
    def label(self) -> str: ...

    @property
    def unit(self) -> str: ...

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        """Text of each output, in order."""
        ...

    def __call__(self, log_probs: LogProbs) -> Values: ...


@dataclass(frozen=True, slots=True)
class LogProb:
    """log p of each target token; as a whole: their sum, the log-prob of the sequence."""

    label: str = "log-prob"
    unit: str = "nats"

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return targets[0].texts

    def __call__(self, log_probs: LogProbs) -> Values:
        each = np.asarray(log_probs, dtype=np.float64)
        return np.column_stack([each, each.sum(axis=1)])


@dataclass(frozen=True, slots=True)
class SequenceLogProb:
    """log p of the target as a whole, as the only output: for gradient methods one backward pass instead of many."""

    label: str = "log-prob of the sequence"
    unit: str = "nats"

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return (targets[0].text,)

    def __call__(self, log_probs: LogProbs) -> Values:
        whole = np.asarray(log_probs, dtype=np.float64).sum(axis=1)
        return np.column_stack([whole, whole])


@dataclass(frozen=True, slots=True)
class Span:
    """log p of the target tokens `start:stop`, as the only output."""

    start: int
    stop: int
    label: str = "log-prob"
    unit: str = "nats"

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return ("".join(targets[0].texts[self.start : self.stop]),)

    def __call__(self, log_probs: LogProbs) -> Values:
        whole = np.asarray(log_probs[:, self.start : self.stop], dtype=np.float64).sum(axis=1)
        return np.column_stack([whole, whole])


@dataclass(frozen=True, slots=True)
class Prob:
    """p of each target token; as a whole: their product, the probability of the sequence."""

    label: str = "probability"
    unit: str = "probability"

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return targets[0].texts

    def __call__(self, log_probs: LogProbs) -> Values:
        each = np.asarray(log_probs, dtype=np.float64)
        return np.exp(np.column_stack([each, each.sum(axis=1)]))


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why the first target and not the second: log p(A) - log p(B).

    split: number of tokens of A; the remaining columns are B's. With targets of equal length each output compares the
    tokens at one position, else there is one output only, the whole.
    """

    split: int
    label: str = "log-prob difference"
    unit: str = "nats"

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


def check_value(value: object) -> None:
    """Raises TargetError for what is no value function: neither one of the names nor callable."""
    if not (callable(value) or (isinstance(value, str) and value in get_args(ValueName))):
        raise TargetError(f"Expected a value function out of {get_args(ValueName)} or a callable, got {value!r}.")


def check_contrast(value: object) -> None:
    """Raises TargetError for a value function that a second target cannot be contrasted in."""
    if value != "log_prob":
        raise TargetError(
            f"A contrast explains log-probs, but value={value!r} was given as well. Leave value at 'log_prob'."
        )


def make_value(
    value: ValueName | Value | Callable[[LogProbs], NDArray[np.floating]], target: Target, against: Target | None
) -> Value:
    """The value function meant by a name, a callable, or a second target to contrast with."""
    if against is not None:
        check_contrast(value)
        return Contrast(len(target.ids))
    check_value(value)
    for name, kind in VALUES:
        if value == name:
            return kind()
    if isinstance(value, (LogProb, SequenceLogProb, Prob, Contrast, Custom)):
        return value
    return Custom(cast("Callable[[LogProbs], NDArray[np.floating]]", value))
