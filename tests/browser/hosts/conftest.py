"""Tests of hosts that are installed apart: `make test-hosts` makes their environments."""

from __future__ import annotations

import pytest

from tests.browser.hosts.servers import PYTHON, PYTHON_6


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PYTHON.exists() and PYTHON_6.exists():
        return
    away = pytest.mark.skip(reason="the hosts are not installed: `make test-hosts` installs them and runs this")
    for item in items:
        if "tests/browser/hosts" in item.path.as_posix():
            item.add_marker(away)
