"""A prompt of 8,000 tokens in 500 features keeps to the budget it is given, and what matters in it is found."""

from __future__ import annotations

import numpy as np

from llm_attr_widget import attribute
from llm_attr_widget.inputs import TextInput
from tests.inputs.kinds import tokenizer_of
from tests.support import FunctionModel

FEATURES, PLANTED, BUDGET = 500, 137, 64


def sentence(number: int) -> str:
    return f"Dave number {number} lives in Palm Coast and is a lawyer fond of tea."


def test_the_planted_sentence_is_found_within_the_budget() -> None:
    tokenizer = tokenizer_of("byte_bpe")
    players = TextInput(tokenizer, " ".join(map(sentence, range(FEATURES))), granularity="sentence")
    everyone = np.ones((2, FEATURES), bool)
    everyone[1, PLANTED] = False
    whole, without = (prompt.ids for prompt in players.render(everyone, np.random.default_rng(0)))
    assert len(players.features) == FEATURES
    assert len(whole) >= 8_000
    planted = spelt(difference(whole, without))

    def log_probs(ids: tuple[int, ...], target: tuple[int, ...]) -> list[float]:
        return [0.0 if planted in spelt(ids) else -3.0] * len(target)

    model = FunctionModel(log_probs, batch=64)
    result = attribute(model, tokenizer, players, "tea", method="sparse", budget=BUDGET, progress=False)
    assert int(np.argmax(result.sequence)) == PLANTED
    assert result.provenance.calls <= BUDGET
    assert len(model.asked) <= BUDGET


def difference(whole: tuple[int, ...], part: tuple[int, ...]) -> tuple[int, ...]:
    """The stretch of the whole that the part lacks."""
    start = next(i for i, (a, b) in enumerate(zip(whole, part, strict=False)) if a != b)
    return whole[start : start + len(whole) - len(part)]


def spelt(ids: tuple[int, ...]) -> str:
    return "".join(map(chr, ids))
