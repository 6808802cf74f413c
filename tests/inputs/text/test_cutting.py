from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.text.cutting import LEVELS, Level, Tree, boundaries, groups, tree, units
from llm_attr_widget.types import Piece
from tests.inputs.kinds import TEXTS

PROMPT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"


def test_words_take_the_space_before_them_and_punctuation_stands_alone() -> None:
    assert "|".join(units(PROMPT, "word")) == (
        "Dave| lives| in| Palm| Coast|,| FL| and| is| a| lawyer|.| His| personal| interests| include"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't pay 3.14 now", ["don't", " pay", " 3.14", " now"]),
        ("Wait... what?!", ["Wait", "...", " what", "?", "!"]),
        (" a  b\n\nc \n", [" a", "  b", "\n\nc \n"]),
        ("a\r\nb", ["a", "\r\nb"]),
        ("我喜欢。", ["我", "喜欢", "。"]),
        ("مرحبا بالعالم", ["مرحبا", " بالعالم"]),
        ("hi 👩‍👩‍👧 e\u0301a", ["hi", " 👩‍👩‍👧", " e\u0301a"]),
        ("नमस्ते दुनिया", ["नमस्ते", " दुनिया"]),
        ("   ", ["   "]),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, words: list[str]) -> None:
    assert list(units(text, "word")) == words


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("phrase", ["Well,", " he said:", ' "No."', " It cost 3.5;", " so", "\nwhat?"]),
        ("sentence", ['Well, he said: "No."', " It cost 3.5; so", "\nwhat?"]),
        ("paragraph", ['Well, he said: "No." It cost 3.5; so', "\nwhat?"]),
    ],
)
def test_larger_units(level: Level, expected: list[str]) -> None:
    assert list(units('Well, he said: "No." It cost 3.5; so\nwhat?', level)) == expected


def test_a_sentence_in_chinese_ends_without_a_space() -> None:
    assert units("我喜欢吃饭。你呢？", "sentence") == ("我喜欢吃饭。", "你呢？")


def test_sentences_that_are_said_again_are_cut_again() -> None:
    assert units("Go. Go. Go.", "sentence") == ("Go.", " Go.", " Go.")


def test_a_sentence_without_letters_is_not_lost() -> None:
    assert units("Yes! ??? \n--- No.", "sentence") == ("Yes! ???", " \n--- No.")


@given(TEXTS)
@settings(max_examples=300, deadline=None)
@example("a.ג")
@example("!!!! a")
def test_units_join_to_the_text_and_nest(text: str) -> None:
    coarser: set[int] | None = None
    for level in LEVELS:
        assert "".join(units(text, level)) == text
        assert all(units(text, level))
        cuts = set(boundaries(text, level))
        assert {0, len(text)} <= cuts
        assert coarser is None or coarser <= cuts
        coarser = cuts


@given(TEXTS, st.sampled_from(LEVELS), st.sampled_from(LEVELS))
@settings(max_examples=200, deadline=None)
def test_groups_of_nested_units_are_the_larger_units(text: str, fine: Level, coarse: Level) -> None:
    if LEVELS.index(fine) < LEVELS.index(coarse):
        fine, coarse = coarse, fine
    small = units(text, fine)
    found = groups([Piece(unit, i) for i, unit in enumerate(small)], coarse)
    joined = tuple("".join(small[i] for i in group) for group in found)
    assert joined == units(text, coarse)


def test_a_feature_over_a_boundary_belongs_where_its_first_letter_is() -> None:
    pieces = [Piece("One", 0), Piece(". Two", 1), Piece(" three.", 2), Piece(" Four.", 3)]
    assert groups(pieces, "sentence") == ((0, 1), (2,), (3,))
    assert groups([Piece("a"), Piece(" b", 0), Piece("\nc"), Piece("\nd", 1)], "paragraph") == ((0,), (1,))


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputError, match="half a surrogate pair at offset 2"):
        boundaries("ab\ud800", "word")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InputError, match="'letter'"):
        boundaries("ab", "letter")  # pyright: ignore[reportArgumentType]


def test_a_tree_nests_features_from_coarse_to_fine() -> None:
    text = "One, two. Three four.\nFive."
    pieces = [Piece(unit, i) for i, unit in enumerate(units(text, "word"))]
    #   One , two . | Three four . | Five .
    assert tree(pieces) == ((((0, 1), (2, 3)), (4, 5, 6)), (7, 8))
    assert tree(pieces, ("sentence",)) == ((0, 1, 2, 3), (4, 5, 6), (7, 8))
    assert tree(pieces[:2]) == (0, 1)
    assert tree(pieces[:1]) == (0,)


def leaves(node: int | Tree) -> list[int]:
    return [node] if isinstance(node, int) else [leaf for child in node for leaf in leaves(child)]


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_a_tree_holds_every_feature_once(text: str) -> None:
    pieces = [Piece(unit, i) for i, unit in enumerate(units(text, "word"))]
    if pieces:
        assert leaves(tree(pieces)) == list(range(len(pieces)))
