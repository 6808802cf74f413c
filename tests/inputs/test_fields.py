"""One text back in fields: found where it can be told which is which, refused where it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.fields import Field, fits, joined, texts_in

END = Field("\n", fixed="Turns are kept apart.")


def chat(*texts: str) -> tuple[Field, ...]:
    fields = [Field(text, "user") for text in texts]
    return tuple(one for field in fields for one in (field, END))[:-1]


def found(fields: tuple[Field, ...], whole: str) -> tuple[str, ...]:
    return tuple(
        text for field, text in zip(fields, texts_in(fields, whole), strict=True) if not field.fixed and field.label
    )


@pytest.mark.parametrize(
    ("was", "now", "texts"),
    [
        (("Be brief.", "Ivo has."), "Be brief.\nIvo had.", ("Be brief.", "Ivo had.")),
        (("Be brief.", "Ivo has."), "\nIvo has.", ("", "Ivo has.")),
        (("Be brief.", "Ivo has."), "Be brief.\n", ("Be brief.", "")),
        (("Be brief.", "Ivo has."), "Answer at length.\nWho?", ("Answer at length.", "Who?")),
        # Line ends inside a turn: the cut that leaves most as it was is the one.
        (("One.\nTwo.", "Three.\nFour."), "One.\nTwo!\nThree.\nFour!", ("One.\nTwo!", "Three.\nFour!")),
        (("One.", "Two."), "One.\nAnd a half.\nTwo.\nThree.", ("One.\nAnd a half.", "Two.\nThree.")),
        (("One.", "Two."), "One.\nTwo.\nThree.", ("One.", "Two.\nThree.")),
        (("A", "A", "A"), "A\n\nA", ("A", "", "A")),
        (("user", "I am a user", "user"), "user\nI am the user\nuser", ("user", "I am the user", "user")),
        (("A", "B"), "C\nD\nE", None),
        (("A", "B"), "AB", None),
        (("a", "a\nb"), "a\na\na\nb", None),  # at the end of the first turn, or at the beginning of the second
        (("", ""), "x\n", ("x", "")),
        (("", ""), "", None),
    ],
)
def test_each_text_is_found_where_what_stands_between_is_unchanged(
    was: tuple[str, ...], now: str, texts: tuple[str, ...] | None
) -> None:
    fields = chat(*was)
    if texts is not None:
        assert found(fields, now) == texts
        return
    with pytest.raises(InputError, match=r"This prompt has .* fields .* between them is found unchanged"):
        texts_in(fields, now)


def test_fixed_text_stays_and_repeated_text_changes_everywhere() -> None:
    fields = (
        Field("<s>", fixed="Special."),
        Field("Ivo", "name"),
        Field(" and ", fixed="Own."),
        Field("Ivo", "name", repeats=1),
    )
    assert texts_in(fields, "<s>Eva and Eva") == ("<s>", "Eva", " and ", "Eva")
    with pytest.raises(InputError, match="the same in all of them"):
        texts_in(fields, "<s>Eva and Ivo")
    for whole in ("Ivo and Ivo", "<s>Ivo or Ivo", "<s"):
        with pytest.raises(InputError, match="found unchanged"):
            texts_in(fields, whole)
    with pytest.raises(InputError, match=r"Own words stay\. Make another AttrWidget"):
        texts_in((Field("f0 f1", fixed="Own words stay."),), "f0")
    with pytest.raises(InputError, match="no text that can be edited"):
        texts_in((Field("", "tools", fixed="Tools stay."),), "x")


def test_slots_without_text_between_them_are_told_apart_by_what_is_as_it_was() -> None:
    fields = (Field("Palm ", "a"), Field("Coast", "b"))
    assert texts_in(fields, "Palm Beach") == ("Palm ", "Beach")
    assert texts_in(fields, "Gold Coast") == ("Gold ", "Coast")
    with pytest.raises(InputError):
        texts_in(fields, "xyz")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab\n", max_size=5), st.text("ab\n", max_size=5)), min_size=1, max_size=4),
    st.sampled_from(["\n", "ab", "|"]),
)
def test_what_is_found_fits_and_joins_and_costs_least(pairs: list[tuple[str, str]], between: str) -> None:
    """Against every way to cut the text, tried one by one."""
    fields: list[Field] = []
    for at, (was, _) in enumerate(pairs):
        fields += [Field(was, str(at)), Field(between, fixed="Apart.")]
    fields = fields[:-1]
    whole = between.join(now for _, now in pairs)
    cuts = [
        (cut, sum(_changed(was, now) for (was, _), now in zip(pairs, cut, strict=True)))
        for cut in _cuts(whole, between, len(pairs))
    ]
    least = min(cost for _, cost in cuts)
    best = [cut for cut, cost in cuts if cost == least]
    try:
        texts = texts_in(fields, whole)
    except InputError:
        assert len(best) > 1
        return
    assert "".join(texts) == whole
    assert fits(fields, texts)
    assert [list(texts[::2])] == best


def _cuts(whole: str, between: str, parts: int) -> list[list[str]]:
    if parts == 1:
        return [[whole]]
    at = [i for i in range(len(whole)) if whole.startswith(between, i)]
    return [[whole[:i], *rest] for i in at for rest in _cuts(whole[i + len(between) :], between, parts - 1)]


def _changed(was: str, now: str) -> float:
    """Characters that go and come where one stretch is written anew; half of one more where any do."""
    shorter = min(len(was), len(now))
    kept = 0
    for head in range(shorter + 1):
        if was[:head] == now[:head]:
            tails = [tail for tail in range(shorter + 1 - head) if was[len(was) - tail :] == now[len(now) - tail :]]
            kept = max(kept, head + max(tails))
    changed = len(was) + len(now) - 2 * kept
    return changed + 0.5 * (changed > 0)


def test_a_long_conversation_is_cut_at_once() -> None:
    turns = [f"Turn {i}.\n" + "\n".join(f"Line {k} of {i}." for k in range(40)) for i in range(20)]
    fields = chat(*turns)
    edited = joined(fields).replace("Line 7 of 3.", "Line 7 of 3, edited.\nAnd more.").replace("Turn 12.", "")
    texts = found(fields, edited)
    assert texts[3] == turns[3].replace("Line 7 of 3.", "Line 7 of 3, edited.\nAnd more.")
    assert texts[12] == turns[12].removeprefix("Turn 12.")
    assert [t for i, t in enumerate(texts) if i not in (3, 12)] == [t for i, t in enumerate(turns) if i not in (3, 12)]
