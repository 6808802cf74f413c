"""Where filled-in texts stand in what a template makes of them."""

from __future__ import annotations

from llm_attr_widget.inputs.text.places import Place, places


def test_texts_are_found_where_they_stand_however_often() -> None:
    whole, found = places(lambda texts: f"{texts[1]}, {texts[0]} and {texts[1]}", ["a", "bb"])
    assert whole == "bb, a and bb"
    assert found == (Place(0, 2, 1), Place(4, 5, 0), Place(10, 12, 1))


def test_a_text_behind_words_that_depend_on_another_text_is_not_guessed() -> None:
    """Behind a short name stand other words, in which a "d" stands where it would behind a long one."""
    whole, found = places(
        lambda texts: f"{texts[0]} {'and also' if len(texts[0]) < 3 else '-'} {texts[1]}", ["Hi", "d"]
    )
    assert whole == "Hi and also d"
    assert found == (Place(0, 2, 0),)
