"""The commands by name, and what becomes of their errors: a sentence, and the exit status."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from llm_attr_widget.cli import attribute, check, versions
from llm_attr_widget.errors import AttributionError, ScoreError, discreet

PROG = "llm-attr-widget"
DONE, FAILED, MISTAKEN, INTERRUPTED = 0, 1, 2, 130
STATUS = "exit status: 0 done; 1 the model failed or a check did not pass; 2 cannot be done as asked; 130 interrupted"
COMMANDS = (attribute, check, versions)

_log = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    """What can be typed."""
    made = argparse.ArgumentParser(
        prog=PROG, description="Which parts of my prompt made the model say this?", epilog=STATUS
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-v", "--verbose", action="store_true", help="tell on stderr what is done, and where it failed")
    for command in COMMANDS:
        command.add(commands, shared)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. argv: its words, those of the process by default. Returns the exit status (`STATUS`).

    Raises SystemExit(2) for words that are no command, as argparse does.
    """
    options = parser().parse_args(argv)
    with logged(verbose=options.verbose):
        try:
            return options.run(options)
        except KeyboardInterrupt:
            return _said("interrupted before there was anything to keep.", INTERRUPTED)
        except AttributionError as error:
            _log.debug("traceback", exc_info=True)
            return _said(str(error), FAILED if isinstance(error, ScoreError) else MISTAKEN)
        except OSError as error:
            _log.debug("traceback", exc_info=True)
            return _said(f"{error}.", MISTAKEN)
        except Exception as error:  # noqa: BLE001  whatever a model raises is told in a sentence, too
            _log.debug("traceback", exc_info=True)
            return _said(f"the model failed: {type(error).__name__}: {error}. See where with --verbose.", FAILED)


@contextmanager
def logged(*, verbose: bool) -> Generator[None]:
    """This package's log on stderr while a command runs, where it was asked for."""
    if not verbose:
        yield
        return
    log, handler = logging.getLogger("llm_attr_widget"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _said(problem: str, status: int) -> int:
    sys.stderr.write(f"{PROG}: {' '.join(discreet(problem).split())}\n")
    return status
