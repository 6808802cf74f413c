"""The wire between kernel and front end, typed once. `typescript.py` prints js/src/protocol.ts from it.

Traits hold what a reopened notebook must show; messages are commands (front end to kernel) and events (kernel to front
end). Numbers travel as little-endian float32 buffers beside the JSON, so that NaN and infinity survive. Names are the
same on both sides; there is no mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Phase: TypeAlias = Literal["idle", "running", "finished", "stopped", "failed"]
ValueName: TypeAlias = Literal["log_prob", "prob"]
GranularityName: TypeAlias = Literal["token", "word", "sentence", "paragraph"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a menu: `name` is the key, `label` what people read, `about` one line on it."""

    name: str
    label: str
    about: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What the controls offer."""

    methods: tuple[Choice, ...]
    granularities: tuple[Choice, ...]
    values: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run is made from. `target` null: the model writes it. `budget` null: the method's own default."""

    prompt: str
    target: str | None
    method: str
    granularity: GranularityName
    value: ValueName
    budget: int | None
    trials: int
    seed: int


@dataclass(frozen=True, slots=True)
class PieceText:
    """A stretch of the prompt as shown; `feature` null is always present. Joined, the texts give the prompt back.

    role: whose words these are in a conversation; "template" for what a chat template or the tokenizer put in; "".
    """

    text: str
    feature: int | None
    role: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the matrix is about: everything but the numbers.

    features: column labels; outputs: row labels (target tokens, in order).
    label: what one number is ("Shapley value"); unit: its unit ("nats"); adds_up: rows sum to v(all) - v(none).
    sampled: the standard errors come from sampling; model: whose numbers these are.
    """

    run: int
    pieces: tuple[PieceText, ...]
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    label: str
    unit: str
    adds_up: bool
    sampled: bool
    baseline: str
    model: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. calls: prompts scored for it so far, of `budget` planned; times in seconds.

    largest_error: the largest standard error in the matrix; gap: largest |sum of a row - (v(all) - v(none))|, null
    where the method does not promise it; message: in plain words, what went wrong or what is being done.
    """

    run: int
    phase: Phase
    calls: int
    budget: int
    elapsed: float
    rate: float | None
    seconds_left: float | None
    trials: int
    largest_error: float | None
    gap: float | None
    message: str
    traceback: str


# Commands: front end to kernel.


@dataclass(frozen=True, slots=True)
class Hello:
    """A front end opened; answered with a full frame when there is anything to show."""

    kind: Literal["hello"]


@dataclass(frozen=True, slots=True)
class Run:
    """Start a run with these settings."""

    kind: Literal["run"]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run in progress and keep what there is."""

    kind: Literal["stop"]


@dataclass(frozen=True, slots=True)
class Resend:
    """A sequence number was missed (or frames came before their chart): answered with a full frame."""

    kind: Literal["resend"]


@dataclass(frozen=True, slots=True)
class Generate:
    """Let the model write the target for this prompt; answered with `generated`."""

    kind: Literal["generate"]
    settings: Settings


Command: TypeAlias = Hello | Run | Stop | Resend | Generate


# Events: kernel to front end.


@dataclass(frozen=True, slots=True)
class Frame:
    """The matrix as it stands, or some rows of it, with its progress.

    seq: counts up by one per event of this widget, over all runs. chart: sent with the first frame of a run and in
    answer to hello and resend, else null. rows: how many rows this frame carries, from first_row on (a large matrix
    is sent in several frames; 0 rows carry progress alone).

    Buffers, float32, when rows > 0: values (rows, features); errors (rows, features); ends (rows, 2): v(all) and
    v(none) of each row; sequence (features): attribution of the whole target; sequence_errors (features).
    """

    kind: Literal["frame"]
    seq: int
    run: int
    chart: Chart | None
    progress: Progress
    first_row: int
    rows: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A command could not be carried out (a bad message, bad settings). A run that fails ends with phase "failed"."""

    kind: Literal["failed"]
    seq: int
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model wrote after the prompt."""

    kind: Literal["generated"]
    seq: int
    text: str


Event: TypeAlias = Frame | Failed | Generated


# Traits: what a saved notebook shows. Buffers as in `Frame`, for all rows; empty while there is nothing.


@dataclass(frozen=True, slots=True)
class State:
    """Synced traits of the widget. The editable ones (`prompt` … `seed`) go both ways."""

    prompt: str
    target: str | None
    method: str
    granularity: GranularityName
    value: ValueName
    budget: int | None
    trials: int
    seed: int
    choices: Choices
    status: Phase
    chart: Chart | None
    progress: Progress | None
    values: bytes
    errors: bytes
    ends: bytes
    sequence: bytes
    sequence_errors: bytes
