"""Anything but a good file is one LedgerError in plain words, and takes no more memory than a good one."""

from __future__ import annotations

import copy
import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_attr_widget import Attribution, Ledger, LedgerError
from llm_attr_widget.game.ledger import KEY_BYTES

SAVED = Path(__file__).parent / "saved"
FILES = {"text": Attribution, "image": Attribution, "contrast": Attribution, "text_ledger": Ledger}
EXPECTED = "Expected "


def load(name: str, data: bytes, folder: Path) -> Any:
    path = folder / "file.npz"
    path.write_bytes(data)
    return FILES[name].load(path)


def used(loaded: Attribution | Ledger) -> None:
    """What was let in can be shown: no error waits in it."""
    if isinstance(loaded, Attribution):
        assert repr(loaded)
        assert loaded.to_csv()
        assert loaded.to_json()


@pytest.mark.parametrize("name", ["text", "text_ledger"])
def test_cut_at_every_length(name: str, tmp_path: Path) -> None:
    whole = (SAVED / f"{name}.npz").read_bytes()
    for length in range(0, len(whole), 5):
        with pytest.raises(LedgerError, match=EXPECTED):
            load(name, whole[:length], tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_flipped_bytes_are_told_or_change_nothing(name: str, tmp_path: Path) -> None:
    """Zip archives have bytes that say nothing (times, who made them); a change to any other is found."""
    whole, rng = (SAVED / f"{name}.npz").read_bytes(), np.random.default_rng(0)
    good = load(name, whole, tmp_path)
    told = 0
    for _ in range(400):
        data = bytearray(whole)
        for at in rng.integers(len(whole), size=rng.integers(1, 4)):
            data[at] ^= int(rng.integers(1, 256))
        try:
            found = load(name, bytes(data), tmp_path)
        except LedgerError:
            told += 1
        else:
            ledgers = [getattr(each, "ledger", each) for each in (found, good)]
            np.testing.assert_array_equal(ledgers[0].log_probs, ledgers[1].log_probs)
    assert told > 200


def test_random_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for start in (b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04"):
        for size in (0, 1, 30, 3000):
            for name in ("text", "text_ledger"):
                with pytest.raises(LedgerError, match=EXPECTED):
                    load(name, start + rng.bytes(size), tmp_path)


def parts(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with np.load(SAVED / f"{name}.npz") as file:
        arrays = {each: file[each] for each in file.files if each != "header"}
        return json.loads(str(file["header"])), arrays


def packed(header: object, arrays: dict[str, np.ndarray], save: Callable[..., None] = np.savez_compressed) -> bytes:
    file = BytesIO()
    text = header if isinstance(header, str) else json.dumps(header)
    save(file, header=np.array(text), **arrays)
    return file.getvalue()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


OTHERS = (None, True, -1, 10**30, 0.5, float("nan"), "", "x" * 50, "\ud800", [], [[]], {}, [None], {"a": 1})


@pytest.mark.parametrize("name", FILES)
def test_a_header_with_anything_in_the_place_of_anything(name: str, tmp_path: Path) -> None:
    header, arrays = parts(name)
    refused = 0
    for place in places(header):
        for other in OTHERS:
            changed = copy.deepcopy(header)
            if place:
                inner = changed
                for key in place[:-1]:
                    inner = inner[key]
                inner[place[-1]] = other
            else:
                changed = other
            try:
                used(load(name, packed(changed, arrays, np.savez), tmp_path))
            except LedgerError:
                refused += 1
    assert refused > 20


def test_a_header_of_brackets_without_end(tmp_path: Path) -> None:
    _, arrays = parts("text")
    for text in ("[" * 200_000, '{"a":' * 200_000, "no", "", "9" * 10_000):
        with pytest.raises(LedgerError, match=EXPECTED):
            load("text", packed(text, arrays), tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_arrays_of_other_types_and_shapes(name: str, tmp_path: Path) -> None:
    header, arrays = parts(name)
    for each, array in arrays.items():
        others = [array[:-1], array[None], array.ravel()[:0], array.astype("c16"), array.astype("U4"), np.array(0)]
        others += [np.array([{}], dtype=object)]
        for other in others:
            with pytest.raises(LedgerError, match=EXPECTED):
                load(name, packed(header, arrays | {each: other}), tmp_path)
        with pytest.raises(LedgerError, match="something else"):
            load(name, packed(header, {key: value for key, value in arrays.items() if key != each}), tmp_path)


def test_arrays_in_the_order_of_columns_and_of_other_sizes_are_the_same_numbers(tmp_path: Path) -> None:
    header, arrays = parts("text")
    other = arrays | {"values": np.asfortranarray(arrays["values"]), "log_probs": arrays["log_probs"].astype(">f8")}
    found, good = load("text", packed(header, other), tmp_path), Attribution.load(SAVED / "text.npz")
    np.testing.assert_array_equal(found.values, good.values)
    np.testing.assert_array_equal(found.ledger.log_probs, good.ledger.log_probs)
    assert found.ledger.log_probs.dtype == np.float32


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that would be large."""
    header, arrays = parts("text")
    wide = header | {"features": [" a"] * 16, "outputs": [" b"] * 3}
    yield "text", packed(wide, arrays | {"values": np.zeros((3, 10_000_000))})
    rows = 4_000_000  # everything fits together, and is nothing: no model gives these keys
    ledger = {
        "coalitions": np.zeros((rows, 16), np.uint8),
        "log_probs": np.zeros((rows, 1), np.float32),
        "keys": np.zeros((rows, KEY_BYTES), np.uint8),
        "trials": np.zeros(rows, np.int32),
    }
    yield "text_ledger", packed({"format": 1, "game": "g", "features": 128}, ledger)
    yield "text_ledger", packed('{"format": 1}' + " " * 50_000_000, ledger | {"coalitions": np.zeros(1)})
    image, pixels = parts("image")
    side = 6_000
    large = {"pixels": np.zeros((side, side, 3), np.uint8), "regions": np.zeros((side, side), np.int32)}
    yield "image", packed(image, pixels | large | {"values": np.zeros(3)})


def test_a_small_file_that_would_be_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    for name, data in bombs():
        assert len(data) < 3_000_000
        tracemalloc.start()
        try:
            with pytest.raises(LedgerError, match=EXPECTED + "|memory"):
                load(name, data, tmp_path)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


def test_a_member_that_lies_about_its_size_or_is_packed_otherwise(tmp_path: Path) -> None:
    header, arrays = parts("text_ledger")
    for packing in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        file = BytesIO()
        with zipfile.ZipFile(BytesIO(packed(header, arrays))) as old, zipfile.ZipFile(file, "w", packing) as new:
            for info in old.infolist():
                new.writestr(info.filename, old.read(info))
        with pytest.raises(LedgerError, match=EXPECTED):
            load("text_ledger", file.getvalue(), tmp_path)


def test_what_packs_very_well_is_saved_so_that_it_can_be_loaded(tmp_path: Path) -> None:
    """All coalitions but one feature, of many features: nearly all of its bits are ones."""
    features = rows = 20_000
    coalitions = np.broadcast_to(np.ones(features, dtype=bool), (rows, features))
    ledger = Ledger(
        coalitions,
        np.zeros((rows, 1), np.float32),
        np.zeros(rows, np.int32),
        "game",
        np.zeros((rows, KEY_BYTES), np.uint8),
    )
    ledger.save(tmp_path / "a.npz")
    assert Ledger.load(tmp_path / "a.npz").coalitions.all()


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.npz", Path("a\0b"), tmp_path / ("x" * 400)):
        for kind in (Attribution, Ledger):
            with pytest.raises(LedgerError, match=EXPECTED):
                kind.load(path)


def test_a_file_of_a_later_format_says_so(tmp_path: Path) -> None:
    for name in ("text", "text_ledger"):
        header, _ = parts(name)
        with pytest.raises(LedgerError, match="of format 1; got format 7"):
            load(name, packed(header | {"format": 7}, {"new": np.zeros(1)}), tmp_path)
