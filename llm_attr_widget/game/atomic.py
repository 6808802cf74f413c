"""Files that are whole or not there: what is written takes the old file's place only once all of it is on disk."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

Content = TypeVar("Content", str, bytes)


@contextmanager
def whole_file(path: str | Path) -> Generator[BinaryIO]:
    """A file to write to, which becomes the file at `path` at the end of the block.

    Until then it lies beside it, under a name of its own. Where the block raises, the disk is full or the process is
    killed, the old file stays as it was; but for the last of these nothing else is left behind. A link goes on leading
    where it led, and a file that is there keeps its permissions. Raises OSError as `open` does.
    """
    place = Path(os.path.realpath(path))
    # `tempfile` would give the file permissions for its owner alone; open() leaves that to the caller's umask.
    beside = place.with_name(f".{place.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, beside)
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def given_or_written(content: Content, path: str | Path | None) -> Content | None:
    """The content itself, or, where a path is given, None once the file there holds it: text as UTF-8.

    Halves of a pair, which are no characters, are written as U+FFFD, as browsers do.
    """
    if path is None:
        return content
    data = content if isinstance(content, bytes) else re.sub(r"[\ud800-\udfff]", "\ufffd", content).encode()
    with whole_file(path) as file:
        file.write(data)
    return None
