"""Gradient methods: where on the line between baseline and prompt gradients are taken, and how they are averaged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import MethodError
from llm_attr_widget.methods.base import student_inflation
from llm_attr_widget.types import Estimate

Array: TypeAlias = NDArray[np.float64]
Side: TypeAlias = Literal["output", "input"]
Along: TypeAlias = Literal["difference", "activation", "gradient"]
Rule: TypeAlias = Literal["gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid"]
RULES: tuple[Rule, ...] = ("gausslegendre", "riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")


@dataclass(frozen=True, kw_only=True)
class LayerIntegratedGradients:
    """The gradient, averaged along the line from baseline to prompt, times their difference.

    Sundararajan, Taly and Yan 2017 (arXiv:1703.01365), eq. 1, on a layer's activations, summed over its width.
    Attributions add up to v(all) - v(none), but for the error of the numerical integral, which the result's `gap`
    tells, and, for layers above the embedding, for what positions that belong to no feature carry.

    Segments of an image are explained at the pixel values: on the straight line from the processed baseline picture to
    the processed picture, with the words at the same share of theirs. A segment gets the averaged gradient times what
    its absence changes in the pixel values, where segments overlap an equal part of what they share. This adds up as
    far as processing is linear: resizing and normalising are, but for rounding and clipping.

    A model that numbers positions by the ids it reads (M2M100, RoBERTa: padding has no number) reads all of the line,
    the baseline too, with every token at the place it has in the prompt.

    steps, rule: the nodes and weights of the integral. layer: a module's name; None is the input embedding, and an
    image's pixel values, the only ones at which segments have gradients.
    multiply_by_inputs: False leaves out the difference ("local" attribution), and then nothing adds up.
    Cost: `steps` forward passes, and as many backward passes for each target token; 2 calls more for both ends. With an
    image, its processor is called for each segment, too, and the passes go through the vision tower.
    """

    steps: int = 32
    rule: Rule = "gausslegendre"
    layer: str | None = None
    side: Side = "output"
    multiply_by_inputs: bool = True

    name: str = field(default="layer_integrated_gradients", init=False, repr=False)
    label: str = field(default="Integrated gradients", init=False, repr=False)
    sampled: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise MethodError(f"Expected rule to be one of {', '.join(RULES)}, got {self.rule!r}.")
        least = 1 if self.rule == "gausslegendre" else 2
        if self.steps < least:
            raise MethodError(f"Expected at least {least} steps for rule {self.rule!r}, got steps={self.steps}.")

    @property
    def adds_up(self) -> bool:
        return self.multiply_by_inputs

    @property
    def along(self) -> Along:
        return "difference" if self.multiply_by_inputs else "gradient"

    def calls(self, features: int) -> int:
        del features
        return self.steps

    def points(self, rng: np.random.Generator) -> tuple[Array, Array]:
        del rng
        shares, weights = quadrature(self.rule, self.steps)
        order = spread_order(self.steps)
        return shares[order], weights[order]


@dataclass(frozen=True, kw_only=True)
class LayerGradientXActivation:
    """The gradient at the prompt times the layer's activation, summed over the layer's width. It does not add up.

    Shrikumar et al. 2016 (arXiv:1605.01713), "gradient × input", on a layer.
    measured_from: "baseline" takes the activation less that of the baseline prompt: the first term of Taylor's series
    from one to the other. "zero" is the paper's (and captum's) activation itself, though an embedding of zero is no
    absent word: on the text model that ships it finds 23% of the planted causes, from the baseline 37 to 46%. Segments
    of an image have their pixel values' difference to the baseline picture, and need "baseline".
    Either is blind where the model is so sure that nothing small changes its mind: integrated gradients are not.
    Cost: one forward pass, and one backward pass for each target token; 2 calls more for both ends.
    """

    layer: str | None = None
    side: Side = "output"
    multiply_by_inputs: bool = True
    measured_from: Literal["baseline", "zero"] = "baseline"

    name: str = field(default="layer_gradient_x_activation", init=False, repr=False)
    adds_up: bool = field(default=False, init=False, repr=False)
    sampled: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.measured_from not in ("baseline", "zero"):
            raise MethodError(f"Expected measured_from to be 'baseline' or 'zero', got {self.measured_from!r}.")

    @property
    def label(self) -> str:
        return {
            "activation": "Gradient × activation",
            "difference": "Gradient × (activation - baseline)",
            "gradient": "Gradient",
        }[self.along]

    @property
    def along(self) -> Along:
        if not self.multiply_by_inputs:
            return "gradient"
        return "activation" if self.measured_from == "zero" else "difference"

    def calls(self, features: int) -> int:
        del features
        return 1

    def points(self, rng: np.random.Generator) -> tuple[Array, Array]:
        del rng
        return np.ones(1), np.ones(1)


@dataclass(frozen=True, kw_only=True)
class LayerGradientShap:
    """Integrated gradients with the integral taken by random points, and by random baselines where they are drawn.

    Expected gradients: Erion et al. 2021 (arXiv:1906.10670), eq. 3, on a layer's activations. Attributions add up to
    v(all) - v(none) in expectation, and carry standard errors from the spread of the samples: 95% bands cover 94 to 95%
    from 32 samples on, and fewer than 93% below 16, where a turn of the slope may lie between all samples.

    Cost: `samples` forward passes, and as many backward passes for each target token; 2 calls more for both ends.
    """

    samples: int = 32
    layer: str | None = None
    side: Side = "output"
    multiply_by_inputs: bool = True

    name: str = field(default="layer_gradient_shap", init=False, repr=False)
    label: str = field(default="Gradient SHAP", init=False, repr=False)
    sampled: bool = field(default=True, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise MethodError(f"Expected at least 2 samples, got samples={self.samples}.")

    @property
    def adds_up(self) -> bool:
        return self.multiply_by_inputs

    @property
    def along(self) -> Along:
        return "difference" if self.multiply_by_inputs else "gradient"

    def calls(self, features: int) -> int:
        del features
        return self.samples

    def points(self, rng: np.random.Generator) -> tuple[Array, Array]:
        return rng.random(self.samples), np.full(self.samples, 1.0 / self.samples)


class SlopeFold:
    """The weighted sum of slopes, as they come.

    Before all points were visited, the sum is scaled up by the weight that is still missing, which for points in
    spread order is an integral over fewer nodes.
    """

    def __init__(self, points: int, weight: float, *, sampled: bool) -> None:
        self._points = points
        self._whole = weight
        self._sampled = sampled
        self._seen = 0
        self._weight = 0.0
        self._sum: Array | None = None
        self._squares: Array | None = None

    def add(self, weights: Array, slopes: Array) -> None:
        """weights: `(points,)`; slopes: `(points, outputs, features)`."""
        total = np.tensordot(weights, slopes, axes=1)
        self._sum = total if self._sum is None else self._sum + total
        squares = np.square(slopes).sum(axis=0)
        self._squares = squares if self._squares is None else self._squares + squares
        self._seen += len(weights)
        self._weight += float(weights.sum())

    def estimate(self) -> Estimate | None:
        """`(outputs, features)`. None before the first point, or where all points so far weigh nothing."""
        if self._sum is None or self._squares is None or self._weight == 0:
            return None
        done = self._seen == self._points
        values = self._sum if done else self._sum * (self._whole / self._weight)
        return Estimate(values, self._errors(values, self._squares, done=done))

    def _errors(self, mean: Array, squares: Array, *, done: bool) -> Array:
        if not self._sampled:
            return np.zeros_like(mean) if done else np.full_like(mean, np.nan)
        if self._seen < 2:
            return np.full_like(mean, np.nan)
        variance = np.maximum(squares / self._seen - np.square(mean), 0) / (self._seen - 1)
        return np.sqrt(variance) * student_inflation(np.array(self._seen - 1.0))


def quadrature(rule: Rule, steps: int) -> tuple[Array, Array]:
    """Nodes in [0, 1], ascending, and their weights.

    Captum's definitions, so that both give the same numbers: its trapezoid weighs 1 / steps inside and half of it at
    the ends, in all 1 - 1 / steps.
    """
    if rule == "gausslegendre":
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        return (1 + nodes) / 2, weights / 2
    weights = np.full(steps, 1 / steps)
    if rule == "riemann_trapezoid":
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, steps), weights
    first = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[rule]
    return (np.arange(steps) + first) / steps, weights


def spread_order(count: int) -> NDArray[np.intp]:
    """0 … count - 1 so that every beginning is spread over the whole range (van der Corput's sequence, base 2)."""
    bits = max(1, (count - 1).bit_length())
    reversed_bits = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)]
    return np.array([i for i in reversed_bits if i < count], dtype=np.intp)
