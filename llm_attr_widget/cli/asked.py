"""What the model was told: a text, turns of a chat, an image, as words of the command line say it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, TypeAlias, cast

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ImageInput

Told: TypeAlias = "str | list[dict[str, Any]]"
"""A text, or the messages of a chat."""


def add(parser: argparse.ArgumentParser) -> None:
    """The words that say the prompt; one of them must be given."""
    group = parser.add_argument_group("prompt, one of")
    one = group.add_mutually_exclusive_group(required=True)
    one.add_argument("--prompt", metavar="TEXT", help="a text, as it is")
    one.add_argument("--prompt-file", metavar="FILE", help="a file with the text (UTF-8); - is stdin")
    one.add_argument("--user", metavar="TEXT", help="what a user says, put into the model's chat template")
    one.add_argument("--messages", metavar="FILE", help='a chat as JSON: [{"role": "user", "content": "…"}, …]')
    parser.add_argument("--system", metavar="TEXT", help="a system turn before --user")
    parser.add_argument("--image", metavar="FILE", help="an image before the prompt, for a model that sees")
    parser.add_argument("--segments", metavar="N", type=int, default=4, help="the image in N × N parts (default: 4)")


def prompt_of(options: argparse.Namespace) -> Told:
    """The text or the messages. Raises InputError for what cannot be read, OSError as `open` does."""
    if options.system is not None and options.user is None:
        raise InputError("Expected --user TEXT after --system, whose turn comes before the user's.")
    if options.prompt is not None:
        return options.prompt
    if options.user is not None:
        system = [] if options.system is None else [{"role": "system", "content": options.system}]
        return [*system, {"role": "user", "content": options.user}]
    return _read(options.prompt_file) if options.messages is None else _messages(options.messages)


def about(image: str, prompt: Told, processor: Any, options: argparse.Namespace) -> ImageInput:
    """The prompt with its image: segments and words are features of one game."""
    return ImageInput(processor, image, prompt, segments=options.segments, granularity=options.granularity)


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"Expected UTF-8 text in {name}: {error}. Save it as UTF-8.") from error


def _messages(name: str) -> Told:
    try:
        found = json.loads(_read(name))
    except json.JSONDecodeError as error:
        raise InputError(f"Expected JSON in {name}: {error}. Give a list of messages.") from error
    if not isinstance(found, list):
        raise InputError(
            f'Expected a list of messages such as {{"role": "user", "content": "…"}} in {name}, got '
            f"{type(found).__name__}."
        )
    return cast(Told, found)
