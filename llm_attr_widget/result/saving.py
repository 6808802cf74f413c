"""Attributions on disk: one .npz file with a JSON header and arrays, no pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llm_attr_widget.errors import AttributionError, LedgerError
from llm_attr_widget.game.archive import read_archive, write_archive
from llm_attr_widget.game.ledger import Ledger, require_shapes
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Contrast, LogProb, Prob, SequenceLogProb, Span
from llm_attr_widget.methods import METHODS
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.provenance import Provenance
from llm_attr_widget.types import Piece

FORMAT = 1
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
        "against": against and asdict(against),
        "provenance": asdict(contents["provenance"]),
        "game": ledger.game,
    }
    arrays = {name: contents[name] for name in NUMBERS} | {
        "coalitions": np.packbits(ledger.coalitions, axis=1),
        "log_probs": ledger.log_probs,
        "played_in": ledger.trials,
        "keys": ledger.keys,
    }
    if picture is not None:
        arrays |= {"pixels": picture.pixels, "regions": picture.regions}
    write_archive(path, header, arrays)


def read(path: str | Path) -> dict[str, Any]:
    """The fields of the Attribution that `write` wrote, but for its game.

    Raises LedgerError when the file is something else, or of another format.
    """
    header, arrays = read_archive(
        path,
        "a result saved by Attribution.save",
        FORMAT,
        header={"method": dict, "value": dict, "provenance": dict, "features": list},
        arrays=("values", "coalitions", "log_probs", "played_in", "keys"),
    )
    features = tuple(header["features"])
    require_shapes(len(features), {name: arrays[name] for name in ("coalitions", "log_probs", "played_in", "keys")})
    coalitions = np.unpackbits(arrays["coalitions"], axis=1, count=len(features)).astype(bool)
    members, against = header.get("members"), header.get("against")
    about = header["provenance"]
    return {
        **{name: header[name] for name in PLAIN},
        **{name: arrays[name] if name in arrays else arrays[RENAMED[name]] for name in NUMBERS},
        "features": features,
        "outputs": tuple(header["outputs"]),
        "pieces": tuple(Piece(*piece) for piece in header["pieces"]),
        "target": _target(header["target"]),
        "against": against and _target(against),
        "method": _unpacked(header["method"], _methods()),
        "value": _unpacked(header["value"], VALUES),
        "ledger": Ledger(coalitions, arrays["log_probs"], arrays["played_in"], header["game"], arrays["keys"]),
        "provenance": Provenance(
            **{field.name: _either(about, field.name) for field in fields(Provenance) if _known(about, field.name)}
        ),
        "picture": members and Picture(arrays["pixels"], arrays["regions"], tuple(map(tuple, members))),
    }


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
