"""The self-test for users' models says yes to right scores and no to wrong ones."""

from __future__ import annotations

import pytest
import torch

from llm_attr_widget import InputError
from llm_attr_widget.demo import load_text
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.selftest import check_model
from llm_attr_widget.models.huggingface.versions import TESTED, running, warn_where_untested
from llm_attr_widget.types import Scored


@pytest.fixture(scope="module")
def shipped():
    return load_text()


def test_the_shipped_model_passes(shipped) -> None:
    found = check_model(*shipped)
    assert found.passed
    assert [way.way for way in found.compared] == ["one pass", "stepwise"]
    assert all(way.largest < 1e-4 for way in found.compared)
    assert found.generated is True
    assert "right" in str(found)


@pytest.mark.parametrize("off", [1e-2, float("nan")])
def test_a_score_that_is_off_does_not_pass(shipped, off: float, monkeypatch: pytest.MonkeyPatch) -> None:
    score = HuggingFaceModel.score

    def wrong(self, prompts, target):
        for batch in score(self, prompts, target):
            batch.log_probs[-1, -1] += off
            yield Scored(batch.rows, batch.log_probs)

    monkeypatch.setattr(HuggingFaceModel, "score", wrong)
    found = check_model(*shipped)
    assert not found.passed
    assert "Do not trust" in str(found)


def test_a_model_that_cannot_be_scored_is_told_with_the_reason(shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self, prompts, target):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(HuggingFaceModel, "score", broken)
    found = check_model(*shipped)
    assert not found.passed
    assert "no such kernel" in str(found)


def test_a_model_that_writes_what_is_not_likeliest_is_told(shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HuggingFaceModel, "generate", lambda *_, **__: (5, 6))
    found = check_model(*shipped)
    assert found.generated is False
    assert not found.passed


def test_a_model_that_does_not_write_is_scored_all_the_same(shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HuggingFaceModel, "generate", lambda *_, **__: ())
    found = check_model(*shipped)
    assert found.generated is None
    assert found.passed


def test_half_precision_is_compared_with_its_own_rounding(shipped) -> None:
    model, tokenizer = load_text()
    assert check_model(model.to(torch.bfloat16), tokenizer).passed


def test_one_prompt_is_too_few(shipped) -> None:
    with pytest.raises(InputError, match="at least two prompts"):
        check_model(*shipped, prompts=["Only one"])


def test_only_versions_that_were_never_tested_are_warned_of() -> None:
    warn_where_untested(running())
    for version in TESTED:
        warn_where_untested(f"{version}.9")
    with pytest.warns(UserWarning, match="5.999.0 was never tested"):
        warn_where_untested("5.999.0")
