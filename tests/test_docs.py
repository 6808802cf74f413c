"""What the documents say to type is there: make's targets, the files they name, the commands that can be tried."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
VERBS = ("install", "lint", "check", "test", "docs")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(name: str) -> list[str]:
    """Lines of the document's shell blocks, comments stripped."""
    blocks = re.findall(r"```sh\n(.*?)```", text(name), flags=re.DOTALL)
    return [
        shlex.join(words)
        for block in blocks
        for line in block.splitlines()
        if (words := shlex.split(line, comments=True))
    ]


ALL_COMMANDS = [command for name in DOCUMENTS for command in commands(name)]


def dry_run(target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", [*VERBS, "demo"])
def test_make_has_the_verb_and_the_documents_name_it(verb: str) -> None:
    assert dry_run(verb).returncode == 0
    assert f"make {verb}" in ALL_COMMANDS


def test_make_refuses_what_it_does_not_have() -> None:
    assert dry_run("no-such-verb").returncode != 0


@pytest.mark.parametrize("command", sorted(set(ALL_COMMANDS)))
def test_each_command_in_the_documents_can_be_run(command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert dry_run(*arguments).returncode == 0
    elif program == ".venv/bin/python":
        # A collection or a version shows that module and options exist, without running the tests again.
        asking = ["--version"] if "run" in arguments else []
        if "pre_commit" in arguments:
            arguments[-1:] = ["--version"]
        if "tests.house" in arguments:  # it writes CONTRIBUTING.md
            arguments = ["-c", "import tests.house"]
        if "pytest" in arguments:
            asking = ["--collect-only", "-q", *([] if "tests/" in command else ["tests/test_public.py"])]
        done = subprocess.run(
            [sys.executable, *arguments, *asking], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    elif program == "pip":
        dry = [sys.executable, "-m", "pip", *arguments, "--dry-run", "--no-deps", "--no-build-isolation"]
        done = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "Would install llm_attr_widget" in done.stdout.replace("-", "_"), done.stdout + done.stderr
    else:
        pytest.fail(f"{command!r}: teach this test how to try it")


def test_ci_runs_the_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
    assert "make test" in commands("README.md")


@pytest.mark.parametrize("name", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_lead_to_files_that_are_there(name: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text(name)) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_pin_is_exact_and_torch_is_the_tested_one() -> None:
    pins = [line for line in text("constraints.txt").splitlines() if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.match(r"[\w.-]+==[\w.]+( ; .+)?$", pin)] == []
    assert "torch==2.13.0" in pins
