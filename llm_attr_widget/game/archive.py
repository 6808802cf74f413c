"""Files that ledgers and results are kept in: .npz with a JSON header and arrays, no pickle.

A file may come from anywhere, cut short, damaged or made to do harm: what it says of its own sizes is held against what
its header allows before any of it is unpacked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import AttributionError, LedgerError
from llm_attr_widget.game.atomic import whole_file

FREE = 256_000_000
"""Bytes that any file may unpack to."""

PER_BYTE = 200
"""Bytes that each byte of a larger file may unpack to. What packs better than that is written unpacked."""

MOST_HEADER = 128_000_000
"""Bytes of a header: a million features have less."""

# As numpy writes it, and nothing else: its own reader evaluates the text, warns, and takes memory as it says.
_NPY = re.compile(
    rb"\x93NUMPY(?:\x01\x00..|[\x02\x03]\x00....)\{'descr': '([<>|=][a-zA-Z]\d{1,12})', "
    rb"'fortran_order': (True|False), 'shape': \(((?:\d{1,15}(?:, \d{1,15})*,?)?)\), \} *\n",
    flags=re.DOTALL,
)
_NPY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Member:
    """An array of an archive. dtype: as it is loaded; a file may have another size of the same kind.

    shape: each side a number, or the name of what there are so many of: sides of one name are equal in all members.
    was: what an earlier version called it. unpacked: how many bytes are made of each of its bytes.
    """

    dtype: str
    shape: tuple[int | str, ...]
    was: str = ""
    unpacked: int = 1


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file says of one of its arrays. start: of its numbers in the unpacked member, in bytes."""

    info: ZipInfo
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    columns_first: bool
    start: int


