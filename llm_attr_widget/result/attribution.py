"""The attribution: what a run gives back. Immutable; what the ledger can answer later costs no model call."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import CapabilityError, InputError, MethodError, TargetError, require_package
from llm_attr_widget.export import tables
from llm_attr_widget.game.fitting import ends, refit
from llm_attr_widget.game.game import Game
from llm_attr_widget.game.ledger import UNUSED, Ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Value
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.certainty import band, certainty, named
from llm_attr_widget.result.check import Additive, Check, check, convergence, doubts
from llm_attr_widget.result.exports import Exports
from llm_attr_widget.result.provenance import Phase, Provenance
from llm_attr_widget.result.saving import read, write
from llm_attr_widget.result.status import Status, certainty_of, played, sums_of, unspread_of
from llm_attr_widget.result.texts import shown_texts
from llm_attr_widget.types import GradientMethod, Method, Piece

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Attribution(Exports):
    """Which parts of the prompt made the model say this.

    values: `(outputs, features)` in `unit`; standard_errors: the same shape, zero where the method is exact, NaN where
    too little was played. sequence, sequence_standard_errors: `(features,)`, of the target as a whole. ends:
    `(outputs, 2)`, v(all) and v(none) of each output; sequence_ends: `(2,)`. features, outputs: their texts; pieces:
    the prompt as shown; picture: its image, and where features lie in it, if it has one; label: what one number is
    ("Shapley value").
    against: the second answer of a contrast.
    phase: "stopped" when it was ended early.

    Texts with half a surrogate pair, which no file and no page can hold, are taken with "�" in its place.
    """

    values: Numbers
    standard_errors: Numbers
    sequence: Numbers
    sequence_standard_errors: Numbers
    ends: Numbers
    sequence_ends: Numbers
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    pieces: tuple[Piece, ...]
    target: Target
    label: str
    unit: str
    adds_up: bool
    sampled: bool
    random: bool
    phase: Phase
    method: Method | GradientMethod
    value: Value
    ledger: Ledger
    provenance: Provenance
    game: Game | None = field(default=None, repr=False, compare=False)
    against: Target | None = None
    picture: Picture | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, texts in shown_texts(self.features, self.outputs, self.pieces, self.target, self.against).items():
            object.__setattr__(self, name, texts)

    @property
    def gap(self) -> float | None:
        """Largest |sum of a row - (v(all) - v(none))|; None where the method does not promise that rows add up."""
        if not self.adds_up or not len(self.ledger):
            return None
        rows = np.abs(self.values.sum(axis=1) - (self.ends[:, 0] - self.ends[:, 1]))
        return float(rows.max()) if np.isfinite(rows).all() else None

    @property
    def largest_error(self) -> float | None:
        """Largest standard error in the matrix; None while there is none."""
        known = self.standard_errors[np.isfinite(self.standard_errors)]
        return float(known.max()) if known.size else None

    @property
    def certainty(self) -> str:
        """How sure the numbers of the whole target are, in words: "exact", their largest standard error, or that it is
        not known.
        """
        return certainty(self.sequence_standard_errors, self.unit)

    @property
    def convergence(self) -> float | None:
        """Largest standard error over the range of the target's attributions; 0 when exact, None while not known."""
        return convergence(self.sequence, self.sequence_standard_errors)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why not to trust these numbers, as far as can be told without a model call; empty where nothing speaks
        against them. `check()` tells more, for a few calls.
        """
        rows = self.ledger.trials != UNUSED
        values = self.value(self.ledger.log_probs[rows])[:, -1]
        change = np.abs(np.diff(self.ends, axis=1)).max(initial=0.0)
        instead = (self.provenance.instead,) if self.provenance.instead else ()
        found = doubts(
            self._additive(),
            (self.ledger.coalitions[rows], values),
            gap=self.gap,
            change=float(change),
            converged=self.convergence,
            certain=self.certainty,
        )
        return (*instead, *self.provenance.doubts, *found)

    @property
    def status(self) -> Status:
        """What the numbers are, how sure, and every doubt. `str(result.status)` is the sentence that all views show."""
        return self.stands(self.phase)

    def stands(self, phase: Phase) -> Status:
        """`status`, where the run that the numbers are from goes on though they are those of its end.

        Cost: no model call; in a run under way doubts, which take longest, are left to its end.
        """
        drawn = self.random and self.provenance.trials == 1
        unspread = unspread_of(phase, exact=not isinstance(self.method, GradientMethod), drawn=drawn)
        values = np.append(self.values, self.sequence)
        errors = np.append(self.standard_errors, self.sequence_standard_errors)
        sums, close = sums_of(self.gap, self.ends, self.unit, adds_up=self.adds_up)
        doubts = () if phase == "running" else self.doubts
        return Status(
            numbers=f"{self.label}, {self.unit}" if self.unit else self.label,
            phase=played(phase, self.provenance.calls, self.provenance.planned),
            certainty=certainty_of(values, errors, self.unit, unspread),
            sums=sums,
            doubts=doubts,
            unspread=unspread,
            sound=phase == "finished" and not doubts and close and bool(np.isfinite(errors).all()),
        )

    @property
    def _targets(self) -> tuple[Target, ...]:
        return (self.target,) if self.against is None else (self.target, self.against)

    def _additive(self) -> Additive:
        return Additive(self.sequence, float(self.sequence_ends[0]), float(self.sequence_ends[1]), self.adds_up)

    def span(self, start: int, stop: int) -> Attribution:
        """The target tokens `start:stop` explained as one output. Fits the ledger again; costs no model call.

        Needs a log-prob attribution, since log-probs are what adds up over tokens.
        """
        stretch = getattr(self.value, "span", None)
        if stretch is None:
            raise TargetError(
                f"Expected a log-prob attribution to add tokens up, got {self.value.label}. "
                "Run again with value='log_prob'."
            )
        if not 0 <= start < stop <= len(self.target.ids):
            raise TargetError(
                f"Expected 0 <= start < stop <= {len(self.target.ids)} target tokens, got {start}:{stop}."
            )
        if isinstance(self.method, GradientMethod):
            return self._added(start, stop, stretch(start, stop))
        return self._with(self.method, stretch(start, stop))

    def _added(self, start: int, stop: int, value: Value) -> Attribution:
        """Gradients of a sum are sums of gradients. Standard errors are bounds: tokens may err together."""
        whole, errors = self.values[start:stop].sum(axis=0), self.standard_errors[start:stop].sum(axis=0)
        both = self.ends[start:stop].sum(axis=0)
        return replace(
            self,
            values=whole[None],
            standard_errors=errors[None],
            sequence=whole,
            sequence_standard_errors=errors,
            ends=both[None],
            sequence_ends=both,
            outputs=("".join(self.target.texts[start:stop]),),
            value=value,
        )

    def refit(self, method: Method) -> Attribution:
        """What another method makes of the same coalitions. Costs no model call.

        Raises MethodError when the method needs coalitions that were not played.
        """
        found = self._with(method, self.value)
        return replace(found, provenance=replace(self.provenance, instead=""))

    def _with(self, method: Method, value: Value) -> Attribution:
        estimate = refit(self.ledger, method, value, random=self.random)
        if estimate is None:
            raise MethodError(
                f"The {len(self.ledger)} coalitions in the ledger are not those that {method.label} needs. "
                "Run that method, or refit with one that takes any coalitions, such as KernelShap or Lime."
            )
        both = ends(self.ledger, value)
        return replace(
            self,
            values=estimate.values[:-1],
            standard_errors=estimate.standard_errors[:-1],
            sequence=estimate.values[-1],
            sequence_standard_errors=estimate.standard_errors[-1],
            ends=both[:-1],
            sequence_ends=both[-1],
            outputs=value.outputs(self._targets),
            method=method,
            value=value,
            label=method.label,
            adds_up=method.adds_up,
            sampled=method.sampled,
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row per cell: output, feature, their texts, value, standard error.

        Raises MissingPackage without pandas (the extra `tables`); `to_csv()` needs none.
        """
        require_package("pandas", extra="tables", what="to_dataframe()")
        import pandas as pd

        output, feature = np.indices(self.values.shape).reshape(2, -1)
        return pd.DataFrame(
            {
                "output": output,
                "output_text": [self.outputs[i] for i in output],
                "feature": feature,
                "feature_text": [self.features[i] for i in feature],
                "value": self.values.ravel(),
                "standard_error": self.standard_errors.ravel(),
            }
        )

    def _content(self) -> tables.Content:
        names = ("label", "unit", "adds_up", "sampled")
        origin = ("baseline", "model", "seed", "calls")
        about = {name: getattr(self, name) for name in names} | {n: getattr(self.provenance, n) for n in origin}
        status = self.status
        about |= {"status": str(status), "doubts": list(status.doubts)}
        return tables.Content(
            *(self.values, self.standard_errors, self.ends, self.sequence, self.sequence_standard_errors),
            *(self.features, self.outputs, self.pieces),
            about=about,
        )

    def plot_token_attr(self, *, values: bool | None = None) -> Figure:
        """The matrix, outputs × features, as a matplotlib figure. values: write numbers into cells (None: if fit)."""
        from llm_attr_widget.export.figures import token_figure

        return token_figure(
            self.values,
            self.standard_errors,
            self.features,
            self.outputs,
            name=named(self.label, self.standard_errors),
            unit=self.unit,
            write=values,
        )

    def plot_seq_attr(self) -> Figure:
        """A bar per feature for the target as a whole, with its 95% band, as a matplotlib figure."""
        from llm_attr_widget.export.figures import sequence_figure

        return sequence_figure(
            self.sequence,
            self.sequence_standard_errors,
            self.features,
            name=named(self.label, self.sequence_standard_errors),
            unit=self.unit,
        )

    def plot_image_heatmap(self, output: int | None = None, *, opacity: float = 0.7) -> Figure:
        """The picture with its segments tinted, outlined, and a legend with zero in the middle, as a matplotlib figure.

        output: the output token whose attribution is shown; None: the target as a whole. For a stretch of tokens draw
        its `span`. Raises InputError for a result without a picture, or an output that there is not.
        """
        from llm_attr_widget.export.heatmap import image_figure

        if self.picture is None:
            raise InputError("This result has no picture: its prompt had no image. Draw plot_seq_attr() instead.")
        if output is not None and not 0 <= output < len(self.outputs):
            raise InputError(f"Expected an output in range({len(self.outputs)}), or None for all, got {output}.")
        whole = output is None
        scores, errors = (
            (self.sequence, self.sequence_standard_errors)
            if whole
            else (self.values[output], self.standard_errors[output])
        )
        said = self.target.text if whole else self.outputs[output]
        return image_figure(
            self.picture, scores, errors, name=named(self.label, errors), unit=self.unit, title=said, opacity=opacity
        )

    def check(self, *, calls: int = 64, seed: int = 0) -> Check:
        """How far to trust these numbers: about `calls` model calls on coalitions that they were not made from.

        Raises CapabilityError for a result that was loaded from a file, and so has no model behind it.
        """
        if self.game is None:
            raise CapabilityError(
                "check() needs the model, but this result was loaded from a file. "
                "Run check() before saving, or attribute again."
            )
        return check(self.game, self.ledger.coalitions, self._additive(), gap=self.gap, calls=calls, seed=seed)

    def save(self, path: str | Path) -> None:
        """One .npz file with the ledger, no pickle. The model is not saved, so a loaded result cannot `check()`.

        Raises AttributionError for a method or value function of the caller's own, which a file cannot hold.
        """
        write(path, {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> Attribution:
        """Read what `save` wrote. Raises LedgerError when the file is something else."""
        return cls(**read(path))

    def top(self, count: int = 3) -> tuple[tuple[str, float, float], ...]:
        """The features with the largest |sequence attribution|: (text, value, standard error)."""
        order = np.argsort(-np.abs(np.nan_to_num(self.sequence)), kind="stable")[:count]
        return tuple(
            (self.features[i], float(self.sequence[i]), float(self.sequence_standard_errors[i])) for i in order
        )

    def __repr__(self) -> str:
        about = self.provenance
        title = f"{self.label} of {len(self.features)} features for {self.target.text!r}"
        bands = "; ± one standard error" if (self.sequence_standard_errors > 0).any() else ""
        lines = [f"{title} ({len(self.outputs)} outputs, {self.value.label}, {self.unit}{bands})"]
        width = max((len(repr(text)) for text, _, _ in self.top()), default=0)
        for text, value, error in self.top():
            lines.append(f"  {text!r:<{width}}  {value:+.3f}{band(error)}")
        rule = f", {'' if about.early else 'not '}{about.stop_when}" if about.stop_when else ""
        lines.append(
            f"  {self.phase}: {about.calls} of {about.planned} calls{rule}, baseline: {about.baseline}, "
            f"seed {about.seed}"
        )
        lines.append(f"  {self.status}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from llm_attr_widget.export.html import html_picture

        about = f"{self.status.stands}; baseline: {self.provenance.baseline}"
        numbers, texts = (self.values, self.standard_errors), (self.features, self.outputs)
        return html_picture(*numbers, *texts, name=self.label, unit=self.unit, about=about)
