"""The nouns that every layer shares. No torch, no transformers: arrays are NumPy's, prompts are token ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import InputError

Coalitions: TypeAlias = NDArray[np.bool_]
"""`(coalitions, features)`: True where the feature is present."""

Values: TypeAlias = NDArray[np.float64]
"""`(coalitions, outputs)`: what is explained, in the value function's unit."""

LogProbs: TypeAlias = NDArray[np.float32]
"""`(prompts, target tokens)`: natural log-probs."""

Granularity: TypeAlias = Literal["token", "word", "phrase", "sentence", "paragraph"]
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
"""From fine to coarse: the levels at which text is cut into features."""


def check_granularity(granularity: object) -> None:
    """Raises InputError, naming the known ones, for anything else than a name of a granularity."""
    if granularity not in GRANULARITIES:
        raise InputError(f"Expected a granularity out of {', '.join(GRANULARITIES)}, got {granularity!r}.")


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
    role: whose words these are in a conversation ("system", "user", "document", …); TEMPLATE for what no one said:
        the chat template's own text and special tokens; "" where there are no turns.
    opens: a text of its own begins here (another turn, part or document), so that no word or sentence reaches over.
    """

    text: str
    feature: int | None = None
    role: str = ""
    opens: bool = False


TEMPLATE = "template"
"""Role of a piece that a chat template or a tokenizer put in."""


UNKNOWN_ERROR = "error not known, play more"
"""Said of a number whose standard error is NaN: too little was played to tell, which is not the same as exact."""


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


@runtime_checkable
class EncoderDecoder(Protocol):
    """A `Scorer` whose decoder reads something before the target: a start token, a language's code."""

    @property
    def separate(self) -> bool:
        """Whether prompt and target are two sequences after all."""
        ...

    def beginning(self, options: Mapping[str, Any]) -> tuple[int, ...]:
        """What the decoder reads before the target, where it is written with these options of `generate`."""
        ...

    def begun(self, decoder_start: Sequence[int]) -> Scorer:
        """The same model, its decoder beginning with these ids."""
        ...


class Input(Protocol):
    """A prompt that knows its features. Frozen; `render` is pure given the generator.

    What more it may say and do is told in `inputs.members`.
    """

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


@runtime_checkable
class Method(Protocol):
    """How attributions come out of a game. Never sees a model.

    A method may say two things more: `pooled = True`, where it fits a set of coalitions, so that those of all trials
    are best fitted at once; and `grouped(groups, features)`, itself with the prompt's own groups (nested sequences of
    features).
    """

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


@dataclass(frozen=True, eq=False, slots=True)
class ImageDifferences:
    """What each segment of an image changes in the pixel values that a processor makes of it.

    name: the argument of the model's forward that the pixel values are; places are counted along its entry for one
        prompt, row-major. segments: how many. of, at, by: `(changes,)` each, ascending in `of`: the segment, int64; the
        place, int64; the pixel value with the segment present less that with it absent, float32.
    """

    name: str
    segments: int
    of: NDArray[np.int64]
    at: NDArray[np.int64]
    by: NDArray[np.float32]


@runtime_checkable
class PixelInput(Protocol):
    """An `Input` whose image changes along a straight line of pixel values."""

    def image_differences(self) -> ImageDifferences | None:
        """None where no segment of the image is a feature."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line between what one layer of a model says about two prompts of equally many tokens.

    start, end: its ends are the layer's activations on them. layer: a module's name; None is the input embedding.
    side: the layer's output or its input.
    along: what gradients are multiplied with: the activations' "difference" (end - start), the "activation" at the
        end, or nothing (the plain "gradient").
    image: for prompts that differ in their image, too: its pixel values then go the same share of their own line at
        the same time. The layer is the input embedding, and gradients are multiplied with differences.
    """

    start: Prompt
    end: Prompt
    layer: str | None = None
    side: Literal["output", "input"] = "output"
    along: Literal["difference", "activation", "gradient"] = "difference"
    image: ImageDifferences | None = None


@dataclass(frozen=True, slots=True)
class Slopes:
    """Gradients at some points of a line, summed over the layer's width.

    rows: positions in the list of points that was asked for. log_probs: `(rows, target tokens)` at these points, nats.
    values: `(rows, outputs, segments + positions)`, in nats: what each segment of the line's image, then each position
    of the prompt, and then of the target as far as the model reads it, adds to each output.
    """

    rows: Sequence[int]
    log_probs: LogProbs
    values: NDArray[np.float64]


@runtime_checkable
class Differentiable(Protocol):
    """Gradients of a target's log-probs with respect to a layer. What gradient methods ask for."""

    def slopes(
        self, line: Line, shares: Sequence[float], target: Sequence[int], weights: NDArray[np.float64]
    ) -> Iterator[Slopes]:
        """Yield batches as they finish, every point once. Closing the iterator stops it.

        shares: where on the line, 0 at its start and 1 at its end. weights: `(outputs, target tokens)`; an output is
        the weighted sum of the tokens' log-probs. Cost: a forward pass per point, a backward pass per point and output.
        """
        ...


@runtime_checkable
class Placing(Protocol):
    """A `Differentiable` that knows whether its model numbers positions by the ids it reads.

    Where it does (RoBERTa, M2M100), padding has no number, so a baseline of padding would move the tokens behind it.
    """

    def placed(self, line: Line) -> Scorer:
        """What scores both ends of a line as its points are read: with every token at the place it has at the end.

        The model itself, where ids do not change places.
        """
        ...


@runtime_checkable
class GradientMethod(Protocol):
    """How attributions come out of gradients. Never sees a model."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def adds_up(self) -> bool: ...

    @property
    def sampled(self) -> bool: ...

    @property
    def layer(self) -> str | None: ...

    @property
    def side(self) -> Literal["output", "input"]: ...

    @property
    def along(self) -> Literal["difference", "activation", "gradient"]: ...

    def calls(self, features: int) -> int:
        """How many points of the line are visited."""
        ...

    def points(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of the line `(points,)`, in the order of their visit, and the weight of each in the sum."""
        ...
