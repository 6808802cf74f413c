"""What surrounds the code: hooks that run, forms that can be filled in, one version and one address everywhere."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import hatch_build
import llm_attr_widget

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
HOME = "https://github.com/llm-attr-widget/llm_attr_widget"
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


def loaded(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


HOOKS = [hook for repo in loaded(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_before_commits_is_a_command_that_is_there(hook: dict[str, Any]) -> None:
    program, *words = hook["entry"].split()
    assert (program, hook["language"]) == (".venv/bin/python", "system"), "hooks are tools that make install installs"
    if words[0] == "hatch_build.py":
        assert words[1:3] == ["run", "--silent"]
        assert words[3] in json.loads((ROOT / "js" / "package.json").read_text(encoding="utf-8"))["scripts"]
    else:
        done = subprocess.run([sys.executable, *words, "--help"], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_are_as_pre_commit_wants_them() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_asks_for_something_and_names_each_question_once(path: Path) -> None:
    form = loaded(path.relative_to(ROOT).as_posix())
    assert set(form) >= {"name", "description", "body"}
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in questions} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert len({part["id"] for part in questions}) == len(questions)
    assert all(part["attributes"]["label"] for part in questions)
    assert any(part.get("validations", {}).get("required") for part in questions)


def test_there_are_forms_for_wrong_numbers_faults_and_ideas() -> None:
    assert [path.stem for path in FORMS] == ["bug", "idea", "wrong_number"]


def test_version_licence_and_address_are_the_same_everywhere() -> None:
    cited, meta = loaded("CITATION.cff"), project()
    front, lock = (
        json.loads((ROOT / "js" / name).read_text("utf-8")) for name in ("package.json", "package-lock.json")
    )
    assert cited["cff-version"] == "1.2.0"
    assert cited["authors"]
    assert meta["version"] == cited["version"] == llm_attr_widget.__version__
    assert meta["version"] == front["version"] == lock["version"] == lock["packages"][""]["version"]
    assert meta["license"] == cited["license"] == front["license"] == "MIT"
    assert meta["urls"]["Source"] == cited["repository-code"] == HOME
    for name in ("SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml"):
        addresses = re.findall(r"https://github\.com/[\w-]+/\w+", (ROOT / name).read_text(encoding="utf-8"))
        assert set(addresses) == {HOME}, name


def test_the_version_is_written_into_every_file_that_repeats_it(tmp_path: Path) -> None:
    repeated = ("pyproject.toml", "CITATION.cff", "js/package.json", "js/package-lock.json", "recipe/recipe.yaml")
    for name in repeated:
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    assert hatch_build.set_version(tmp_path) == project()["version"]
    assert [name for name in repeated if (tmp_path / name).read_bytes() != (ROOT / name).read_bytes()] == []
    hatch_build.set_version(tmp_path, "7.8.9")
    assert [(tmp_path / name).read_text("utf-8").count("7.8.9") for name in repeated] == [1, 1, 1, 2, 1]
    (tmp_path / "js" / "package.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"package\.json, in 1 places; found 0"):
        hatch_build.set_version(tmp_path)


def test_the_conda_recipe_asks_for_what_pip_does() -> None:
    recipe = loaded("recipe/recipe.yaml")
    asked = {line.replace("pytorch", "torch") for line in recipe["requirements"]["run"][1:]}
    wanted = {line.partition(";")[0].strip() for line in project()["dependencies"] if "<1" not in line}
    assert asked == {line.replace(">=", " >=") for line in wanted}
    assert recipe["context"]["version"] == project()["version"]
    assert [name for name in recipe["about"]["license_file"] if not (ROOT / name).is_file()] == []


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_workflows_are_as_github_wants_them() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "release"]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    command += map(str, WORKFLOWS)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflows_run_targets_that_make_has_and_publish_without_a_token() -> None:
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines()]
    targets = {word for line in lines for word in re.findall(r"run: make ([\w-]+)", line)}
    assert {"test", "test-versions", "test-lowest", "test-hosts", "release-check"} <= targets
    for target in targets:
        assert subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=False).returncode == 0
    release = loaded(".github/workflows/release.yml")
    assert release["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert release["jobs"]["publish"]["needs"] == "build"
    assert release["jobs"]["build"]["needs"] == "ci"
    assert [line for line in lines if "secrets." in line] == []


def test_addresses_of_files_lead_to_files() -> None:
    pages = [address for address in project()["urls"].values() if "/main/" in address]
    assert pages
    assert [address for address in pages if not (ROOT / address.partition("/main/")[2]).exists()] == []


def test_commits_that_blame_passes_over_are_whole_names() -> None:
    lines = (ROOT / ".git-blame-ignore-revs").read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert names
    assert [name for name in names if not re.fullmatch(r"[0-9a-f]{40}", name)] == []


WAITING = {"waiting.py": "sleep", "browser/lab.py": "wait_for_timeout", "models/huggingface/rank.py": "sleep"}
"""Where a look at a condition may be followed by another one, a moment later; and a process that is slow on purpose."""


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.stem)
def test_no_test_waits_for_time_to_pass(path: Path) -> None:
    """Tests wait for conditions (`tests/waiting.py`, `Lab.until`) or events; time alone is too short or too long."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    allowed = WAITING.get(path.relative_to(ROOT / "tests").as_posix())
    assert names & {"sleep", "wait_for_timeout"} - {allowed} == set()
