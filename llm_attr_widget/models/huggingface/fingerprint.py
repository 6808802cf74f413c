"""What tells apart the arguments of a model's forward that are no token ids: pixel values and the like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch


def fingerprint(value: Any) -> str:
    """Equal for equal contents: type, shape and every byte of arrays, also inside lists and mappings.

    An object of any other kind equals itself alone, so it must outlive whoever compares.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts(value):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, torch.Tensor):
        yield from (b"tensor", str(value.dtype).encode(), str(tuple(value.shape)).encode())
        yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    elif isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        yield from (b"array", str(array.dtype).encode(), str(array.shape).encode(), array.tobytes())
    elif isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        yield f"mapping {len(entries)}".encode()
        for name in sorted(entries, key=repr):
            yield repr(name).encode()
            yield from _parts(entries[name])
    elif isinstance(value, list | tuple):
        listed = cast("list[Any]", value)
        yield f"list {len(listed)}".encode()
        for each in listed:
            yield from _parts(each)
    elif value is None or isinstance(value, str | bytes | bool | int | float):
        yield repr(value).encode()
    elif hasattr(value, "__array_interface__"):  # an image of PIL's
        yield from _parts(np.asarray(value))
    else:
        # A text of it may leave out what differs (a tensor's middle): better scored twice than taken for another.
        yield f"{type(value).__qualname__} {id(value)}".encode()
