"""The one table of the look: TypeScript's copy is what Python prints, and both do the same with it."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from llm_attr_widget.export.style import (
    COLOURS,
    GLYPHS,
    LATEX,
    all_uncertain,
    cell_colour,
    feature_label,
    limit_text,
    nice_ceil,
    shorten,
    signed,
    token_label,
    uncertain,
    visible,
    worth_writing,
)
from llm_attr_widget.export.svg import xml
from llm_attr_widget.export.typescript import typescript

ROOT = Path(__file__).parents[2]
LOOK: dict[str, list[Any]] = json.loads((ROOT / "tests" / "exports" / "look.json").read_text(encoding="utf-8"))
# Signs of the Arabic, Syriac and Kaithi scripts that stand around digits: format characters, and seen.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def test_style_ts_is_what_python_prints() -> None:
    assert (ROOT / "js" / "src" / "style" / "style.ts").read_text(encoding="utf-8") == typescript()


@pytest.mark.parametrize(("text", "token", "feature"), LOOK["labels"])
def test_labels(text: str, token: str, feature: str) -> None:
    assert (token_label(text), feature_label(text)) == (token, feature)


@pytest.mark.parametrize(("value", "limit", "text"), LOOK["limits"])
def test_limits(value: float, limit: float, text: str) -> None:
    assert nice_ceil(value) == limit
    assert limit_text(limit) == text


@pytest.mark.parametrize(("value", "decimals", "text"), LOOK["numbers"])
def test_numbers(value: float, decimals: int, text: str) -> None:
    assert signed(value, decimals) == text


@pytest.mark.parametrize(("theme", "value", "error", "limit", "colour"), LOOK["colours"])
def test_colours(theme: Any, value: float | None, error: float | None, limit: float, colour: list[int]) -> None:
    number, spread = (math.nan if one is None else one for one in (value, error))
    assert cell_colour(number, spread, limit, COLOURS[theme]) == tuple(colour)


def test_a_value_whose_error_is_not_known_is_not_certain_however_large_it_is() -> None:
    values, errors = np.array([8.0, -8.0, 0.0, 8.0, 1.9, 2.0]), np.array([np.nan, np.nan, np.nan, 0.0, 1.0, 1.0])
    assert all_uncertain(values, errors).tolist() == [True, True, True, False, True, False]
    assert [uncertain(v, e) for v, e in zip(values.tolist(), errors.tolist(), strict=True)] == (
        all_uncertain(values, errors).tolist()
    )
    assert not worth_writing(8.0, math.nan, 8.0)
    assert worth_writing(8.0, 0.0, 8.0)


@pytest.mark.parametrize("value", [math.inf, math.nan, -1.0])
def test_what_has_no_size_has_the_scale_of_nothing(value: float) -> None:
    assert nice_ceil(value) == 1.0


def hidden(char: str) -> bool:
    category = unicodedata.category(char)
    return category in ("Cc", "Cs", "Zl", "Zp") or (category in ("Cf", "Zs") and char != " " and ord(char) not in SEEN)


def test_whatever_cannot_be_seen_has_a_glyph_and_the_rest_stays() -> None:
    """All of Unicode. A glyph stays as it is, and XML allows all of them."""
    glyphs = {glyph for _, glyph in GLYPHS} | {chr(code) for code in range(0x2400, 0x2421)}
    fillers = set("\u115f\u1160\u3164\uffa0\u2800")
    kept = []
    for char in map(chr, range(sys.maxunicode + 1)):
        if hidden(char):
            assert visible(char) in glyphs, ascii(char)
        elif visible(char) != char:
            assert char in fillers or unicodedata.category(char) == "Cn", ascii(char)  # (unassigned)
        else:
            kept.append(char)
    assert {visible(glyph) for glyph in glyphs} == glyphs
    every = "".join(kept)
    assert ET.fromstring(f"<a>{xml(every)}</a>").text == every


def test_every_label_shows_something() -> None:
    for char in map(chr, range(sys.maxunicode + 1)):
        for label in (token_label(char), feature_label(char)):
            assert not hidden(label[0])
            assert label != " "
            assert unicodedata.category(label[0])[0] != "M"


def test_labels_are_cut_at_characters() -> None:
    assert shorten("0123456789abcdefgh") == "0123456789abcdefgh"
    assert shorten("0123456789abcdefghi") == "0123456789abcdefg…"
    assert shorten("😀" * 19) == "😀" * 17 + "…"


def test_every_glyph_can_be_set_in_latex() -> None:
    """But for Latin-1, and control characters' own pictures: nobody's font has those."""
    assert {glyph for _, glyph in GLYPHS} - {"·", "␡"} <= set(LATEX)
