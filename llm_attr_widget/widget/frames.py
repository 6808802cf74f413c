"""From a run's updates to what the wire carries: charts, progress, frames with their buffers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.attribution import Attribution
from llm_attr_widget.run import Update
from llm_attr_widget.widget.protocol import Chart, Frame, PieceText, Progress, Settings

# Colab drops messages over 1 MB or so; two matrices travel in a frame.
CELLS_PER_FRAME = 100_000

BUFFERS = ("values", "errors", "ends", "sequence", "sequence_errors")


def chart_of(attribution: Attribution, run: int, settings: Settings) -> Chart:
    """What the matrix of this attribution is about."""
    return Chart(
        run=run,
        pieces=tuple(PieceText(piece.text, piece.feature, piece.role) for piece in attribution.pieces),
        features=attribution.features,
        outputs=attribution.outputs,
        label=attribution.label,
        unit=attribution.unit,
        adds_up=attribution.adds_up,
        sampled=attribution.sampled,
        baseline=attribution.provenance.baseline,
        model=attribution.provenance.model,
        settings=settings,
    )


def progress_of(update: Update, run: int, message: str = "") -> Progress:
    """Where the run stands after this update."""
    attribution = update.attribution
    rate = update.calls / update.seconds if update.calls and update.seconds > 0 else None
    left = (update.budget - update.calls) / rate if rate and update.phase == "running" else None
    return Progress(
        run=run,
        phase=update.phase,
        calls=update.calls,
        budget=update.budget,
        elapsed=update.seconds,
        rate=rate,
        seconds_left=left,
        trials=attribution.provenance.trials,
        largest_error=attribution.largest_error if attribution.sampled else None,
        gap=attribution.gap,
        message=message,
        traceback="",
    )


def nothing_yet(run: int, message: str) -> Progress:
    """A run that has begun and has nothing to show."""
    return Progress(run, "running", 0, 0, 0.0, None, None, 1, None, None, message, "")


def failure(before: Progress, message: str, traceback: str) -> Progress:
    """The same run, failed."""
    return Progress(
        before.run, "failed", before.calls, before.budget, before.elapsed, None, None, before.trials, None, None,
        message, traceback,
    )  # fmt: skip


def buffers_of(attribution: Attribution, rows: slice = slice(None)) -> tuple[bytes, ...]:
    """The numbers of these rows, in the order of BUFFERS, as little-endian float32."""
    arrays = (
        attribution.values[rows],
        attribution.standard_errors[rows],
        attribution.ends[rows],
        attribution.sequence,
        attribution.sequence_errors,
    )
    return tuple(_float32(array) for array in arrays)


def frames_of(
    attribution: Attribution, progress: Progress, chart: Chart | None
) -> Iterator[tuple[Frame, tuple[bytes, ...]]]:
    """The whole matrix as frames (their `seq` still 0), each small enough to travel; the chart with the first."""
    outputs, features = attribution.values.shape
    step = max(1, CELLS_PER_FRAME // max(1, features))
    for first in range(0, outputs, step):
        rows = min(step, outputs - first)
        frame = Frame("frame", 0, progress.run, chart if first == 0 else None, progress, first, rows)
        yield frame, buffers_of(attribution, slice(first, first + rows))


def _float32(array: NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(array, dtype="<f4").tobytes()
