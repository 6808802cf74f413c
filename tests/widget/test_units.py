"""What the view puts together at a level is what a run at that level has as one feature."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from llm_attr_widget import attribute
from llm_attr_widget.inputs import ChatInput, TemplateInput, TextInput, TokenInput
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import GRANULARITIES, Granularity, Input
from llm_attr_widget.widget.frames import chart_of
from llm_attr_widget.widget.protocol import Chart, Settings
from tests.inputs.kinds import KINDS, byte_bpe, tokenizer_of
from tests.support import FunctionModel

TEXTS = {
    "latin": "Dr. Smith lives in Palm Coast, FL. He paid 3.14, e.g. in cash; so what?\n\n1. First\n2. Second: yes!",
    "chinese": "我喜欢吃饭，你好世界。你呢？2010年。",
    "japanese": "日本語を勉強する。今日は元気ですか？\nはい！",
    "thai": "ภาษาไทยง่าย สวัสดี ครับ",
    "arabic": "مرحبا بالعالم، هل أنت بخير؟ نعم.",
    "hindi": "मैं जाता हूँ। तुम कहाँ हो?",
    "emoji": "hi 👩‍👩‍👧 there. 👍🏽 ok! e\u0301a",
    "code": "def f(x):\n    return x.y + 2.5  # Dr. No\n",
    "special": "One. Two</s>three.</s> Four",
    "spaces": "  a  b \n\n c.  D ",
}
LEVELS = GRANULARITIES[1:]


def run(players: Input, target: str = "yes. No.\nWhy?") -> Chart:
    return chart_of(played(players, target), 1, Settings())


def played(players: Input, target: str = "yes.") -> Attribution:
    model = FunctionModel(lambda ids, target: [-float(len(ids))] * len(target))
    return attribute(model, tokenizer_of("byte_bpe"), players, target, method="leave_one_out", progress=False)


def grouped(chart: Chart, level: Granularity) -> list[str]:
    """Texts of what the view puts together, as js/src/data/units.ts does."""
    assert chart.units is not None
    (of,) = (units.of for units in chart.units if units.level == level)
    assert sorted(set(of)) == list(range(max(of) + 1))
    return [
        "".join(text for text, unit in zip(chart.features, of, strict=True) if unit == n) for n in range(max(of) + 1)
    ]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["byte_bpe", "bytes"])
def test_tokens_are_put_together_as_a_run_at_the_level_has_them(kind: str, level: Granularity, name: str) -> None:
    tokenizer = tokenizer_of(kind)
    chart = run(TokenInput(tokenizer, TEXTS[name]))
    starts = set(accumulate(len(piece.text) for piece in chart.pieces))
    assert grouped(chart, level) == merged(TextInput(tokenizer, TEXTS[name], granularity=level), starts)


def merged(players: TextInput, starts: set[int]) -> list[str]:
    """Texts of the features; one that begins inside a token (".\\n") is put together with the one before."""
    texts: list[str] = []
    position, whole = 0, True
    for piece in players.pieces:
        if piece.feature is not None:
            texts = [*texts, piece.text] if whole else [*texts[:-1], texts[-1] + piece.text]
        position += len(piece.text)
        whole = position in starts
    return texts


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_token_is_in_the_unit_of_its_first_letter(kind: str, level: Granularity, name: str) -> None:
    tokenizer, text = tokenizer_of(kind), TEXTS[name]
    chart = run(TokenInput(tokenizer, text))
    unit_of_letter = [
        unit for unit, piece in enumerate(TextInput(tokenizer, text, granularity=level).pieces) for _ in piece.text
    ]
    expected: list[int] = []
    found: list[int] = []
    position = 0
    assert chart.units is not None
    (of,) = (units.of for units in chart.units if units.level == level)
    for piece in chart.pieces:
        first = position + len(piece.text) - len(piece.text.lstrip())
        position += len(piece.text)
        if piece.feature is not None and piece.text.strip():
            expected.append(unit_of_letter[first])
            found.append(of[piece.feature])
    assert [a == b for a, b in pairwise(found)] == [a == b for a, b in pairwise(expected)]


def test_tokens_inside_a_character_stay_with_it() -> None:
    chart = run(TokenInput(tokenizer_of("byte_bpe"), "鮨\n鯖"))
    (of,) = (units.of for units in chart.units or () if units.level == "paragraph")
    inside = [feature for feature, text in enumerate(chart.features) if not text]
    assert len(inside) >= 4
    assert all(of[feature] == of[feature - 1] for feature in inside)
    assert set(of) == {0, 1}


CHAT = (
    {"role": "system", "content": "Be kind. Be brief"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "你好世界。Who"}, {"type": "text", "text": "lives here? Dr. No"}],
    },
    {"role": "user", "content": "And</s>who else? Yes"},
    {"role": "assistant", "content": "Dave."},
)
TEMPLATES = {
    "marked": "{% for m in messages %}[{{ m.role }}]",
    # Nothing stands between two turns: they must stay apart all the same.
    "bare": "{% for m in messages %}",
}
SAID = (
    "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}"
    "{% endfor %}"
)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    ("ran", "level"), [(a, b) for i, a in enumerate(GRANULARITIES) for b in GRANULARITIES[i + 1 :]]
)
def test_no_unit_reaches_from_one_turn_or_part_into_another(
    tmp_path: Path, ran: Granularity, level: Granularity, template: str
) -> None:
    tokenizer = byte_bpe()
    tokenizer.chat_template = TEMPLATES[template] + SAID
    result = played(ChatInput(tokenizer, CHAT, granularity=ran))
    expected = list(ChatInput(tokenizer, CHAT, granularity=level).features)
    assert grouped(chart_of(result, 1, Settings()), level) == expected
    result.save(tmp_path / "saved.npz")
    assert grouped(chart_of(Attribution.load(tmp_path / "saved.npz"), 1, Settings()), level) == expected


@pytest.mark.parametrize(("ran", "levels"), [(ran, GRANULARITIES[i + 1 :]) for i, ran in enumerate(GRANULARITIES)])
def test_levels_that_are_not_coarser_than_the_run_s_are_not_offered(ran: Granularity, levels: tuple[str, ...]) -> None:
    tokenizer = tokenizer_of("byte_bpe")
    text = "One, two. Three\nfour."
    players = TokenInput(tokenizer, text) if ran == "token" else TextInput(tokenizer, text, granularity=ran)
    assert tuple(units.level for units in run(players).units or ()) == levels


def test_slots_are_put_together_where_their_text_begins() -> None:
    template = "{who} lives in {where}. {who} is {what}"
    chart = run(
        TemplateInput(tokenizer_of("byte_bpe"), template, {"who": "Dave", "where": "Rome. Yes", "what": "old."})
    )
    assert [units.level for units in chart.units or ()] == list(LEVELS)
    assert grouped(chart, "sentence") == ["DaveRome. Yes", "old."]


def test_what_is_locked_stays_out_and_the_rest_is_put_together() -> None:
    players = TextInput(tokenizer_of("byte_bpe"), "One two. Three four.", locked=[1, 3])
    assert grouped(run(players), "sentence") == ["One.", " four."]


def test_features_without_text_are_units_of_their_own_after_the_others() -> None:
    result = played(TextInput(tokenizer_of("byte_bpe"), "One two. Three."))
    pieces = tuple(replace(piece, feature=None) if piece.feature in (0, 3) else piece for piece in result.pieces)
    found = chart_of(replace(result, pieces=pieces), 1, Settings()).units
    assert found is not None
    assert {units.level: units.of for units in found}["sentence"] == (2, 0, 0, 3, 1)


def test_the_answer_is_cut_by_the_same_rules() -> None:
    chart = run(TextInput(tokenizer_of("byte_bpe"), "Who?"), "Dr. Li said 你好。Yes.\nWhy?")
    assert chart.output_units is not None
    texts = {
        units.level: ["".join(t for t, u in zip(chart.outputs, units.of, strict=True) if u == n) for n in set(units.of)]
        for units in chart.output_units
    }
    assert texts == {
        "sentence": ["Dr. Li said 你好。", "Yes.", "\nWhy?"],
        "paragraph": ["Dr. Li said 你好。Yes.", "\nWhy?"],
    }
