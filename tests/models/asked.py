"""What the tests of this folder ask for, and how they gather the answers."""

from __future__ import annotations

from functools import cache

import numpy as np

from llm_attr_widget.types import Prompt
from tests.models.huggingface.families import ENCODER_DECODER, build
from tests.models.huggingface.reference import by_hand

NATS = 1e-4
TARGET = (20, 21, 22, 23)


class Tokenizer:
    """What the scorer asks of a tokenizer: where an empty prompt begins, and what rows are filled up with."""

    bos_token_id = 1
    pad_token_id = 0


def prompts(count=12, length=30, seed=0):
    """As the game makes them: one text with some of its tokens removed, among them all and (almost) none."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(3, 60, length)
    kept = rng.random((count, length)) < rng.random((count, 1))
    kept[:, 0] = True
    kept[0] = True
    return [Prompt(tuple(int(token) for token in ids[row])) for row in kept]


def collect(batches, count, tokens):
    """Scores `(count, tokens)` of all batches; every prompt must come once."""
    scores = np.full((count, tokens), np.nan, dtype=np.float32)
    for batch in batches:
        assert batch.log_probs.dtype == np.float32
        assert np.isnan(scores[list(batch.rows)]).all(), "a prompt came twice"
        scores[list(batch.rows)] = batch.log_probs
    assert not np.isnan(scores).any(), "a prompt is missing"
    return scores


def ask(model, asked, target=TARGET):
    return collect(model.score(asked, target), len(asked), len(target))


def truth_of(model, asked, target=TARGET, *, family=""):
    start = ENCODER_DECODER.get(family)
    return np.array([by_hand(model, p.ids, target, extras=p.extras, decoder_start=start) for p in asked])


@cache
def family(name):
    """The family's tiny model, twelve prompts, and their true scores. Not to be changed by a test."""
    model, asked = build(name), prompts()
    return model, asked, truth_of(model, asked, family=name)
