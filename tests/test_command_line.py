"""The command line, as a user types it: on the model that ships, in this process, and once in one of its own."""

from __future__ import annotations

import ast
import json
import logging
import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from llm_attr_widget import Attribution, InputError, attribute
from llm_attr_widget.__main__ import main
from llm_attr_widget.cli import attribute as command
from llm_attr_widget.demo import TEXT_FOLDER, VISION_FOLDER, load_text
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from tests.models.served import serving

ROOT = Path(__file__).parents[1]
PROMPT = "Dave is a lawyer. His hobbies are"
MODEL = str(TEXT_FOLDER)
QUICK = ["--target", " golf", "--method", "leave_one_out", "--quiet"]


def asked(*words: str) -> list[str]:
    return ["attribute", MODEL, *words]


def test_attribute_prints_the_result_and_writes_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {name: tmp_path / f"out.{name}" for name in command.FILES}
    files = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    assert main(asked("--prompt", PROMPT, *QUICK, *files)) == 0
    said = capsys.readouterr()
    expected = attribute(*load_text(), PROMPT, " golf", method="leave_one_out", progress=False)
    assert said.out == f"{expected}\n"
    assert said.err == ""  # quiet
    found = Attribution.load(paths["npz"])
    np.testing.assert_allclose(found.values, expected.values, atol=1e-4)
    written = json.loads(paths["json"].read_text(encoding="utf-8"))
    assert written["features"] == list(expected.features)
    page = paths["html"].read_text(encoding="utf-8")
    assert "<script" in page  # interactive, and so not the still page of `result.to_html`
    assert all(path.stat().st_size for path in paths.values())


