"""The wire between kernel and front end: the one table that all else on both sides is made from.

Traits hold what a reopened notebook must show; messages are commands (front end to kernel) and events (kernel to front
end). Numbers travel as little-endian float32 buffers beside the JSON, so that NaN and infinity survive. Names are the
same on both sides; there is no mapping.

`typescript.py` prints js/src/wire/protocol.ts from it: types, decoders, lists. `traits.py` makes the synced traits,
`wire.py` decodes commands. What stands with a type in `Annotated` says more of a field: a function raises for values
that the field cannot have, with the sentence that `attribute` gives; an `Option` is a field of the options panel; a
`Shape` says how long a buffer is; `Formerly` is what a field was called in states that were saved before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, cast

from llm_attr_widget.engine.stopping import Separated
from llm_attr_widget.game.values import check_contrast, check_value
from llm_attr_widget.methods.registry import check_budget, check_method, check_seed, check_trials, make_method
from llm_attr_widget.models.base import length_asked
from llm_attr_widget.types import Granularity, check_granularity
from llm_attr_widget.widget.table import Formerly, Option, Shape, check

Phase: TypeAlias = Literal["idle", "running", "paused", "finished", "stopped", "failed"]
Explained: TypeAlias = Literal["log_prob", "prob", "log_odds", "other"]


CUSTOM: Literal["custom"] = "custom"
"""What a method or a value function of the user's own, given in Python, is called on the wire."""
ValueName: TypeAlias = Literal["log_prob", "sequence_log_prob", "prob", "custom"]


def check_top(top: object) -> None:
    """Raises MethodError, as Separated does, for what is no number of features to tell from the rest."""
    if top is not None:
        Separated(top=cast(int, top))


def check_length(tokens: object) -> None:
    """Raises InputError for what is no number of tokens to write."""
    if tokens is not None:
        length_asked({}, cast(int, tokens))


def check_method_choice(name: object) -> None:
    """Raises as `check_method`; one of the user's own is a choice, too."""
    if name != CUSTOM:
        check_method(name)


def check_value_choice(name: object) -> None:
    """Raises as `check_value`; one of the user's own is a choice, too."""
    if name != CUSTOM:
        check_value(name)


ByCell: TypeAlias = Annotated[bytes, Shape(("rows", "features"))]
ByRowEnd: TypeAlias = Annotated[bytes, Shape(("rows", 2))]
ByFeature: TypeAlias = Annotated[bytes, Shape(("features",))]
ByToken: TypeAlias = Annotated[bytes, Shape(("tokens",))]


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a menu: `name` is the key, `label` what people read, `about` one line on it."""

    name: str
    label: str
    about: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What the controls offer."""

    methods: tuple[Choice, ...] = ()
    granularities: tuple[Choice, ...] = ()
    values: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run is made from. `target` null: the model writes it. `budget` null: the method's own default.

    method, granularity, value: every name that `attribute` knows, and "custom" for a method or a value function of the
    user's own, given in Python.

    against: a second answer, to explain why the target rather than this; null: no contrast.
    baseline: a text that stands in for absent parts; null: the prompt's own. stop_top: a run ends once so many features
    are told from the rest (`Separated`); null: it does not. max_new_tokens: where the model writes the target; null:
    the usual number. locked_segments: names of segments of the image that are always present; null: none.
    texts: the prompt, cut into a text for each of its fields; those of another prompt do not count. Null for a text.
    locked_stretches: the prompt's pieces joined, cut where a stretch that is always present begins and ends: every
    second text, from the second on, is such a stretch; empty: none is.

    Raises what `attribute` raises where it would not take them.
    """

    prompt: str = ""
    target: str | None = None
    against: str | None = None
    method: Annotated[str, check_method_choice] = "shapley"
    granularity: Annotated[Granularity, check_granularity] = "word"
    value: Annotated[ValueName, check_value_choice] = "log_prob"
    budget: Annotated[int | None, check_budget, Option("Budget", "model calls; empty: the method's own", least=1)] = (
        None
    )
    trials: Annotated[int, check_trials, Option("Trials", "independent repetitions, for standard errors", least=1)] = 1
    seed: Annotated[int, check_seed, Option("Seed", "the same seed gives the same numbers", least=0)] = 0
    baseline: Annotated[str | None, Option("Baseline", "in the place of what is absent; empty: the prompt's own")] = (
        None
    )
    stop_top: Annotated[
        int | None, check_top, Option("Stop rule", "end once so many on top are told from the rest", least=1)
    ] = None
    max_new_tokens: Annotated[
        int | None, check_length, Option("New tokens", "at most, where the model writes the answer", least=1)
    ] = None
    locked_segments: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    locked_stretches: Annotated[tuple[str, ...], Formerly("locked")] = ()

    def __post_init__(self) -> None:
        check(self)
        if self.method != CUSTOM:
            make_method(self.method, budget=self.budget)
        if self.against is not None:
            check_contrast(self.value)


@dataclass(frozen=True, slots=True)
class FieldText:
    """A stretch of the prompt as it was given that is edited on its own. Joined, the texts give the prompt back.

    label: whose words these are, or which slot's; "". fixed: why it cannot be edited; "" where it can. repeats: the
    field whose text stands here once more.
    """

    text: str
    label: str
    fixed: str
    repeats: int | None


@dataclass(frozen=True, slots=True)
class PieceText:
    """A stretch of the prompt as shown; `feature` null is always present. Joined, the texts give the prompt back.

    role: whose words these are in a conversation; "template" for what a chat template or the tokenizer put in; "".
    """

    text: str
    feature: int | None
    role: str


@dataclass(frozen=True, slots=True)
class Units:
    """Which features (or outputs) make up one unit of a coarser level: for each the number of its unit.

    Units are numbered from 0 in reading order; each has at least one member.
    """

    level: Granularity
    of: tuple[int, ...]


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
    units: of the features at each level coarser than theirs, from fine to coarse; output_units: sentences and
    paragraphs of the outputs. Null in what earlier versions saved: then nothing can be put together by a level.
    level: in words, what one feature is ("word", "turn", "a grid of 4 × 4"); null where the input does not say, and in
    what earlier versions saved.
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
    units: tuple[Units, ...] | None = None
    output_units: tuple[Units, ...] | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the kernel says of the numbers as they stand; a front end repeats it and judges none of it.

    sentence: what they are, how sure, and every doubt; doubts: those of it, each by itself; unspread: what to say of a
    number whose standard error is zero ("exact", or why it is not); sound: nothing speaks against the numbers.
    """

    sentence: str
    doubts: tuple[str, ...]
    unspread: str
    sound: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. calls: coalitions (or points of a line) played so far, of `planned` in all; times in seconds.

    message: in plain words, what went wrong or what is being done. said: null while there are no numbers, and in what
    earlier versions saved.
    """

    run: int
    phase: Phase
    calls: int
    planned: Annotated[int, Formerly("budget")]
    elapsed: float
    rate: float | None
    seconds_left: float | None
    trials: int
    message: str
    traceback: str
    said: Said | None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a matrix, or of some of its rows, in the chart's unit. NaN where there is none yet.

    errors: standard errors. ends: v(all) and v(none) of each row. sequence, sequence_errors: of the whole target.
    """

    values: ByCell = b""
    errors: ByCell = b""
    ends: ByRowEnd = b""
    sequence: ByFeature = b""
    sequence_errors: ByFeature = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Numbers):
    """An ended run that is kept beside the newest one: all that is needed to show it."""

    chart: Chart
    progress: Progress


