"""Records on disk: one .npz file with a JSON header and arrays, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import AttributionError, LedgerError
from llm_attr_widget.game.values import Contrast, LogProb, Prob, SequenceLogProb, Value
from llm_attr_widget.methods import METHODS
from llm_attr_widget.types import GradientMethod, Method

FORMAT = 1
VALUES: tuple[type, ...] = (LogProb, SequenceLogProb, Prob, Contrast)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a saved attribution consists of. header: JSON values; arrays: by name."""

    header: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    method: Method | GradientMethod
    value: Value


def write(path: str | Path, stored: Stored) -> None:
    """One file. Raises AttributionError for a method or value function of the caller's own, which it cannot hold."""
    header = {
        **stored.header,
        "format": FORMAT,
        "method": _packed(stored.method, _methods()),
        "value": _packed(stored.value, VALUES),
    }
    with Path(path).open("wb") as file:
        arrays: dict[str, Any] = {**stored.arrays, "header": np.array(json.dumps(header))}
        np.savez_compressed(file, **arrays)


def read(path: str | Path) -> Stored:
    """Read what `write` wrote. Raises LedgerError when the file is something else, or of another format."""
    try:
        with np.load(Path(path), allow_pickle=False) as file:
            header = cast("dict[str, Any]", json.loads(str(file["header"])))
            arrays = {name: file[name] for name in file.files if name != "header"}
        found = header["format"]
        method, value = header["method"], header["value"]
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise LedgerError(
            f"Expected an attribution saved by save() at {path}, but could not read it: {error}"
        ) from error
    if found != FORMAT:
        raise LedgerError(
            f"Expected an attribution of format {FORMAT} at {path}, got format {found}. "
            "Load it with the version of llm_attr_widget that saved it."
        )
    return Stored(header, arrays, _unpacked(method, _methods()), _unpacked(value, VALUES))


def _methods() -> tuple[type, ...]:
    return tuple(type(entry.make(None)) for entry in METHODS)


def _packed(record: object, known: Sequence[type]) -> dict[str, Any]:
    if type(record) not in known or not is_dataclass(record) or isinstance(record, type):
        raise AttributionError(
            f"Expected one of this package's own methods and value functions, got {record!r}, "
            "which a file cannot hold. "
            "Save the ledger instead: result.ledger.save(path)."
        )
    options = {field.name: getattr(record, field.name) for field in fields(record) if field.init}
    return {"name": type(record).__name__, "options": options}


def _unpacked(packed: Mapping[str, Any], known: Sequence[type]) -> Any:
    for kind in known:
        if kind.__name__ == packed["name"]:
            return kind(**packed["options"])
    raise LedgerError(f"The file names {packed['name']!r}, which this version of llm_attr_widget does not know.")
