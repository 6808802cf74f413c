"""Docstrings as pages want them: "name: text" lines are a list, examples are code."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe

ENTRY = re.compile(r"^[*\w]+(?:, [*\w]+)*: ")


def shown(text: str) -> str:
    """A docstring as Markdown: paragraphs of entries become lists, each entry with its further lines."""
    return "\n\n".join(_block(block) for block in re.split(r"\n\s*\n", dedent(text)))


def _block(block: str) -> str:
    lines = block.splitlines()
    if lines[0].lstrip().startswith(">>>"):
        return "```pycon\n" + dedent(block) + "\n```"
    if not ENTRY.match(lines[0]):
        return block
    entries = []
    for line in lines:
        if ENTRY.match(line):
            name, _, said = line.partition(": ")
            entries.append(f"- **{name}**: {said}")
        else:
            entries.append(f"    {line.strip()}")
    return "\n".join(entries)


class Shown(griffe.Extension):
    """Rewrites docstrings after they were read."""

    def on_object(self, *, obj: griffe.Object, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        del loader, kwargs
        if obj.docstring is not None:
            obj.docstring.value = shown(obj.docstring.value)
