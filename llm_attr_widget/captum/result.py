"""The result, as captum's, and what captum leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from captum.attr import LLMAttributionResult as CaptumResult

from llm_attr_widget.captum.view import attribution_of, error_of_one_trial
from llm_attr_widget.export.figures import sequence_figure, token_figure
from llm_attr_widget.result.certainty import named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llm_attr_widget.result.attribution import Attribution

FOR, AGAINST = "#4772b3", "#d0365b"
"""Captum's colours of bars."""

READABLE = 40
"""Columns up to which captum's own plots are drawn: each takes 1.3 inches."""


class LLMAttributionResult(CaptumResult):
    """Captum's result, with more in it.

    output_probs: probability of each target token after the whole prompt. group_attr, group_token_attr: `(groups,)`,
        `(output tokens, groups)`: each group of features once, so that they can be added up (captum repeats a group's
        number for each of its members). group_of: for each input token its place in group_attr; None for an input whose
        `format_attr` is more than a copy of a group's number to its members.
    seq_errors, token_errors: standard errors over trials, None with one trial.
    delta: `(output tokens,)`, for gradient methods that multiply by the difference to a baseline: sum of attributions
        over all positions, less v(prompt) - v(baseline).
    ends: `(output tokens, 2)`, for gradient methods: log-probs with the whole prompt and with the baseline, NaN where
        the method has none.
    method, attr_target, target: captum's method, what it explained, and the target's ids.
    coalitions, log_probs, played_in: what was played: bool `(m, groups)`, float32 `(m, output tokens)`, nats, and in
        which trial, int32 `(m,)`. scored: prompts that went through the model for it, the whole one among them.
    finished: False for what a future's `partial()` gives before its work is done.
    """

    group_attr: torch.Tensor
    group_token_attr: torch.Tensor | None = None
    group_of: tuple[int, ...] | None = None
    seq_errors: torch.Tensor | None = None
    token_errors: torch.Tensor | None = None
    delta: torch.Tensor | None = None
    ends: NDArray[np.float64] | None = None
    coalitions: NDArray[np.bool_] | None = None
    log_probs: NDArray[np.float32] | None = None
    played_in: NDArray[np.int32] | None = None
    scored: int = 0
    finished: bool = True
    method: Any = None
    attr_target: str = "log_prob"
    target: torch.Tensor | None = None

    def to_attribution(self) -> Attribution:
        """This result as an Attribution, for `AttrWidget.from_result`, tables and files."""
        return attribution_of(self)

    @property
    def seq_attr_dict(self) -> dict[str, float]:
        """Attributions by token; a token that comes again is numbered ("the", "the [2]"), so that none is lost."""
        seen: dict[str, int] = {}
        named: dict[str, float] = {}
        for token, number in zip(self.input_tokens, self.seq_attr.cpu().tolist(), strict=True):
            name = token
            while name in named:
                seen[token] = seen.get(token, 1) + 1
                name = f"{token} [{seen[token]}]"
            named[name] = number
        return named

    def plot_token_attr(self, show: bool = False) -> Any:
        """Captum's plot; beyond 40 columns one that stays readable. Returns (figure, axes), or None if shown."""
        if self.token_attr is None or self._fits_captums(self.token_attr):
            return super().plot_token_attr(show)
        values = self.token_attr.cpu().double().numpy()
        errors = self._errors(self.token_errors, values)
        figure = token_figure(
            values,
            errors,
            tuple(self.input_tokens),
            tuple(self.output_tokens),
            name=named("Token Attribution", errors),
            unit="",
            write=False,
        )
        for image in figure.axes[0].images:
            image.set_cmap(self._get_plot_color_map())
        return _shown(figure, show=show)

    def plot_seq_attr(self, show: bool = False) -> Any:
        """Captum's plot; beyond 40 bars one that stays readable. Returns (figure, axes), or None if shown."""
        if self._fits_captums(self.seq_attr):
            return super().plot_seq_attr(show)
        values = self.seq_attr.cpu().double().numpy()
        errors = self._errors(self.seq_errors, values)
        name = named("Sequence Attribution", errors)
        figure = sequence_figure(values, errors, tuple(self.input_tokens), name=name, unit="")
        for bar, value in zip(figure.axes[0].patches, values, strict=False):
            bar.set_facecolor(FOR if value > 0 else AGAINST)
        return _shown(figure, show=show)

    def _errors(self, measured: torch.Tensor | None, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard errors of these values: measured over trials, else zero or not known."""
        if measured is not None:
            return measured.cpu().double().numpy()
        return np.full(values.shape, error_of_one_trial(self.method, self.inp))

    def _fits_captums(self, drawn: torch.Tensor) -> bool:
        """Whether captum's plot is the one to draw: it has no scale for numbers that are not known yet (NaN)."""
        return len(self.input_tokens) <= READABLE and not bool(drawn.isnan().any())


def _shown(figure: Any, *, show: bool) -> Any:
    if not show:
        return figure, figure.axes[0]
    import matplotlib.pyplot as plt

    manager = plt.figure().canvas.manager
    if manager is not None:
        manager.canvas.figure = figure
    plt.show()
    return None
