"""A captum result as an Attribution: what the widget shows and files hold."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import captum.attr as ca
import numpy as np
from captum._utils.models.linear_model import SkLearnLasso, SkLearnRidge
from numpy.typing import NDArray

from llm_attr_widget.captum.shown import baseline_of, picture_of, pieces_of
from llm_attr_widget.errors import InputError
from llm_attr_widget.game.fitting import ends
from llm_attr_widget.game.ledger import KEY_BYTES, Ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import LogProb, Prob
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
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.provenance import Provenance
from llm_attr_widget.types import GradientMethod, Method, Piece

# KernelShap is a Lime, and ShapleyValues a ShapleyValueSampling: the narrower class stands first.
KINDS: tuple[tuple[type, Method | GradientMethod], ...] = (
    (ca.ShapleyValues, ExactShapley()),
    (ca.ShapleyValueSampling, PermutationShapley()),
    (ca.KernelShap, KernelShap()),
    (ca.Lime, Lime()),
    (ca.FeatureAblation, LeaveOneOut()),
    (ca.LayerIntegratedGradients, LayerIntegratedGradients()),
    (ca.LayerGradientXActivation, LayerGradientXActivation(measured_from="zero")),
    (ca.LayerGradientShap, LayerGradientShap()),
)


def attribution_of(result: Any) -> Attribution:
    """The same numbers as an Attribution without a model behind it.

    What captum's method takes together is one feature, with its number once, so that features can be added up.
    Raises InputError for a result that no attribution made, or whose features cannot be told apart.
    """
    if result.method is None or result.token_attr is None or result.target is None:
        raise InputError("Expected a result of LLMAttribution.attribute(), got one made by hand.")
    if result.group_of is None:
        raise InputError(
            f"Expected an input whose format_attr hands each feature's number to its members, but "
            f"{type(result.inp).__name__}'s does more: it cannot be shown what the numbers belong to."
        )
    # In reading order; captum numbers groups in the order of their ids.
    order = list(dict.fromkeys(result.group_of))
    place_of = [order.index(group) for group in result.group_of]
    firsts = [place_of.index(place) for place in range(len(order))]
    method = _method(result.method)
    value = Prob() if result.attr_target == "prob" else LogProb()
    values = _numbers(result.token_attr)[:, firsts]
    random = _draws(result.inp)
    unknown = np.full(len(order), error_of_one_trial(result.method, result.inp))
    errors = unknown + 0 * values if result.token_errors is None else _numbers(result.token_errors)[:, firsts]
    whole = unknown if result.seq_errors is None else _numbers(result.seq_errors)[firsts]
    ledger = _ledger(result, order, len(values))
    both = ends(ledger, value) if len(ledger) else np.vstack([result.ends, result.ends.sum(axis=0)])
    ids = tuple(int(i) for i in result.target)
    pieces = pieces_of(result.inp, tuple(map(str, result.input_tokens)))
    return Attribution(
        values=values,
        standard_errors=errors,
        sequence=_numbers(result.seq_attr)[firsts],
        sequence_standard_errors=whole,
        ends=both[:-1],
        sequence_ends=both[-1],
        features=_names(result, pieces, place_of),
        outputs=tuple(result.output_tokens),
        pieces=tuple(
            piece if piece.feature is None else replace(piece, feature=place_of[piece.feature]) for piece in pieces
        ),
        picture=_grouped(picture_of(result.inp), place_of),
        target=Target(ids, tuple(result.output_tokens)),
        label=method.label,
        unit=value.unit,
        # Gradients that are not multiplied by a difference have none to add up to.
        adds_up=method.adds_up and (result.delta is not None or len(ledger) > 0),
        sampled=method.sampled,
        random=random,
        phase="finished" if result.finished else "stopped",
        method=method,
        value=value,
        ledger=ledger,
        provenance=Provenance(
            model="captum",
            method=type(result.method).__name__,
            baseline=baseline_of(result.inp),
            granularity=type(result.inp).__name__,
            seed=0,
            trials=int(ledger.trials.max(initial=0)) + 1,
            planned=len(ledger),
            calls=len(ledger),
            scored=result.scored,
            seconds=0.0,
        ),
    )


def error_of_one_trial(method: Any, inp: Any) -> float:
    """The standard error where none was measured. One trial of what is drawn says nothing of it: NaN; else 0.

    method: captum's, None where it is not known.
    """
    return float("nan") if method is None or _method(method).sampled or _draws(inp) else 0.0


def _draws(inp: Any) -> bool:
    """Whether an input's baselines are drawn."""
    return callable(getattr(inp, "baselines", None))


def _numbers(found: Any) -> NDArray[np.float64]:
    return found.cpu().double().numpy()


def _names(result: Any, pieces: tuple[Piece, ...], place_of: list[int]) -> tuple[str, ...]:
    """Each feature's text, its members' one after the other."""
    texts = [str(token) for token in result.input_tokens]
    if isinstance(result.inp, ca.TextTokenInput):
        texts = [piece.text for piece in pieces if piece.feature is not None]
    members = [[text for text, at in zip(texts, place_of, strict=True) if at == place] for place in sorted({*place_of})]
    return tuple(" … ".join(each) for each in members)


def _grouped(picture: Picture | None, place_of: list[int]) -> Picture | None:
    if picture is None:
        return None
    members = tuple(tuple(sorted({place_of[segment] for segment in covering})) for covering in picture.members)
    return Picture(picture.pixels, picture.regions, members)


def _ledger(result: Any, order: list[int], outputs: int) -> Ledger:
    """What was played. No run goes on from it: captum's prompts are not ours."""
    if result.coalitions is None or result.log_probs is None:
        nothing = np.empty((0, len(order)), dtype=bool), np.empty((0, outputs), dtype=np.float32)
        return Ledger(*nothing, np.empty(0, dtype=np.int32), "captum", np.empty((0, KEY_BYTES), dtype=np.uint8))
    keys = np.zeros((len(result.coalitions), KEY_BYTES), dtype=np.uint8)
    return Ledger(result.coalitions[:, order], result.log_probs, result.played_in, "captum", keys)


def _method(method: Any) -> Method | GradientMethod:
    """Ours of captum's kind: what fits the ledger again, for a stretch of the target. LIME as captum's is configured,
    where ours has the like of it.
    """
    if isinstance(method, ca.Lime) and not isinstance(method, ca.KernelShap):
        linear, kernel = method.interpretable_model, inspect.getclosurevars(method.similarity_func).nonlocals
        if isinstance(linear, SkLearnLasso | SkLearnRidge) and {"distance_mode", "kernel_width"} <= set(kernel):
            return Lime(
                distance=kernel["distance_mode"],
                kernel_width=float(kernel["kernel_width"]),
                penalty="lasso" if isinstance(linear, SkLearnLasso) else "ridge",
                strength=float(linear.construct_kwargs.get("alpha", 1.0)),
            )
    return next(ours for kind, ours in KINDS if isinstance(method, kind))
