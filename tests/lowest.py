"""The lowest versions that pyproject.toml allows, one a line: what `make test-lowest` installs.

torch is not among them: its old releases on PyPI bring gigabytes of CUDA; CI takes their CPU builds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
EXTRAS = ("captum", "images", "plots", "tables")


def lowest() -> list[str]:
    """`name==version` for what is required on this Python and system, in the order of the file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for extra in EXTRAS for text in project["optional-dependencies"][extra]]
    asked = [Requirement(text) for text in (*project["dependencies"], *extras)]
    here = [one for one in asked if one.marker is None or one.marker.evaluate()]
    return [f"{one.name}=={_bound(one)}" for one in here if one.name != "torch"]


def _bound(requirement: Requirement) -> str:
    (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
    return bound


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest()) + "\n")
