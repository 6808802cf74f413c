"""Real servers and a real Ray: run by `make test-remote` alone, which brings them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from llm_attr_widget.demo import TEXT_FOLDER
from tests.remote.install import VLLM, done, folder
from tests.remote.vllm_server import vllm

# What a machine of two slow cores takes to start Ray's processes. Read when ray is imported.
os.environ.setdefault("RAY_agent_register_timeout_ms", "300000")
os.environ.setdefault("RAY_raylet_start_wait_time_s", "240")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")


@pytest.fixture(autouse=True, scope="session")
def asked_for() -> None:
    if not os.environ.get("LAW_REMOTE"):
        pytest.skip("Starts real servers (gigabytes, minutes): `make test-remote` runs these.")


@pytest.fixture(scope="session")
def server(asked_for: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real vLLM that serves the text model that ships."""
    if not done(VLLM).exists():
        pytest.skip(f"{VLLM} is not in {folder(VLLM)}: `make test-remote` installs it.")
    log = tmp_path_factory.mktemp("vllm") / "log.txt"
    with vllm(TEXT_FOLDER, log, "--max-model-len", "256") as (address, _):
        yield address
