"""What a person may ask about a run once it is there: what if this were not, and how far to trust it."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import AttributionError, Cancelled, CapabilityError, InputError
from llm_attr_widget.game.game import Evaluator, Game
from llm_attr_widget.game.targets import written_target
from llm_attr_widget.inputs.changed.reworded import reworded
from llm_attr_widget.inputs.members import picture_of, seen_of
from llm_attr_widget.models.base import length_asked
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.result.check import Check
from llm_attr_widget.types import Coalitions, Generator, Input, LogProbs, Prompt, Tokenizer
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.frames import float32, png_of
from llm_attr_widget.widget.protocol import CurvePoint, Verdict, WhatIf, WhatIfAnswer
from llm_attr_widget.widget.wire import buffers
from llm_attr_widget.widget.worker import Control

PICTURE_SIDE = 360
"""Pixels of the longer side of a picture in an answer, which travels in one message."""


@dataclass
class Writing:
    """Lets a run's model continue a prompt in a few words, and remembers what it wrote.

    max_new_tokens, options: as of `run`.
    """

    tokenizer: Tokenizer | None
    max_new_tokens: int
    options: Mapping[str, Any]
    _written: dict[tuple[tuple[int, ...], str | None], str | None] = field(default_factory=dict[Any, Any], init=False)

    def after(self, game: Game, prompt: Prompt, tokens: int) -> str | None:
        """What the model writes after the prompt, about as long as the target; None where it cannot write."""
        words: Any = self.tokenizer or getattr(game.scorer, "tokenizer", None)
        if words is None or not isinstance(game.scorer, Generator):
            return None
        if prompt.key not in self._written:
            asked, rest = length_asked(self.options, self.max_new_tokens)
            most = min(asked, max(8, 2 * tokens))
            self._written[prompt.key] = self._text(words, game.scorer, prompt, most, rest)
        return self._written[prompt.key]

    def _text(
        self, words: Tokenizer, model: Generator, prompt: Prompt, most: int, options: Mapping[str, Any]
    ) -> str | None:
        try:
            return written_target(words, model, prompt, max_new_tokens=most, options=options).text
        except CapabilityError:
            return None
        except AttributionError:
            return ""  # the model ends the text at once


def require_asked(control: Control) -> None:
    """Raises Cancelled for a question that was dropped while it waited."""
    if control.cancelled():
        raise Cancelled("The question was dropped: the run was stopped, or the widget closed. Ask it again.")


def what_if(
    result: Attribution, question: WhatIf, writing: Writing, cancelled: Callable[[], bool]
) -> tuple[WhatIfAnswer, tuple[bytes, ...]]:
    """The answer and its buffers: log-probs of every target token before and after the change.

    Cost: nothing where the ledger holds the coalition, else one prompt; and what the model writes, once a prompt.
    Raises CapabilityError for a result without its model, InputError for features it does not have, Cancelled.
    """
    game = _game(result, "What if")
    rows = _coalitions(game, question.absent)
    words = {item.feature: item.text for item in question.replaced}
    changed = Game(reworded(game.input, words), game.scorer, game.targets, game.value) if words else game
    evaluator = Evaluator(game, known=result.ledger)
    asked = Evaluator(changed, known=result.ledger)
    # One generator for both: sampled baselines are then the same ones in what is scored and in what is continued.
    rng = [np.random.default_rng(result.provenance.seed) for _ in range(4)]
    before = evaluator.play(rows[:1], rng[0], cancelled)
    after = asked.play(rows[1:], rng[1], cancelled)
    whole = game.input.render(rows[:1], rng[2])[0]
    other = changed.input.render(rows[1:], rng[3])[0]
    length = len(game.targets[0].ids)
    answer = WhatIfAnswer(
        "what_if",
        0,
        question.ask,
        question.run,
        tokens=tuple(text for target in game.targets for text in target.texts),
        split=length,
        wrote=writing.after(game, whole, length),
        writes=writing.after(game, other, length),
        calls=(evaluator.scored + asked.scored) // len(game.targets),
        message="One draw of the sampled baselines." if game.input.random and question.absent else "",
        picture=_picture(changed.input, rows[1], np.random.default_rng(result.provenance.seed)),
    )
    return answer, buffers(protocol.LogProbs(_row(before), _row(after)))


def _picture(prompt: Input, present: NDArray[np.bool_], rng: np.random.Generator) -> str | None:
    """The image as the model saw it, small; None where nothing of it was absent."""
    shown = picture_of(prompt)
    pixels = None if shown is None or present[list(shown.features)].all() else seen_of(prompt, present, rng)
    if pixels is None:
        return None
    small = Picture(pixels, np.zeros(pixels.shape[:2], dtype=np.int32), ((),)).at_most(PICTURE_SIDE)
    return b64encode(png_of(small.pixels)).decode("ascii")


def verdict_of(check: Check, run: int) -> Verdict:
    """A check as the wire carries it."""
    return Verdict(
        run=run,
        trusted=bool(check.trusted),
        verdict=check.verdict,
        rank_correlation=_finite(check.rank_correlation),
        r_squared=_finite(check.r_squared),
        gap=None if check.gap is None else _finite(check.gap),
        held_out=check.held_out,
        seen=check.seen,
        calls=check.calls,
        deletion=_points(check.deletion),
        insertion=_points(check.insertion),
    )


def _game(result: Attribution, question: str) -> Game:
    if result.game is None:
        raise CapabilityError(
            f"{question} needs the model, but this result was loaded from a file (or comes from captum). "
            "Attribute again to ask the model about it."
        )
    return result.game


def _coalitions(game: Game, absent: Sequence[int]) -> Coalitions:
    """The whole prompt, and the prompt without these features, `(2, features)`."""
    outside = [feature for feature in absent if not 0 <= feature < game.features]
    if outside:
        raise InputError(f"Expected features in range({game.features}) to leave out, got {outside[0]}.")
    rows = np.ones((2, game.features), dtype=bool)
    rows[1, list(absent)] = False
    return rows


def _row(log_probs: LogProbs) -> bytes:
    return float32(log_probs[0])


def _points(curve: NDArray[np.float64]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(float(share), float(value)) for share, value in curve)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
