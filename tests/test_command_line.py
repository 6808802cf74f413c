"""The command line, as a user types it."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from llm_attr_widget.__main__ import main
from llm_attr_widget.demo import TEXT_FOLDER
from llm_attr_widget.models.huggingface.model import HuggingFaceModel


def test_check_says_what_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(TEXT_FOLDER)]) == 0
    said = capsys.readouterr().out
    assert "LlamaForCausalLM" in said
    assert "one pass" in said
    assert "stepwise" in said


def test_check_fails_where_scores_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self, prompts, target):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(HuggingFaceModel, "score", broken)
    assert main(["check", str(TEXT_FOLDER)]) == 1


def test_versions_names_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["versions"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert f"transformers {version('transformers')}" in said
    assert f"torch {version('torch')}" in said


def test_a_command_that_there_is_not_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["attribut"])
