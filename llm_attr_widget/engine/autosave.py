"""A run's ledger on disk as it grows, so that a kernel that is killed loses seconds of it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from time import monotonic
from typing import TypeAlias

from llm_attr_widget.errors import LedgerError
from llm_attr_widget.game.ledger import Ledger, LedgerWriter, load_ledger

PathLike: TypeAlias = "str | os.PathLike[str]"

EVERY = 2.0
"""Seconds between two savings."""

PLAYED_PER_SAVING = 20.0
"""Seconds to play between two savings, for each second that a saving took."""


def autosave_path(autosave: object) -> Path | None:
    """Where to save. Raises LedgerError for what is no path, or a place that no file can be written to."""
    if autosave is None:
        return None
    if not isinstance(autosave, str | os.PathLike):
        raise LedgerError(f"Expected a path to save the ledger at, got autosave={autosave!r:.80}.")
    path = Path(os.fspath(autosave)).absolute()
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise LedgerError(
            f"Expected autosave to be a file in a folder that is there and can be written to, got {path}. "
            "Make the folder first, and give a file name such as 'run.npz'."
        )
    return path


def ledger_of(resume: object) -> Ledger | None:
    """The ledger to resume from: itself, or that in a file. Raises LedgerError for anything else."""
    if resume is None or isinstance(resume, Ledger):
        return resume
    if isinstance(resume, str | os.PathLike):
        return load_ledger(Path(os.fspath(resume)))
    raise LedgerError(
        f"Expected the ledger of an earlier run to resume from, or its file, got {type(resume).__name__}. "
        "Give result.ledger, or the path that was given as autosave."
    )


class Autosave:
    """Writes a growing ledger to a file every few seconds, whole or not at all.

    path: None: nowhere. least: rows of the ledger that the run resumed from, which may be all that is in the file:
    nothing is written until there are as many. A disk that fails is warned of once and does not end the run.
    """

    def __init__(self, path: Path | None, least: int) -> None:
        self._path = path
        self._saved = least - 1
        self._next = monotonic() + EVERY
        self._warned = False

    def offer(self, ledger: LedgerWriter) -> None:
        """Save it if it is time."""
        if self._path is not None and monotonic() >= self._next:
            self.save(ledger)

    def save(self, ledger: LedgerWriter) -> None:
        """Save it now, if there is more in it than in the file."""
        if self._path is None or len(ledger) <= self._saved:
            return
        began = monotonic()
        try:
            ledger.snapshot().save(self._path)
        except OSError as error:
            if not self._warned:
                warnings.warn(f"The ledger could not be saved at {self._path}: {error}. The run goes on.", stacklevel=2)
            self._warned = True
        else:
            self._saved = len(ledger)
        now = monotonic()
        self._next = now + max(EVERY, PLAYED_PER_SAVING * (now - began))
