"""Which versions of transformers this package's tests ran on."""

from __future__ import annotations

import warnings

import transformers

TESTED = ("4.57", "5.23", "5.24")
"""Major and minor versions, oldest first. `make test` runs on one of them, and tests/versions on each."""


def running() -> str:
    """The version of transformers in this process."""
    return transformers.__version__


def was_tested(version: str) -> bool:
    return ".".join(version.split(".")[:2]) in TESTED


def warn_where_untested(version: str | None = None) -> None:
    """A UserWarning, once a place, where the running version was never tested."""
    found = version or running()
    if not was_tested(found):
        warnings.warn(
            f"transformers {found} was never tested with this package (tested: {', '.join(TESTED)}). "
            "To see whether scores are right on your model, run `python -m llm_attr_widget check MODEL`.",
            stacklevel=3,
        )
