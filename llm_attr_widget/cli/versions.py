"""`versions`: what is installed, for reports of faults."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

SHOWN = (
    "llm_attr_widget",
    "torch",
    "transformers",
    "tokenizers",
    "anywidget",
    "ipywidgets",
    "ipykernel",
    "captum",
    "numpy",
    "openai",
    "ray",
    "vllm",
)


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Its words."""
    made = commands.add_parser("versions", parents=[shared], help="what is installed, for reports of faults")
    made.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write them to stdout."""
    del options
    sys.stdout.write(f"{versions()}\n")
    return 0


def versions() -> str:
    """A line each for Python, the system, and the packages that matter."""
    lines = [f"python {platform.python_version()}", f"system {platform.platform()}"]
    return "\n".join([*lines, *(f"{name} {_version(name)}" for name in SHOWN)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
