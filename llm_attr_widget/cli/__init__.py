"""The command line: `llm-attr-widget`, also `python -m llm_attr_widget`.

To add a command, write a file beside this one with `add` and `run`, and name it in `commands.COMMANDS`.
"""

from __future__ import annotations

from llm_attr_widget.cli.commands import main

__all__ = ["main"]
