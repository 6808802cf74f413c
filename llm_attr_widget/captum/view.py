"""A captum result as an Attribution: what the widget shows and files hold."""

from __future__ import annotations

from typing import Any

import captum.attr as ca
import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.attribution import Attribution, Provenance
from llm_attr_widget.captum.shown import baseline_of, picture_of, pieces_of
from llm_attr_widget.errors import InputError
from llm_attr_widget.ledger import KEY_BYTES, Ledger
from llm_attr_widget.methods import (
    ExactShapley,
    KernelShap,
    LayerGradientShap,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    LeaveOneOut,
    Lime,
    PermutationShapley,
)
from llm_attr_widget.targets import Target
from llm_attr_widget.trials import ends
from llm_attr_widget.types import GradientMethod, Method
from llm_attr_widget.values import LogProb, Prob

# KernelShap is a Lime, and ShapleyValues a ShapleyValueSampling: the narrower class stands first.
KINDS: tuple[tuple[type, Method | GradientMethod], ...] = (
    (ca.ShapleyValues, ExactShapley()),
    (ca.ShapleyValueSampling, PermutationShapley()),
    (ca.KernelShap, KernelShap()),
    (ca.Lime, Lime()),
    (ca.FeatureAblation, LeaveOneOut()),
    (ca.LayerIntegratedGradients, LayerIntegratedGradients()),
    (ca.LayerGradientXActivation, LayerGradientXActivation()),
    (ca.LayerGradientShap, LayerGradientShap()),
)


def attribution_of(result: Any) -> Attribution:
    """The same numbers as an Attribution without a model behind it.

    Each feature that captum shows is one of its features; those of one group carry the group's number each, so that a
    grouped result does not add up there. Raises InputError for a result that no attribution made.
    """
    if result.method is None or result.token_attr is None or result.target is None:
        raise InputError("Expected a result of LLMAttribution.attribute(), got one made by hand.")
    method = next(ours for kind, ours in KINDS if isinstance(result.method, kind))
    value = Prob() if result.attr_target == "prob" else LogProb()
    values = result.token_attr.cpu().double().numpy()
    random = callable(getattr(result.inp, "baselines", None))
    # One trial of what is drawn says nothing of its error.
    unknown = np.nan if method.sampled or random else 0.0
    errors = np.full_like(values, unknown) if result.token_errors is None else result.token_errors.double().numpy()
    whole = np.full(values.shape[1], unknown) if result.seq_errors is None else result.seq_errors.double().numpy()
    ledger = _ledger(result, values.shape)
    both = ends(ledger, value) if len(ledger) else np.vstack([result.ends, result.ends.sum(axis=0)])
    ids = tuple(int(i) for i in result.target)
    features = tuple(str(token) for token in result.input_tokens)
    pieces = pieces_of(result.inp, features)
    if isinstance(result.inp, ca.TextTokenInput):
        features = tuple(piece.text for piece in pieces if piece.feature is not None)
    grouped = result.group_attr.shape[0] != len(features)
    return Attribution(
        values=values,
        standard_errors=errors,
        sequence=result.seq_attr.cpu().double().numpy(),
        sequence_errors=whole,
        ends=both[:-1],
        sequence_ends=both[-1],
        features=features,
        outputs=tuple(result.output_tokens),
        pieces=pieces,
        picture=picture_of(result.inp),
        target=Target(ids, tuple(result.output_tokens)),
        label=method.label,
        unit=value.unit,
        adds_up=method.adds_up and not grouped,
        sampled=method.sampled,
        random=random,
        phase="finished",
        method=method,
        value=value,
        ledger=ledger,
        provenance=Provenance(
            model="captum",
            method=type(result.method).__name__,
            baseline=baseline_of(result.inp),
            granularity=type(result.inp).__name__,
            seed=0,
            trials=1,
            budget=len(ledger),
            calls=len(ledger),
            scored=len(ledger),
            seconds=0.0,
        ),
    )


def _ledger(result: Any, shape: tuple[int, ...]) -> Ledger:
    """What was played, with each group's presence written to all its members."""
    if result.coalitions is None or result.log_probs is None:
        nothing: NDArray[np.bool_] = np.empty((0, shape[1]), dtype=bool)
        return _without_prompts(nothing, np.empty((0, shape[0]), dtype=np.float32))
    coalitions = result.coalitions
    if coalitions.shape[1] != shape[1]:
        coalitions = coalitions[:, list(result.inp.formatted_mask)]
    return _without_prompts(coalitions, result.log_probs)


def _without_prompts(coalitions: NDArray[np.bool_], log_probs: NDArray[np.float32]) -> Ledger:
    """A ledger that no run goes on from: captum's prompts are not ours."""
    rows = len(coalitions)
    return Ledger(
        coalitions, log_probs, np.zeros(rows, dtype=np.int32), "captum", np.zeros((rows, KEY_BYTES), dtype=np.uint8)
    )
