"""Attributions on disk: one .npz file with a JSON header and arrays, no pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_attr_widget.errors import AttributionError, LedgerError
from llm_attr_widget.game.archive import Member, read_archive, readable, write_archive
from llm_attr_widget.game.ledger import Ledger, packed_members
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Contrast, LogProb, Prob, SequenceLogProb, Span
from llm_attr_widget.methods import METHODS
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.provenance import Phase, Provenance
from llm_attr_widget.result.typed import has_type, mistyped
from llm_attr_widget.types import Piece

FORMAT = 1
WHAT = "a result saved by Attribution.save"
KINDS = {"method": dict, "value": dict, "provenance": dict, "features": list, "outputs": list, "game": str}
"""What a header must have, beside what `_contents` looks up."""

NUMBERS = ("values", "standard_errors", "sequence", "sequence_standard_errors", "ends", "sequence_ends")
PLAIN = ("features", "outputs", "label", "unit", "adds_up", "sampled", "random", "phase")
VALUES: tuple[type, ...] = (LogProb, SequenceLogProb, Span, Prob, Contrast)
RENAMED = {"sequence_standard_errors": "sequence_errors", "planned": "budget"}
"""What 0.1.0 called it."""


def write(path: str | Path, contents: Mapping[str, Any]) -> None:
    """One file. contents: the fields of an Attribution, by name.

    Raises AttributionError for a method or value function of the caller's own, which a file cannot hold.
    """
    picture, ledger, against = contents["picture"], contents["ledger"], contents["against"]
    header = {name: contents[name] for name in PLAIN} | {
        "format": FORMAT,
        "method": _packed(contents["method"], _methods()),
        "value": _packed(contents["value"], VALUES),
        "members": picture and picture.members,
        "pieces": [[piece.text, piece.feature, piece.role, piece.opens] for piece in contents["pieces"]],
        "target": asdict(contents["target"]),
        "against": None if against is None else asdict(against),
        "provenance": asdict(contents["provenance"]),
        "game": ledger.game,
    }
    arrays = {name: contents[name] for name in NUMBERS} | {**ledger.packed(), "played_in": ledger.trials}
    if picture is not None:
        arrays |= {"pixels": picture.pixels, "regions": picture.regions}
    write_archive(path, header, arrays)


def read(path: str | Path) -> dict[str, Any]:
    """The fields of the Attribution that `write` wrote, but for its game.

    Raises LedgerError when the file is anything else, damaged, or of another format.
    """
    header, arrays = read_archive(path, WHAT, FORMAT, header=KINDS, members=_members)
    with readable(path, WHAT):
        return _contents(header, arrays)


def _members(header: Mapping[str, Any]) -> dict[str, Member]:
    """The arrays that belong to this header."""
    outputs, features = len(header["outputs"]), len(header["features"])
    shapes = {
        "values": (outputs, features),
        "standard_errors": (outputs, features),
        "sequence": (features,),
        "sequence_standard_errors": (features,),
        "ends": (outputs, 2),
        "sequence_ends": (2,),
    }
    members = {name: Member("<f8", shape, was=RENAMED.get(name, "")) for name, shape in shapes.items()}
    members |= {**packed_members(features), "played_in": Member("<i4", ("rows",))}
    if header.get("members") is not None:
        members |= {
            "pixels": Member("|u1", ("height", "width", 3)),
            "regions": Member("<i4", ("height", "width")),
        }
    return members


def _contents(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Any error that comes of a header that no version wrote is the caller's to put into words."""
    features, members, against = tuple(header["features"]), header.get("members"), header.get("against")
    about = header["provenance"]
    told = {field.name: _either(about, field.name) for field in fields(Provenance) if _known(about, field.name)}
    found = {
        **{name: header[name] for name in PLAIN},
        **{name: arrays[name] for name in NUMBERS},
        "features": features,
        "outputs": tuple(header["outputs"]),
        "pieces": tuple(Piece(*piece) for piece in header["pieces"]),
        "target": _target(header["target"]),
        "against": None if against is None else _target(against),
        "method": _unpacked(header["method"], _methods()),
        "value": _unpacked(header["value"], VALUES),
        "ledger": Ledger.unpacked(arrays, len(features), arrays["played_in"], header["game"]),
        "provenance": Provenance(**told),
        "picture": None
        if members is None
        else Picture(arrays["pixels"], arrays["regions"], tuple(map(tuple, members))),
    }
    _require_possible(found)
    return found


def _require_possible(found: Mapping[str, Any]) -> None:
    """Raises LedgerError for what no run can have given."""
    texts, flags = ("label", "unit"), ("adds_up", "sampled", "random")
    hints = dict.fromkeys(("features", "outputs"), tuple[str, ...]) | dict.fromkeys(texts, str)
    hints |= dict.fromkeys(flags, bool) | {"phase": Phase}
    wrong = [(name, found[name]) for name, hint in hints.items() if not has_type(found[name], hint)]
    for name in ("provenance", "method", "value", "target", "against"):
        wrong += [] if found[name] is None else mistyped(found[name])
    for piece in found["pieces"]:
        wrong += mistyped(piece)
    if not wrong:
        owners = {piece.feature for piece in found["pieces"]} - {None}
        owners |= set() if found["picture"] is None else set(found["picture"].features)
        wrong = [("feature", owner) for owner in owners - set(range(len(found["features"])))]
        outputs = found["value"](np.zeros((1, found["ledger"].log_probs.shape[1]), dtype=np.float32)).shape[1] - 1
        wrong += [("outputs", len(found["outputs"]))] if outputs != len(found["outputs"]) else []
    if wrong:
        name, value = wrong[0]
        raise LedgerError(
            f"Expected {WHAT}, but what it says no result has: {name} = {value!r:.80}. "
            "Take another copy of the file, or run anew."
        )


def _known(record: Mapping[str, Any], name: str) -> bool:
    return name in record or RENAMED.get(name) in record


def _either(record: Mapping[str, Any], name: str) -> Any:
    return record[name] if name in record else record[RENAMED[name]]


def _target(stored: Mapping[str, Any] | Sequence[Any]) -> Target:
    ids, texts = stored.values() if isinstance(stored, Mapping) else stored  # 0.1.0 wrote a list of the two
    return Target(tuple(ids), tuple(texts))


def _methods() -> tuple[type, ...]:
    return tuple(entry.kind for entry in METHODS.values())


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
