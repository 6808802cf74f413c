"""Scores equal teacher forcing written by hand, for every family."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.models.huggingface import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.families import BUILDERS, ENCODER_DECODER, build
from tests.models.reference import by_hand

NATS = 1e-4
TARGET = (20, 21, 22, 23)


class Tokenizer:
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
    scores = np.full((count, tokens), np.nan, dtype=np.float32)
    for batch in batches:
        assert batch.log_probs.dtype == np.float32
        assert np.isnan(scores[list(batch.rows)]).all(), "a prompt came twice"
        scores[list(batch.rows)] = batch.log_probs
    assert not np.isnan(scores).any(), "a prompt is missing"
    return scores


@pytest.mark.parametrize("family", BUILDERS)
def test_scores_equal_teacher_forcing(family):
    model, asked = build(family), prompts()
    start = ENCODER_DECODER.get(family)
    truth = np.array([by_hand(model, prompt.ids, TARGET, decoder_start=start) for prompt in asked])
    scores = collect(HuggingFaceModel(model, Tokenizer()).score(asked, TARGET), len(asked), len(TARGET))
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)
