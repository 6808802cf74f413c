"""Files that ledgers and results are kept in: .npz with a JSON header and arrays, no pickle."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import LedgerError


def write_archive(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """One file at exactly this path: no ending is added."""
    contents: dict[str, Any] = {**arrays, "header": np.array(json.dumps(header))}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **contents)


def read_archive(
    path: str | Path, what: str, version: int, *, header: Mapping[str, type], arrays: Sequence[str]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The file's header and all of its arrays.

    what: in words, what is expected, such as "a ledger saved by Ledger.save". header, arrays: what it must have, the
    header's entries with their types.
    Raises LedgerError for a file that is missing, cut short, something else or of another version.
    """
    try:
        with Path(path).open("rb") as file:  # numpy leaves a file open that turns out to be no archive
            archive = np.load(file, allow_pickle=False)
            found = dict(cast("dict[str, Any]", json.loads(str(archive["header"]))))
            read = {name: archive[name] for name in archive.files if name != "header"}
    except (LookupError, ValueError, OSError, AttributeError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise LedgerError(f"Expected {what} at {path}, but it could not be read: {error}") from error
    lacking = [name for name in arrays if name not in read]
    lacking += [name for name, kind in header.items() if not isinstance(found.get(name), kind)]
    if lacking:
        raise LedgerError(f"Expected {what} at {path}, but the file is something else: it has no {lacking[0]!r}.")
    if found.get("format") != version:
        raise LedgerError(
            f"Expected {what} at {path}, of format {version}; got format {found.get('format')}. "
            "Load it with the version of llm_attr_widget that saved it."
        )
    return found, read
