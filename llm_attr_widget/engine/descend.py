"""Playing a game by gradients: from a gradient method and a differentiable model to estimates, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import Cancelled, CapabilityError, MethodError
from llm_attr_widget.game.game import Game
from llm_attr_widget.game.values import Smooth, Value
from llm_attr_widget.methods.gradients import SlopeFold
from llm_attr_widget.types import Differentiable, Estimate, GradientMethod, Line, PixelInput, Placing

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Progress:
    """points: how many of the line's points were visited; estimate: `(outputs + 1, features)`, None if too few."""

    points: int
    estimate: Estimate | None


def descend(
    game: Game,
    method: GradientMethod,
    owners: Sequence[int | None],
    *,
    seeds: Sequence[Sequence[int]],
    cancelled: Callable[[], bool],
) -> Iterator[Progress]:
    """Estimates after each batch of points. The model is asked once for each target.

    owners: the feature of each segment of the prompt's image, if it has any, then of each of its tokens. seeds: one for
    each trial; the trials' points are put together.
    Raises CapabilityError for a model without gradients, MethodError for a value function without any or a method
    that has none for an image's segments, Cancelled.
    """
    model = differentiable(game.scorer, method)
    image = game.input.image_differences() if isinstance(game.input, PixelInput) else None
    along = method.along if image is None else _along_pixels(method)
    line = replace(_line(game, method), along=along, image=image)
    drawn = [method.points(np.random.default_rng(seed)) for seed in seeds]
    shares = np.concatenate([points for points, _ in drawn])
    weights = np.concatenate([parts for _, parts in drawn]) / len(seeds)
    fold = SlopeFold(len(shares), float(weights.sum()), sampled=method.sampled)
    places = _places(owners, game.features)
    for rows, slopes in _values(game, model, line, shares, places, cancelled):
        fold.add(weights[rows], slopes)
        yield Progress(min(len(shares), rows[-1] + 1), fold.estimate())


def _line(game: Game, method: GradientMethod) -> Line:
    both = np.array([[False], [True]]).repeat(game.features, axis=1)
    start, end = game.input.render(both, np.random.default_rng(0))
    return Line(start, end, method.layer, method.side)


def ends_of(game: Game, method: GradientMethod) -> Game:
    """The game whose scorer reads both ends of the line as its points are read; the same one where that changes
    nothing.
    """
    if not isinstance(game.scorer, Placing):
        return game
    scorer = game.scorer.placed(_line(game, method))
    return game if scorer is game.scorer else replace(game, scorer=scorer)


def differentiable(model: object, method: GradientMethod) -> Differentiable:
    """The model, if it can do what the method asks of it. Raises CapabilityError."""
    if not isinstance(model, Differentiable):
        raise CapabilityError(
            f"{method.label} needs gradients, but {model!r} only returns log-probs. "
            "Use a local model, or a coalition method such as 'shapley'."
        )
    return model


def _along_pixels(method: GradientMethod) -> Literal["difference"]:
    """What gradients are multiplied with where an image is a feature: the difference to the baseline.

    Raises MethodError for what has no meaning for pixels.
    """
    if method.layer is not None or method.side != "output":
        raise MethodError(
            "Segments of an image have no token of their own, because a vision tower's every token has seen the whole "
            f"image: gradients reach them at the pixel values, not at layer={method.layer!r}, side={method.side!r}. "
            "Leave layer and side out, use a coalition method such as 'shapley', or explain the text alone "
            "(segments=None)."
        )
    if method.along != "difference":
        raise MethodError(
            "Segments of an image need gradients times their difference to the baseline: a pixel value of zero is some "
            "grey, and a sum of plain gradients over pixels says nothing. Leave out measured_from and "
            "multiply_by_inputs."
        )
    return "difference"


def smooth(value: Value) -> Smooth:
    """The value function, if it has a derivative. Raises MethodError."""
    if not isinstance(value, Smooth):
        raise MethodError(
            f"Gradient methods explain 'log_prob', 'sequence_log_prob', 'prob' or a contrast, not {value.label!r}. "
            "Use a coalition method for a function of your own, or give it `linear` and `derivative`."
        )
    return value


def _values(
    game: Game,
    model: Differentiable,
    line: Line,
    shares: Array,
    places: Array,
    cancelled: Callable[[], bool],
) -> Iterator[tuple[list[int], Array]]:
    """Slopes of the value function, `(points, outputs + 1, features)`, with the points' numbers.

    For all targets but the last they are gathered first; with the last, they come as they are ready.
    """
    value = smooth(game.value)
    jacobian = value.derivative(np.zeros((1, game.tokens), dtype=np.float32))[0] if value.linear else None
    gathered: Array | None = None
    column = 0
    for number, target in enumerate(game.targets):
        columns = slice(column, column + len(target.ids))
        column = columns.stop
        rows, back = _basis(np.eye(len(target.ids)) if jacobian is None else jacobian[:, columns])
        for part in model.slopes(line, shares.tolist(), target.ids, rows):
            slopes = part.values[:, :, : len(places)] @ places
            into = value.derivative(part.log_probs) if jacobian is None else back[None]
            found = np.einsum("pob,pbf->pof", np.broadcast_to(into, (len(slopes), *into.shape[1:])), slopes)
            points = list(part.rows)
            if number < len(game.targets) - 1:
                if gathered is None:
                    gathered = np.zeros((len(shares), *found.shape[1:]))
                gathered[points] = found
            else:
                yield points, found if gathered is None else found + gathered[points]
            if cancelled():
                raise Cancelled("The run was stopped.")


def _basis(weights: Array) -> tuple[Array, Array]:
    """Rows to differentiate, `(b, tokens)`, and how outputs are made of them, `(outputs, b)`: the fewer the better."""
    distinct = np.unique(weights[weights.any(axis=1)], axis=0)
    if len(distinct) >= weights.shape[1]:
        return np.eye(weights.shape[1]), weights
    return distinct, (weights[:, None, :] == distinct[None]).all(axis=2).astype(np.float64)


def _places(owners: Sequence[int | None], features: int) -> Array:
    """`(positions, features)`: 1 where a position belongs to a feature."""
    places = np.zeros((len(owners), features))
    for position, owner in enumerate(owners):
        if owner is not None:
            places[position, owner] = 1
    return places
