"""The ledger: every coalition that was played and the log-prob of every target token in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import LedgerError
from llm_attr_widget.game.archive import Member, read_archive, readable, write_archive
from llm_attr_widget.types import Coalitions, LogProbs

FORMAT = 1
KEY_BYTES = 16
"""Length of a prompt's key."""

UNUSED = -1
"""In place of a trial's number: scored before a stop or an error, in a block that was not finished."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a run leaves behind. Rows stand in the order in which they were played.

    coalitions: bool `(m, features)`; log_probs: float32 `(m, target tokens)`, nats; trials: int `(m,)`, which
    repetition each row belongs to, UNUSED for what no estimate was made from; game: fingerprint of the game it was
    played in; keys: uint8 `(m, 16)`, of the prompts that were scored, by which a resumed run knows them again.
    """

    coalitions: Coalitions
    log_probs: LogProbs
    trials: NDArray[np.int32]
    game: str
    keys: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.coalitions)

    def by_trial(self) -> Iterator[tuple[int, Coalitions, LogProbs]]:
        """Each trial's number and its rows, in order of play."""
        for trial in np.unique(self.trials[self.trials != UNUSED]):
            rows = self.trials == trial
            yield int(trial), self.coalitions[rows], self.log_probs[rows]

    def save(self, path: str | Path) -> None:
        """One .npz file, no pickle. Coalitions are packed to bits. A file that is there is replaced whole, or kept."""
        header = {"format": FORMAT, "game": self.game, "features": self.coalitions.shape[1]}
        write_archive(path, header, {**self.packed(), "trials": self.trials})

    @classmethod
    def load(cls, path: str | Path) -> Ledger:
        """Read what `save` wrote. Raises LedgerError when the file is anything else, or damaged."""
        what = "a ledger saved by Ledger.save"
        header, arrays = read_archive(
            path,
            what,
            FORMAT,
            header={"game": str, "features": int},
            members=lambda said: {**packed_members(said["features"]), "trials": Member("<i4", ("rows",))},
        )
        with readable(path, what):
            return cls.unpacked(arrays, header["features"], arrays["trials"], header["game"])

    def packed(self) -> dict[str, NDArray[Any]]:
        """Its arrays but for trials, as files hold them: see `packed_members`."""
        return {
            "coalitions": np.packbits(self.coalitions, axis=1),
            "log_probs": self.log_probs,
            "keys": self.keys,
        }

    @classmethod
    def unpacked(
        cls, arrays: Mapping[str, NDArray[Any]], features: int, trials: NDArray[np.int32], game: str
    ) -> Ledger:
        """From the arrays of a file. Raises LedgerError for a trial that cannot be."""
        if trials.size and int(trials.min()) < UNUSED:
            raise LedgerError(
                f"Expected trials from 0 on, or {UNUSED} for a row that is unused, got {int(trials.min())}. "
                "The file is damaged: take another copy of it, or run anew."
            )
        coalitions = np.unpackbits(arrays["coalitions"], axis=1, count=features).view(bool)
        return cls(coalitions, arrays["log_probs"], trials, game, arrays["keys"])


def packed_members(features: int) -> dict[str, Member]:
    """What a file must hold of a ledger: every row has a coalition (packed to bits), log-probs and a key."""
    if features < 1:
        raise LedgerError(f"Expected a ledger of one feature at least, got {features}. The file is damaged: run anew.")
    return {
        "coalitions": Member("|u1", ("rows", -(-features // 8)), unpacked=8),
        "log_probs": Member("<f4", ("rows", "target tokens")),
        "keys": Member("|u1", ("rows", KEY_BYTES)),
    }


def load_ledger(path: str | Path) -> Ledger:
    """`Ledger.load` by another name.

    path: of the file that `Ledger.save` wrote. Raises LedgerError when it is something else.

    >>> import tempfile
    >>> from llm_attr_widget import attribute, load_ledger
    >>> from llm_attr_widget.demo import load_text
    >>> result = attribute(*load_text(), "Anna lives in Oslo. Anna lives in", " Oslo", progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result.ledger.save(f"{folder}/oslo.npz")
    ...     len(load_ledger(f"{folder}/oslo.npz")) == len(result.ledger)
    True
    """
    return Ledger.load(path)


class LedgerWriter:
    """A ledger that grows. Snapshots share its memory: rows once written never change."""

    def __init__(self, features: int, tokens: int, game: str) -> None:
        self._coalitions = np.empty((64, features), dtype=bool)
        self._log_probs = np.empty((64, tokens), dtype=np.float32)
        self._trials = np.empty(64, dtype=np.int32)
        self._keys = np.empty((64, KEY_BYTES), dtype=np.uint8)
        self._rows = 0
        self._game = game

    def __len__(self) -> int:
        return self._rows

    def append(self, coalitions: Coalitions, log_probs: LogProbs, keys: NDArray[np.uint8], trial: int) -> None:
        start, end = self._rows, self._rows + len(coalitions)
        if end > len(self._trials):
            size = max(end, 2 * len(self._trials))
            self._coalitions = _grown(self._coalitions, size)
            self._log_probs = _grown(self._log_probs, size)
            self._trials = _grown(self._trials, size)
            self._keys = _grown(self._keys, size)
        self._coalitions[start:end] = coalitions
        self._log_probs[start:end] = log_probs
        self._trials[start:end] = trial
        self._keys[start:end] = keys
        self._rows = end

    def snapshot(self) -> Ledger:
        n = self._rows
        return Ledger(self._coalitions[:n], self._log_probs[:n], self._trials[:n], self._game, self._keys[:n])


def _grown(array: NDArray, size: int) -> NDArray:  # type: ignore[type-arg]  # any dtype goes through unchanged
    larger = np.empty((size, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
