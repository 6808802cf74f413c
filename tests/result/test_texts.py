"""Half a surrogate pair in a text of one's own is shown as what it is, no character, everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llm_attr_widget import Attribution, AttrWidget, attribute
from llm_attr_widget.game.targets import Target
from llm_attr_widget.types import Piece
from tests.support import BitsInput, table, table_model

HALF = ("a\ud83d", "\ude00b", "c")
SHOWN = ("a\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}b", "c")


class Halved(BitsInput):
    """Features of texts that were cut in the middle of a character."""

    features = HALF
    pieces = tuple(Piece(text, place) for place, text in enumerate(HALF))


@pytest.fixture(scope="module")
def result() -> Attribution:
    model = table_model(table(3, 2), 3)
    targets = Target((0,), ("\udfff",)), Target((1,), ("y\ud800",))
    return attribute(model, None, Halved(3), targets[0], against=targets[1], progress=False)


def test_texts_are_whole_and_numbers_are_those_of_the_halves(result: Attribution) -> None:
    assert result.features == SHOWN
    assert tuple(piece.text for piece in result.pieces) == SHOWN
    assert result.target.texts == ("\N{REPLACEMENT CHARACTER}",)
    assert result.against is not None
    assert result.against.texts == ("y\N{REPLACEMENT CHARACTER}",)
    plain = attribute(table_model(table(3, 2), 3), None, BitsInput(3), Target((0,), ("x",)), progress=False)
    assert plain.features != result.features
    assert replace(plain, features=("a", "b", "\U0001f600")).features == ("a", "b", "\U0001f600")


def test_it_can_be_saved_written_and_shown(result: Attribution, tmp_path: Path) -> None:
    result.save(tmp_path / "result.npz")
    assert Attribution.load(tmp_path / "result.npz").features == SHOWN
    for name in ("page.html", "matrix.svg"):
        getattr(result, "to_html" if name.endswith("html") else "to_svg")(tmp_path / name)
        assert SHOWN[0] in (tmp_path / name).read_text(encoding="utf-8")
    widget = AttrWidget.from_result(result)
    json.dumps(widget.chart).encode()
    assert [piece["text"] for piece in widget.chart["pieces"]] == list(SHOWN)
