"""Other words in a feature's place: as if the prompt had been written so."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput, TextInput, TokenInput
from llm_attr_widget.inputs.changed.reworded import reworded
from tests.support import BitsInput

TEXT = "Dave lives in Palm Coast and is a lawyer."


def ids(given: object, absent: tuple[int, ...] = ()) -> tuple[int, ...]:
    row = np.ones((1, len(given.features)), dtype=bool)  # type: ignore[attr-defined]
    row[0, list(absent)] = False
    return given.render(row, np.random.default_rng(0))[0].ids  # type: ignore[attr-defined]


def test_a_text_reads_as_if_it_had_been_written_so() -> None:
    tok = load_text()[1]
    given = TextInput(tok, TEXT)
    at = given.features.index(" lawyer")
    other = reworded(given, {at: " teacher of maths", 0: "Anna"})
    assert other.features[at] == " teacher of maths"
    assert "".join(piece.text for piece in other.pieces) == "Anna lives in Palm Coast and is a teacher of maths."
    assert ids(other) == ids(TextInput(tok, "Anna lives in Palm Coast and is a teacher of maths."))
    assert ids(other, (0,)) == ids(TextInput(tok, "lives in Palm Coast and is a teacher of maths."))
    assert given.features[at] == " lawyer"


def test_tokens_are_replaced_by_the_tokens_of_the_words() -> None:
    tok = load_text()[1]
    given = TokenInput(tok, TEXT)
    at = given.features.index(" Palm")
    other = reworded(given, {at: "Salem"})
    salem = tok(" Salem", add_special_tokens=False)["input_ids"]
    assert list(ids(other)) == [
        i
        for piece, token in zip(given.pieces, ids(given), strict=True)
        for i in (salem if piece.feature == at else [token])
    ]
    assert other.baseline == given.baseline
    stands = TokenInput(tok, TEXT, baseline_token=None)
    with_pad = reworded(stands, {0: "Anna"})
    assert ids(with_pad, (at,)).count(tok.pad_token_id) == 1


def test_a_chat_is_rendered_with_the_new_words() -> None:
    tok = load_text()[1]
    given = ChatInput(tok, [{"role": "user", "content": TEXT}])
    at = given.features.index(" lawyer")
    other = reworded(given, {at: "teacher"})
    assert ids(other) == ids(ChatInput(tok, [{"role": "user", "content": TEXT.replace("lawyer", "teacher")}]))


def test_what_cannot_be_reworded_is_refused() -> None:
    tok = load_text()[1]
    with pytest.raises(InputError, match="words of a BitsInput cannot be replaced"):
        reworded(BitsInput(3), {0: "x"})
    with pytest.raises(InputError, match="got 99"):
        reworded(TextInput(tok, TEXT), {99: "x"})
