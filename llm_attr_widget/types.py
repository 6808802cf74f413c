"""The nouns that every layer shares. No torch, no transformers: arrays are NumPy's, prompts are token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Coalitions: TypeAlias = NDArray[np.bool_]
"""`(coalitions, features)`: True where the feature is present."""

Values: TypeAlias = NDArray[np.float64]
"""`(coalitions, outputs)`: what is explained, in the value function's unit."""

LogProbs: TypeAlias = NDArray[np.float32]
"""`(prompts, target tokens)`: natural log-probs."""

Granularity: TypeAlias = Literal["token", "word", "sentence", "paragraph"]


class Tokenizer(Protocol):
    """What this package asks of a tokenizer. Any Hugging Face tokenizer has it."""

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Mapping[str, Any]: ...

    def decode(self, token_ids: Sequence[int], /) -> str: ...

    def convert_ids_to_tokens(self, ids: Sequence[int], /) -> list[str]: ...

    @property
    def all_special_ids(self) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model reads before the target.

    ids: token ids, special tokens included, in reading order. Two prompts with equal `key` get equal scores.
    extras: further arguments of the model's forward (pixel values and the like), or None. They are compared by
        `extras_key`, which whoever makes them must choose so that equal keys mean equal extras.
    """

    ids: tuple[int, ...]
    extras: Mapping[str, Any] | None = field(default=None, compare=False, hash=False)
    extras_key: str | None = None

    @property
    def key(self) -> tuple[tuple[int, ...], str | None]:
        return self.ids, self.extras_key


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of source text as it is shown. Joining all pieces' texts gives the text back.

    feature: index of the feature it belongs to, or None for what is always present (template, special tokens).
    """

    text: str
    feature: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a method's fit returns.

    values: `(outputs, features)`, in the value function's unit.
    standard_errors: the same shape; zero where the method is exact, NaN where too little was played to tell.
    """

    values: NDArray[np.float64]
    standard_errors: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """One finished batch of a scoring call.

    rows: positions in the list of prompts that was asked for.
    log_probs: `(len(rows), target tokens)` in nats.
    """

    rows: Sequence[int]
    log_probs: LogProbs


@runtime_checkable
class Scorer(Protocol):
    """Log-probs of a fixed target after many prompts. Local, remote or replicated: the caller cannot tell."""

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """Yield batches as they finish, every prompt exactly once, in any order. Closing the iterator stops it.

        log p(target token k | prompt, target tokens < k), natural log.
        """
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes the target when none is given."""

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """Token ids after the prompt, end-of-sequence token left out."""
        ...


class Input(Protocol):
    """A prompt that knows its features. Frozen; `render` is pure given the generator."""

    @property
    def pieces(self) -> tuple[Piece, ...]: ...

    @property
    def features(self) -> tuple[str, ...]:
        """Text of each feature, in reading order."""
        ...

    @property
    def baseline(self) -> str:
        """In words, what stands in for an absent feature: shown with every result."""
        ...

    @property
    def random(self) -> bool:
        """Whether `render` draws from its generator (sampled baselines)."""
        ...

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]: ...


class Fold(Protocol):
    """A fit that grows: takes what was played block by block and gives the estimate so far.

    Adding blocks one by one equals adding them at once.
    """

    def add(self, coalitions: Coalitions, values: Values) -> None: ...

    def estimate(self) -> Estimate | None:
        """None while too little was played for any estimate."""
        ...


class Method(Protocol):
    """How attributions come out of a game. Never sees a model."""

    @property
    def name(self) -> str:
        """Stable key, such as "kernel_shap"."""
        ...

    @property
    def label(self) -> str:
        """What one number is, for people: "Shapley value", "LIME weight"."""
        ...

    @property
    def adds_up(self) -> bool:
        """Whether attributions sum to v(all) - v(none)."""
        ...

    @property
    def sampled(self) -> bool:
        """Whether standard errors come from sampling (False: the method is exact on what it plays)."""
        ...

    def calls(self, features: int) -> int:
        """How many coalitions `design` yields in all (an upper bound when it can end early)."""
        ...

    def design(self, features: int, rng: np.random.Generator) -> Iterator[Coalitions]: ...

    def fold(self, features: int, outputs: int) -> Fold: ...


ValueFunction: TypeAlias = Callable[[LogProbs], Values]
