"""`python -m llm_attr_widget`: the command line (`llm_attr_widget.cli`)."""

from __future__ import annotations

import sys

from llm_attr_widget.cli import main

if __name__ == "__main__":
    sys.exit(main())
