"""The command line: `python -m llm_attr_widget check MODEL`, `python -m llm_attr_widget versions`."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

SHOWN = (
    "llm_attr_widget",
    "torch",
    "transformers",
    "anywidget",
    "ipywidgets",
    "captum",
    "numpy",
    "openai",
    "ray",
    "vllm",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, or 1 where a check did not pass."""
    parser = argparse.ArgumentParser(
        prog="llm_attr_widget", description="Which parts of my prompt made the model say this?"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checked = commands.add_parser("check", help="compare the fast scores with the plain ones on a model")
    checked.add_argument("model", help="a folder, or a name on the model hub")
    checked.add_argument("--dtype", default="float32", help="number type to load it in (default: float32)")
    checked.add_argument("--prompt", action="append", default=[], help="a text to compare on; give two or more")
    commands.add_parser("versions", help="what is installed, for reports of faults")
    options = parser.parse_args(argv)
    if options.command == "versions":
        _say(versions())
        return 0
    return _check(options)


def versions() -> str:
    """A line each for Python, the system, and the packages that matter."""
    lines = [f"python {platform.python_version()}", f"system {platform.platform()}"]
    return "\n".join([*lines, *(f"{name} {_version(name)}" for name in SHOWN)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def _check(options: argparse.Namespace) -> int:
    from llm_attr_widget.models.huggingface.selftest import PROMPTS, check_model

    model, tokenizer = _loaded(options.model, options.dtype)
    result = check_model(model, tokenizer, prompts=options.prompt or PROMPTS)
    _say(str(result))
    return 0 if result.passed else 1


def _loaded(name: str, dtype: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    both = AutoConfig.from_pretrained(name).is_encoder_decoder
    kind: Any = AutoModelForSeq2SeqLM if both else AutoModelForCausalLM
    model = kind.from_pretrained(name).to(getattr(torch, dtype)).eval()
    return model, AutoTokenizer.from_pretrained(name)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