@dataclass(frozen=True, slots=True)
class RunName:
    """What people call a run."""

    run: int
    name: str


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of a text, in UTF-16 units from `start` to one before `end`; an empty piece of it counts as one.

    A feature without a piece of text (a segment of an image) has the range before zero: from -feature - 1.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sight:
    """How a person looks at the prompt of a run, and of all others about the same prompt.

    groups: stretches put together by hand. hidden: stretches left out of the view; every number stays what it is.
    """

    run: int
    groups: tuple[Range, ...]
    hidden: tuple[Range, ...]


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

    Its buffers, when rows > 0, are those of `Numbers`, in order.
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
class LogProbs:
    """Of each token of a `WhatIfAnswer`, in nats: after the whole prompt, and after the changed one."""

    before: ByToken
    after: ByToken


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """Each target token's log-prob after the whole prompt and after the changed one.

    tokens: of the target, then of the second answer of a contrast, which begins at `split`. wrote, writes:
    what the model itself writes after the whole and after the changed prompt; null where it cannot write. calls:
    prompts scored for this answer; 0 where the ledger knew. message: what to know of the numbers. picture: the image
    as the model saw it, a PNG in base64; null where nothing of it was left out.

    Its buffers are those of `LogProbs`, in order.
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
    picture: str | None


Event: TypeAlias = Frame | Failed | Generated | WhatIfAnswer


# Traits: what a saved notebook shows. The names of those that the front end changes, too: all of `Settings`, `names`,
# `comparing`, `on_show`, `sights`.


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Numbers):
    """The newest run as it ended; nothing in it while there is none.

    made_at: when that was, or while the status is that of a run under way, when that began; ISO 8601 in UTC.
    """

    status: Phase = "idle"
    made_at: str = ""
    chart: Chart | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the newest run.

    choices: what the controls offer. has_model: new runs can be made. records: the runs before it that are kept, oldest
    first. comparing: none, or the two runs that are compared. on_show: the run that is looked at; null: the newest.
    sights: the latest last; null in what earlier versions saved. fields: of the prompt as it was given; null for a
    text, and in what earlier versions saved.
    """

    choices: Choices = Choices()
    has_model: bool = True
    records: tuple[Record, ...] = ()
    names: tuple[RunName, ...] = ()
    comparing: tuple[int, ...] = ()
    on_show: int | None = None
    sights: tuple[Sight, ...] | None = None
    checks: tuple[Verdict, ...] = ()
    pictures: tuple[Picture, ...] = ()
    fields: tuple[FieldText, ...] | None = None


TRAITS: tuple[type[Any], ...] = (Settings, Ending, Beside)
"""Every field of each is a synced trait of the widget."""
