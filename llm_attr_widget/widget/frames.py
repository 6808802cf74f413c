"""From a run's updates to what the wire carries: charts, progress, frames with their buffers."""

from __future__ import annotations

import hashlib
import io
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget import picture
from llm_attr_widget.engine.extend import can_go_further
from llm_attr_widget.engine.update import Update
from llm_attr_widget.errors import AttributionError, discreet
from llm_attr_widget.game.values import VALUES, Value
from llm_attr_widget.inputs.members import UNNAMED
from llm_attr_widget.methods import METHODS
from llm_attr_widget.result import provenance
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import GRANULARITIES
from llm_attr_widget.widget.colab import MOST_BYTES, in_colab, weight
from llm_attr_widget.widget.protocol import (
    Chart,
    Explained,
    Frame,
    Numbers,
    Picture,
    PieceText,
    Progress,
    Said,
    Settings,
    ValueName,
)
from llm_attr_widget.widget.units import feature_units, output_units
from llm_attr_widget.widget.wire import buffers, encode

DISPLAY_SIDE, SMALL_SIDE = 512, 384  # pixels of a picture's longer side as it is shown; where messages must be small
_CELL = 8  # bytes of a value and its standard error


def chart_of(attribution: Attribution, run: int, settings: Settings, continues: int | None = None) -> Chart:
    """What the matrix of this attribution is about."""
    shown = attribution.picture
    return Chart(
        run=run,
        pieces=tuple(PieceText(piece.text, piece.feature, piece.role) for piece in attribution.pieces),
        features=attribution.features,
        outputs=attribution.outputs,
        target=attribution.target.text,
        against=None if attribution.against is None else attribution.against.text,
        label=attribution.label,
        unit=attribution.unit,
        explains=explained(attribution),
        adds_up=attribution.adds_up,
        sampled=attribution.sampled,
        baseline=attribution.provenance.baseline,
        model=attribution.provenance.model,
        picture=None if shown is None else key_of(shown),
        continues=continues,
        askable=attribution.game is not None,
        extendable=can_go_further(attribution),
        settings=settings,
        units=feature_units(attribution),
        output_units=output_units(attribution),
        level=None if attribution.provenance.granularity == UNNAMED else attribution.provenance.granularity,
    )


def explained(attribution: Attribution) -> Explained:
    """What the numbers divide up among the features."""
    told = getattr(attribution.value, "explains", "other")
    return cast("Explained", told) if told in get_args(Explained) else "other"


def settings_of(attribution: Attribution) -> Settings:
    """The settings that come nearest to how this attribution was made."""
    about = attribution.provenance
    known = set(METHODS)
    return Settings(
        prompt="".join(piece.text for piece in attribution.pieces),
        target=attribution.target.text,
        against=None if attribution.against is None else attribution.against.text,
        method=attribution.method.name if attribution.method.name in known else Settings().method,
        # The finest, so that the view may put features together at every level.
        granularity=about.granularity if about.granularity in GRANULARITIES else GRANULARITIES[0],
        value=_name_of(attribution.value),
        budget=None,
        trials=about.trials,
        seed=about.seed,
    )


def _name_of(value: Value) -> ValueName:
    """The name of a value function; the default's for what has none (a contrast, a function of the user's own)."""
    for name, kind in VALUES:
        if type(value) is kind:
            return name
    return Settings().value


def progress_of(update: Update, run: int, *, resumed: int = 0, spent: float = 0.0) -> Progress:
    """Where the run stands after this update. resumed, spent: calls and seconds of the run that it continues."""
    attribution = update.attribution
    fresh, seconds = update.calls - resumed, update.seconds - spent
    rate = fresh / seconds if fresh > 0 and seconds > 0 else None
    left = (update.planned - update.calls) / rate if rate and update.phase == "running" else None
    return Progress(
        run=run,
        phase=update.phase,
        calls=update.calls,
        planned=update.planned,
        elapsed=update.seconds,
        rate=rate,
        seconds_left=left,
        trials=attribution.provenance.trials,
        message="",
        traceback="",
        said=said_of(attribution, update.phase),
    )


def said_of(attribution: Attribution, phase: provenance.Phase) -> Said:
    """What there is to say of its numbers. phase: of the run that they are from."""
    status = attribution.stands(phase)
    return Said(str(status), status.doubts, status.unspread, status.sound)


def progress_at_end(attribution: Attribution, run: int) -> Progress:
    """Of a result that was made elsewhere."""
    about = attribution.provenance
    update = Update(attribution, about.calls, about.planned, about.seconds)
    return replace(progress_of(update, run), rate=None, seconds_left=None)


def nothing_yet(run: int, message: str) -> Progress:
    """A run that has begun and has nothing to show."""
    return Progress(run, "running", 0, 0, 0.0, None, None, 1, message, "", None)


def told(error: BaseException, what: str) -> tuple[str, str]:
    """An error for people, and its traceback. what: what failed, for errors that are not of this package."""
    known = isinstance(error, AttributionError)
    message = str(error) if known else f"{what}: {type(error).__name__}: {error}"
    return discreet(message), discreet("".join(traceback.format_exception(error)))


def failure(before: Progress, message: str, trace: str) -> Progress:
    """The same run, failed."""
    return replace(before, phase="failed", rate=None, seconds_left=None, message=message, traceback=trace)


def numbers_of(attribution: Attribution, rows: slice = slice(None)) -> Numbers:
    """The numbers of these rows."""
    return Numbers(
        values=float32(attribution.values[rows]),
        errors=float32(attribution.standard_errors[rows]),
        ends=float32(attribution.ends[rows]),
        sequence=float32(attribution.sequence),
        sequence_errors=float32(attribution.sequence_standard_errors),
    )


def frames_of(
    attribution: Attribution, progress: Progress, chart: Chart | None
) -> Iterator[tuple[Frame, tuple[bytes, ...]]]:
    """The whole matrix as frames (their `seq` still 0), each small enough to travel; the chart with the first."""
    outputs, features = attribution.values.shape
    row = _CELL * (features + 1)  # with v(all) and v(none) of it
    beside = weight(encode(progress)) + _CELL * features  # in every frame, the whole target's numbers among it
    first = 0
    while first < outputs:
        sent = chart if first == 0 else None
        room = MOST_BYTES - beside - (0 if sent is None else weight(encode(sent)))
        rows = min(max(1, room // row), outputs - first)
        frame = Frame("frame", 0, progress.run, sent, progress, first, rows)
        yield frame, buffers(numbers_of(attribution, slice(first, first + rows)))
        first += rows


def float32(array: NDArray[np.floating]) -> bytes:
    """As the wire carries numbers."""
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def key_of(shown: picture.Picture) -> str:
    """Equal for equal pictures."""
    digest = hashlib.blake2b(digest_size=12)
    for part in (shown.pixels.tobytes(), shown.regions.tobytes(), repr(shown.members).encode()):
        digest.update(part)
    return digest.hexdigest()


def picture_of(shown: picture.Picture) -> Picture:
    """The picture as the front end shows it, no side longer than DISPLAY_SIDE (in Colab SMALL_SIDE)."""
    small = shown.at_most(SMALL_SIDE if in_colab() else DISPLAY_SIDE)
    regions = np.ascontiguousarray(small.regions, dtype="<u2").tobytes()
    return Picture(key_of(shown), small.width, small.height, png_of(small.pixels), regions, small.members)


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """`(height, width, 3)`, RGB, as a file."""
    from PIL import Image

    png = io.BytesIO()
    Image.fromarray(pixels).save(png, format="PNG")
    return png.getvalue()
