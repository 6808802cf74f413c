"""The ledger: every coalition that was played and the log-prob of every target token in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import LedgerError
from llm_attr_widget.game.archive import read_archive, write_archive
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
        """One .npz file, no pickle. Coalitions are packed to bits."""
        header = {"format": FORMAT, "game": self.game, "features": self.coalitions.shape[1]}
        packed = np.packbits(self.coalitions, axis=1)
        arrays = {"coalitions": packed, "log_probs": self.log_probs, "trials": self.trials, "keys": self.keys}
        write_archive(path, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Ledger:
        """Read what `save` wrote. Raises LedgerError when the file is something else."""
        header, arrays = read_archive(
            path,
            "a ledger saved by Ledger.save",
            FORMAT,
            header={"game": str, "features": int},
            arrays=("coalitions", "log_probs", "trials", "keys"),
        )
        require_shapes(header["features"], arrays)
        coalitions = np.unpackbits(arrays["coalitions"], axis=1, count=header["features"]).astype(bool)
        return cls(coalitions, arrays["log_probs"], arrays["trials"], header["game"], arrays["keys"])


def require_shapes(features: int, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raises LedgerError where a file's arrays cannot be those of one ledger: every row has a coalition (packed to
    bits), log-probs, a trial and a key.
    """
    packed = arrays["coalitions"]
    expected = {"coalitions": (len(packed), -(-features // 8)), "keys": (len(packed), KEY_BYTES)}
    expected |= {"log_probs": (len(packed), *arrays["log_probs"].shape[1:2])}
    expected |= {name: (len(packed),) for name in ("trials", "played_in") if name in arrays}
    for name, shape in expected.items():
        if arrays[name].shape != shape or (name == "log_probs" and len(shape) != 2):
            raise LedgerError(
                f"Expected a ledger of {features} features with {len(packed)} rows, its {name} of shape {shape}, got "
                f"{arrays[name].shape}. The file is damaged: run anew."
            )


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
