"""The wire between kernel and front end, typed once. `typescript.py` prints js/src/wire/protocol.ts from it.

Traits hold what a reopened notebook must show; messages are commands (front end to kernel) and events (kernel to front
end). Numbers travel as little-endian float32 buffers beside the JSON, so that NaN and infinity survive. Names are the
same on both sides; there is no mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Phase: TypeAlias = Literal["idle", "running", "paused", "finished", "stopped", "failed"]
ValueName: TypeAlias = Literal["log_prob", "prob"]
GranularityName: TypeAlias = Literal["token", "word", "sentence", "paragraph"]
Explained: TypeAlias = Literal["log_prob", "prob", "log_odds", "other"]


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
    """All that a run is made from. `target` null: the model writes it. `budget` null: the method's own default.

    against: a second answer, to explain why the target rather than this; null: no contrast.
    locked: the prompt's pieces joined, cut where a stretch that is always present begins and ends: every second text,
    from the second on, is such a stretch; empty: none is.
    """

    prompt: str
    target: str | None
    against: str | None
    method: str
    granularity: GranularityName
    value: ValueName
    budget: int | None
    trials: int
    seed: int
    locked: tuple[str, ...] = ()


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

    features: column labels; outputs: row labels (target tokens, in order). target: the whole answer; against: the
    second answer of a contrast, whose outputs are "token / token" pairs (one token where both are the same), or one
    output where lengths differ.
    label: what one number is ("Shapley value"); unit: its unit ("nats"); explains: what the numbers divide up.
    adds_up: rows sum to v(all) - v(none). sampled: the standard errors come from sampling; model: whose numbers these
    are. picture: key of the prompt's image among the trait `pictures`. continues: the run whose calls this one began
    with. askable: the kernel can ask the model about this run (what if, check). extendable: and play more for it.
    """

    run: int
    pieces: tuple[PieceText, ...]
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    target: str
    against: str | None
    label: str
    unit: str
    explains: Explained
    adds_up: bool
    sampled: bool
    baseline: str
    model: str
    picture: str | None
    continues: int | None
    askable: bool
    extendable: bool
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


@dataclass(frozen=True, slots=True)
class Record:
    """An ended run that is kept beside the newest one: all that is needed to show it. Buffers as in `Frame`."""

    chart: Chart
    progress: Progress
    values: bytes
    errors: bytes
    ends: bytes
    sequence: bytes
    sequence_errors: bytes


@dataclass(frozen=True, slots=True)
class RunName:
    """What people call a run."""

    run: int
    name: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """share: of the features removed (or kept), 0 to 1; value: of the whole target, in the chart's unit."""

    share: float
    value: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far to trust a run: the figures of `Attribution.check()`, and what they say in words.

    rank_correlation, r_squared: of predicted and real values on `held_out` coalitions, null where either is constant;
    seen: how many of those the run had played after all; calls: what the check cost. deletion, insertion: the value as
    the features of highest attribution are removed (kept), first of all the highest.
    """

    run: int
    trusted: bool
    verdict: str
    rank_correlation: float | None
    r_squared: float | None
    gap: float | None
    held_out: int
    seen: int
    calls: int
    deletion: tuple[CurvePoint, ...]
    insertion: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The image of a prompt, sent once and small enough to show: only numbers stream.

    image: a PNG of width × height pixels. regions: uint16, little-endian, row-major, one number for each pixel: which
    entry of `members` it is in. members: for each region the features that cover it (none: always present).
    """

    key: str
    width: int
    height: int
    image: bytes
    regions: bytes
    members: tuple[tuple[int, ...], ...]


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
class Pause:
    """Hold the run in progress after its next batch; the model is free for others meanwhile."""

    kind: Literal["pause"]


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with the run that was paused."""

    kind: Literal["resume"]


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run in progress and keep what there is."""

    kind: Literal["stop"]


@dataclass(frozen=True, slots=True)
class Extend:
    """A quarter more calls for this run: at once where it is in progress, else as a new run that continues it.

    A run that was stopped is played to its end instead.
    """

    kind: Literal["extend"]
    run: int


@dataclass(frozen=True, slots=True)
class Resend:
    """A sequence number was missed (or frames came before their chart): answered with a full frame."""

    kind: Literal["resend"]


@dataclass(frozen=True, slots=True)
class Generate:
    """Let the model write the target for this prompt; answered with `generated`."""

    kind: Literal["generate"]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Replacement:
    """Other words in the place of a feature's text."""

    feature: int
    text: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would this run's prompt do without these features, or with other words? Answered with `what_if`.

    ask: a number that the answer repeats.
    """

    kind: Literal["what_if"]
    ask: int
    run: int
    absent: tuple[int, ...]
    replaced: tuple[Replacement, ...]


@dataclass(frozen=True, slots=True)
class CheckRun:
    """Check how far this run can be trusted; answered by the trait `checks`."""

    kind: Literal["check"]
    run: int


Command: TypeAlias = Hello | Run | Pause | Resume | Stop | Extend | Resend | Generate | WhatIf | CheckRun


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


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """Each target token's log-prob after the whole prompt and after the changed one.

    tokens: of the target, then of the second answer of a contrast, which begins at `split`. wrote, writes:
    what the model itself writes after the whole and after the changed prompt; null where it cannot write. calls:
    prompts scored for this answer; 0 where the ledger knew. message: what to know of the numbers.

    Buffers, float32, nats: before (tokens), after (tokens).
    """

    kind: Literal["what_if"]
    seq: int
    ask: int
    run: int
    tokens: tuple[str, ...]
    split: int
    wrote: str | None
    writes: str | None
    calls: int
    message: str


Event: TypeAlias = Frame | Failed | Generated | WhatIfAnswer


# Traits: what a saved notebook shows. Buffers as in `Frame`, for all rows; empty while there is nothing.


@dataclass(frozen=True, slots=True)
class State:
    """Synced traits of the widget. The editable ones (`prompt` … `locked`, `names`, `comparing`) go both ways.

    chart … sequence_errors: the newest run. records: the runs before it that are kept, oldest first. comparing: none,
    or the two runs that are compared. has_model: new runs can be made.
    """

    prompt: str
    target: str | None
    against: str | None
    method: str
    granularity: GranularityName
    value: ValueName
    budget: int | None
    trials: int
    seed: int
    locked: tuple[str, ...]
    choices: Choices
    has_model: bool
    status: Phase
    chart: Chart | None
    progress: Progress | None
    values: bytes
    errors: bytes
    ends: bytes
    sequence: bytes
    sequence_errors: bytes
    records: tuple[Record, ...]
    names: tuple[RunName, ...]
    comparing: tuple[int, ...]
    checks: tuple[Verdict, ...]
    pictures: tuple[Picture, ...]