def test_the_module_is_a_program(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = asked("--prompt", PROMPT, *QUICK[:-1], "--json", str(out))
    done = subprocess.run(
        [sys.executable, "-m", "llm_attr_widget", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("leave-one-out score of 8 features for ' golf'")
    assert "call/s" in done.stderr  # the bar, and not in what is piped on
    assert json.loads(out.read_text(encoding="utf-8"))["label"] == "leave-one-out score"


def test_a_chat_goes_through_the_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages = [{"role": "system", "content": "You are formal."}, {"role": "user", "content": PROMPT}]
    file = tmp_path / "chat.json"
    file.write_text(json.dumps(messages), encoding="utf-8")
    said = []
    for words in (["--messages", str(file)], ["--user", PROMPT, "--system", "You are formal."]):
        assert main(asked(*words, *QUICK)) == 0
        said.append(capsys.readouterr().out)
    expected = attribute(*load_text(), messages, " golf", method="leave_one_out", progress=False)
    assert said[0].splitlines()[0] == said[1].splitlines()[0] == str(expected).splitlines()[0]


def test_a_file_of_text_and_a_target_that_the_model_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text(PROMPT, encoding="utf-8")
    out = tmp_path / "out.csv"
    words = ["--method", "leave_one_out", "--max-new-tokens", "2", "--granularity", "sentence", "--quiet"]
    assert main(asked("--prompt-file", str(file), *words, "--csv", str(out))) == 0
    assert "of 2 features" in capsys.readouterr().out
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1 + 2 * 2


def test_an_image_is_cut_into_segments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    path = tmp_path / "red.png"
    Image.new("RGB", (32, 32), (200, 30, 30)).save(path)
    words = ["--prompt", "Describe the picture.", "--image", str(path), "--segments", "2", "--max-new-tokens", "2"]
    assert main(["attribute", str(VISION_FOLDER), *words, "--method", "leave_one_out", "--quiet"]) == 0
    assert "leave-one-out score of 8 features" in capsys.readouterr().out  # four segments, three words, a full stop


def test_a_server_scores_in_the_models_place(capsys: pytest.CaptureFixture[str]) -> None:
    model, tokenizer = load_text()
    with serving(model, tokenizer) as served:
        assert main(asked("--prompt", PROMPT, *QUICK, "--server", served.url)) == 0
    here = attribute(model, tokenizer, PROMPT, " golf", method="leave_one_out", progress=False)
    assert capsys.readouterr().out.splitlines()[0] == str(here).splitlines()[0]
    assert served.asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (asked("--prompt", "Hi", "--method", "shaply"), "Did you mean 'shapley'?"),
        (asked("--prompt", "Hi", "--method", "leave_one_out", "--budget", "9"), "set by the number of features"),
        (
            asked("--prompt", "Hi", "--html", "no/such/folder/out.html"),
            "Expected --html FILE in a folder that is there",
        ),
        (asked("--prompt", "Hi", "--png", str(ROOT)), "is a folder"),
        (asked("--prompt", "Hi", "--system", "Be formal."), "--user"),
        (asked("--prompt-file", "no-such-prompt.txt"), "no-such-prompt.txt"),
        (asked("--messages", str(ROOT / "README.md")), "Expected JSON"),
        (asked("--messages", str(ROOT / "js" / "package.json")), "list of messages"),
        (asked("--prompt-file", str(TEXT_FOLDER / "model.safetensors")), "UTF-8"),
        (asked("--prompt", " ", *QUICK), "at least one feature"),
        (asked("--prompt", PROMPT, "--target", "", "--quiet"), "target"),
        (asked("--prompt", "Hi", "--image", "picture.png", "--server", "http://localhost:9"), "leave --image out"),
        (["attribute", "./no-such-model", "--prompt", "Hi"], "no folder ./no-such-model"),
        (["check", str(ROOT / "docs")], "save_pretrained"),
        (["check", str(ROOT / "js")], "cannot be loaded"),
        (["check", MODEL, "--device", "abacus"], "abacus"),
    ],
    ids=lambda given: shlex.join(given)[-60:] if isinstance(given, list) else "",
)
def test_a_mistake_is_one_sentence_and_status_two(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out = capsys.readouterr()
    told = [line for line in out.err.splitlines() if line.startswith("llm-attr-widget: ")]
    assert len(told) == 1
    assert said in told[0]
    assert out.out == ""


@pytest.mark.parametrize("words", [["attribut"], [], ["attribute", MODEL], asked("--prompt", "a", "--user", "b")])
def test_words_that_are_no_command_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2


def failing_after(batches: int):
    """`score` that gives so many batches of one prompt each, and breaks."""
    plain = HuggingFaceModel.score

    def score(self, prompts, target):
        for row, prompt in enumerate(prompts[:batches]):
            for scored in plain(self, [prompt], target):
                yield type(scored)([row], scored.log_probs)
        raise RuntimeError("out of memory")

    return score


def test_a_model_that_fails_in_the_middle_leaves_what_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, ledger = tmp_path / "out.npz", tmp_path / "ledger.npz"
    words = asked("--prompt", PROMPT, *QUICK, "--npz", str(out), "--ledger", str(ledger))
    with monkeypatch.context() as broken:
        broken.setattr(HuggingFaceModel, "score", failing_after(3))
        assert main(words) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "out of memory" in said
    assert "out.npz" in said
    assert len(Attribution.load(out).ledger) < 10
    assert main(words) == 0  # goes on from the ledger
    assert len(Attribution.load(out).ledger) == 10


def test_a_model_that_fails_at_once_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(HuggingFaceModel, "score", failing_after(0))
    assert main(asked("--prompt", PROMPT, *QUICK)) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert told == ["llm-attr-widget: the model failed: RuntimeError: out of memory. See where with --verbose."]


def test_an_interrupt_keeps_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self, prompts, target):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(HuggingFaceModel, "score", interrupted)
    out = tmp_path / "out.json"
    assert main(asked("--prompt", PROMPT, *QUICK, "--json", str(out))) == 130
    assert "stopped after" in capsys.readouterr().out
    assert out.exists()


def test_verbose_tells_what_is_done_and_leaves_logging_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("llm_attr_widget")
    before = (list(log.handlers), log.level)
    assert main(asked("--prompt", PROMPT, *QUICK, "-v")) == 0
    assert "INFO llm_attr_widget.cli.loading: Loaded LlamaForCausalLM" in capsys.readouterr().err
    assert (list(log.handlers), log.level) == before
    assert main(asked("--prompt", PROMPT, *QUICK)) == 0
    assert "Loaded" not in capsys.readouterr().err


def test_a_pipe_may_be_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO(PROMPT))
    options = command_options("--prompt-file", "-")
    assert command.asked.prompt_of(options) == PROMPT


def command_options(*words: str):
    from llm_attr_widget.cli.commands import parser

    return parser().parse_args(asked(*words))


def test_system_without_a_user_is_an_error_of_ours() -> None:
    with pytest.raises(InputError, match="--user"):
        command.asked.prompt_of(command_options("--prompt", "x", "--system", "y"))


def test_check_says_what_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", MODEL]) == 0
    said = capsys.readouterr().out
    assert "LlamaForCausalLM" in said
    assert "one pass" in said
    assert "stepwise" in said


def test_check_fails_where_scores_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self, prompts, target):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(HuggingFaceModel, "score", broken)
    assert main(["check", MODEL]) == 1


def test_versions_names_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["versions"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert f"transformers {version('transformers')}" in said
    assert f"torch {version('torch')}" in said


@pytest.mark.parametrize("path", sorted((ROOT / "llm_attr_widget").rglob("*.py")), ids=lambda path: path.stem)
def test_the_library_prints_nothing(path: Path) -> None:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    assert [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"] == []
