"""`check MODEL`: the fast ways of scoring beside the plain one, on a model of one's own."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from llm_attr_widget.cli import loading


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Its words."""
    made = commands.add_parser("check", parents=[shared], help="compare the fast scores with the plain ones on a model")
    loading.add(made)
    made.add_argument("--prompt", action="append", default=[], help="a text to compare on; give two or more")
    made.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, and write what was found to stdout: 0 where all agree, else 1."""
    from llm_attr_widget.models.huggingface.selftest import PROMPTS, check_model

    model, tokenizer = loading.text_model(options)
    result = check_model(model, tokenizer, prompts=options.prompt or PROMPTS)
    sys.stdout.write(f"{result}\n")
    return 0 if result.passed else 1
