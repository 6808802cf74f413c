"""The packages of the extra `hosts`, one a line: what `make test-hosts` installs beside those of the tests."""

from __future__ import annotations

import sys

from tests.test_habits import project

if __name__ == "__main__":
    sys.stdout.write("\n".join(project()["optional-dependencies"]["hosts"]) + "\n")
