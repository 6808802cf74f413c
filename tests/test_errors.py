"""What an error may say, and what it must not: no credentials, no keys, no folders of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_attr_widget.errors import ScoreError, discreet, made_discreet

SECRET = "Zx91hunter2Q77yz"


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{SECRET}@models.example/v1",
        f"https://{SECRET}@models.example:8000/v1?x=1",
        f"postgres://me:p@{SECRET}@db.example/x",
        f"GET /v1/models?api_key={SECRET}&limit=3",
        f"https://models.example/v1?limit=3&token={SECRET}",
        f"https://models.example/v1?access_token={SECRET}#top",
        f"https://account.blob.example/x?sv=2020&sig={SECRET}",
        f"https://models.example/v1?X-Amz-Signature={SECRET}",
        f"https://models.example/v1?X-Amz-Credential={SECRET}&a=b",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}==",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f'{{"authorization": "{SECRET}", "x": 1}}',
        f'{{\\"api-key\\": \\"{SECRET}\\"}}',
        f"bearer {SECRET}",
        "basic dXNlcjpaeDkxaHVudGVyMlE3N3l6",
        f"x-api-key: {SECRET}",
        f'{{"api_key": "{SECRET}"}}',
        f"Client(api_key='{SECRET}', base_url='x')",
        f"OPENAI_API_KEY={SECRET}",
        f"HF_TOKEN={SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"client_secret={SECRET}&grant_type=x",
        f"password: {SECRET}",
        f"Incorrect API key provided: {SECRET}. You can find yours on the page.",
        f"Incorrect API key provided: sk-{SECRET[:4]}***************{SECRET[-4:]}.",
        *(f"rejected {prefix}{SECRET}" for prefix in (
            "sk-", "sk-proj-", "sk-ant-api03-", "sk_live_", "pk-", "hf_", "ghp_", "github_pat_", "glpat-", "gsk_",
            "xai-", "nvapi-", "r8_", "pplx-", "AIza", "ya29.", "xoxb-",
        )),
        "AKIAIOSFODNN7EXAMPLE",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{SECRET}",
    ],
)  # fmt: skip
def test_no_secret_is_left(text: str) -> None:
    shown = discreet(f"cannot reach it ({text}), try again")
    for part in (SECRET, SECRET[-4:], "dXNlcjpaeDkx", "AKIAIOSF", "eyJhbG"):
        assert part not in shown
    assert shown.startswith("cannot reach it (")
    assert "…" in shown
    assert discreet(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The server at http://localhost:8000/v1 did not answer: 404",
        "https://models.example/v1/models?limit=20&order=desc",
        "Expected 3 tokens, got tokens=[1, 2, 3]; max_tokens=5",
        "The key of the legend: for and against",
        "A basic understanding of the bearer of news",
        "Give an API key: see the documentation",
        "the task-specific head, disk-cached weights, half_precision",
        "mail me@example.com",
        "line 3, in score\n    raise RuntimeError('no')",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert discreet(text) == text


def test_a_secret_that_is_known_goes_whatever_it_looks_like() -> None:
    assert discreet("the key is open sesame!", "open sesame", "") == "the key is …!"


def test_tracebacks_keep_the_last_folder_and_nobodys_home() -> None:
    shown = discreet(f'File "/srv/x/{"y/" * 30}pkg/file.py", line 1\nno file {Path.home() / "models" / "a"}')
    assert shown == f'File "…/pkg/file.py", line 1\nno file {Path("~", "models", "a")}'
    assert discreet('File "C:\\Users\\me\\pkg\\file.py"') == 'File "…/pkg\\file.py"'


def test_an_error_and_all_that_it_came_from_are_made_discreet() -> None:
    first, second = RuntimeError(f"key={SECRET} is not Bearer {SECRET}", 3), ValueError(f"in context, hf_{SECRET}")
    first.__context__ = second
    second.__cause__ = first  # (a circle)
    last = ScoreError(f"https://me:{SECRET}@x")
    last.__cause__ = first
    made_discreet(last, SECRET)
    for error in (first, second, last):
        assert SECRET not in str(error)
        assert "…" in str(error)
    assert first.args[1] == 3