def write_archive(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """One file at exactly this path, no ending added, whole or not at all. Raises OSError, such as for a full disk."""
    contents: dict[str, Any] = {**arrays, "header": np.array(json.dumps(header))}
    unpacked = sum(array.nbytes * (8 if name == "coalitions" else 1) for name, array in contents.items())
    with whole_file(path) as file:
        np.savez_compressed(file, **contents)
        if unpacked > _most(file.tell()):
            file.seek(0)
            file.truncate()
            np.savez(file, **contents)


def read_archive(
    path: str | Path,
    what: str,
    version: int,
    *,
    header: Mapping[str, type],
    members: Callable[[Mapping[str, Any]], Mapping[str, Member]],
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The file's header and the arrays that belong to it.

    what: in words, what is expected, such as "a ledger saved by Ledger.save". header: what its header must have, with
    types. members: from the header to the arrays that it must have.
    Raises LedgerError for a file that is missing, cut short, damaged, something else, of another version, or that would
    unpack to more than its size allows.
    """
    with readable(path, what), Path(path).open("rb") as file, ZipFile(file) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        most = _most(Path(path).stat().st_size)
        said = _header(archive, infos, what, path)
        if said.get("format", version) != version:
            raise LedgerError(
                f"Expected {what} at {path}, of format {version}; got format {said['format']!r}. "
                "Load it with the version of llm_attr_widget that saved it, or a later one."
            )
        lacking = [name for name, kind in header.items() if not isinstance(said.get(name), kind)]
        if lacking:
            raise _else(what, path, lacking[0])
        wanted = members(said)
        found = _found(archive, infos, wanted, what, path)
        _require_sizes(found, wanted, most)
        return said, {name: _read(archive, found[name], member) for name, member in wanted.items()}


@contextmanager
def readable(path: str | Path, what: str) -> Generator[None]:
    """Whatever goes wrong within while a file is read is one LedgerError, in words. Its own pass through."""
    try:
        yield
    except LedgerError:
        raise
    except OSError as error:
        raise LedgerError(f"Expected {what} at {path}, but it could not be read: {error}") from error
    except Exception as error:  # bytes that anyone may have written: what libraries raise for them has no end
        said = str(error) if isinstance(error, AttributionError) else f"{type(error).__name__}: {error}"
        raise LedgerError(
            f"Expected {what} at {path}, but it could not be read: it is cut short, damaged or something else "
            f"({said}). Take another copy of it, or run anew."
        ) from error


def _most(size: int) -> int:
    """Bytes that a file of so many may unpack to."""
    return FREE + PER_BYTE * size


def _header(archive: ZipFile, infos: Mapping[str, ZipInfo], what: str, path: str | Path) -> dict[str, Any]:
    if "header" not in infos:
        raise _else(what, path, "header")
    found = _described(archive, infos["header"])
    if found.dtype.kind != "U" or found.shape != () or found.info.file_size > MOST_HEADER:
        raise _else(what, path, "header of text")
    text = np.frombuffer(archive.read(found.info), dtype=found.dtype, offset=found.start)
    said = json.loads(str(text[0]))
    if not isinstance(said, dict):
        raise _else(what, path, "header of names and values")
    return cast("dict[str, Any]", said)


def _found(
    archive: ZipFile, infos: Mapping[str, ZipInfo], wanted: Mapping[str, Member], what: str, path: str | Path
) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for name, member in wanted.items():
        info = infos.get(name) or infos.get(member.was or name)
        if info is None:
            raise _else(what, path, name)
        found[name] = _described(archive, info)
    return found


def _described(archive: ZipFile, info: ZipInfo) -> _Found:
    """What a member says of itself, from its first bytes alone."""
    if info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise BadZipFile(f"{info.filename!r} is encrypted, or packed as no version packs it")
    with archive.open(info) as file:
        match = _NPY.match(file.read(_NPY_BYTES))
    if match is None:
        raise BadZipFile(f"{info.filename!r} is no array as numpy writes it")
    descr, fortran, sides = match.groups()
    dtype = np.dtype(descr.decode())
    shape = tuple(int(side) for side in re.findall(rb"\d+", sides))
    if match.end() + dtype.itemsize * math.prod(shape) != info.file_size:
        raise BadZipFile(f"{info.filename!r} does not have as many bytes as it says")
    return _Found(info, dtype, shape, fortran == b"True", match.end())


def _require_sizes(found: Mapping[str, _Found], wanted: Mapping[str, Member], most: int) -> None:
    """Raises LedgerError where types or shapes do not fit together, or there is too much of it all."""
    sides: dict[str, int] = {}
    for name, member in wanted.items():
        shape = found[name].shape
        if len(shape) == len(member.shape):
            for side, length in zip(member.shape, shape, strict=True):
                sides.setdefault(side, length) if isinstance(side, str) else None
        expected = tuple(sides.get(side, -1) if isinstance(side, str) else side for side in member.shape)
        if shape != expected or found[name].dtype.kind != np.dtype(member.dtype).kind:
            told = ", ".join(str(side) for side in member.shape)
            raise LedgerError(
                f"Expected its {name} of shape ({told}), {np.dtype(member.dtype).name}; got {shape}, "
                f"{found[name].dtype.name}. The file is damaged: take another copy of it, or run anew."
            )
    total = sum(found[name].info.file_size * member.unpacked for name, member in wanted.items())
    if total > most:
        raise LedgerError(
            f"The file would take {total / 1e9:,.1f} GB of memory, more than a file of its size may ({most / 1e9:,.1f} "
            "GB). No version of llm_attr_widget writes such a file: do not trust it."
        )


def _read(archive: ZipFile, found: _Found, member: Member) -> NDArray[Any]:
    flat = np.frombuffer(archive.read(found.info), dtype=found.dtype, offset=found.start)
    return flat.reshape(found.shape, order="F" if found.columns_first else "C").astype(member.dtype, order="C")


def _else(what: str, path: str | Path, lacking: str) -> LedgerError:
    return LedgerError(f"Expected {what} at {path}, but the file is something else: it has no {lacking!r}.")
