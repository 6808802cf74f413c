"""Where sentences end: abbreviations, numbers, lists, quotes, many scripts, long texts."""

from __future__ import annotations

import pytest

from llm_attr_widget.inputs.text.cutting import boundaries, units


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith left.| He was late.",
        "I met Mr. and Mrs. Jones.| They sang.",
        "Some fruit, e.g. this apple, is red.| I like it.",
        "At 5 a.m. Mr. Green woke.| He ate.",
        "J. R. R. Tolkien wrote it.| I read it.",
        "Prof. A. Einstein and Gen. Lee met.| Fine.",
        "Apples, pears, etc. and nuts.| End.",
        "Fig. 3 shows it.| See p. 12.",
        "He lives in the U.S. and works.",
        "He lives in the U.S.| He works.",
        "It cost 3.14 dollars.| Cheap.",
        "Version 2.0.1 is out.| Use it.",
        "It was in 1999.| He left.",
        "Jan. 5 was cold.| Feb. too.",
    ],
)
def test_abbreviations_initials_and_numbers_end_nothing(text: str) -> None:
    assert_cut(text)


@pytest.mark.parametrize(
    "text",
    [
        "1. First|\n2. Second",
        "1. First item.| 2. Second item.| 3. Third.",
        "Steps: 1. Cut it.| 2. Cook it.",
        "Do this.| 1. Cut it.| 2. Cook it.",
        "A. First.| B. Second.",
        "(a) Foo.| (b) Bar.",
        "# 1. Title|\n> 2. x|\n- **3.** Yes.| No.",
        "2.1. Next thing.| Then.",
        "我喜欢。|1. 吃饭。|2. 睡觉。",
        # Numbers of no list.
        "I have 5.| You have 6.",
        "What is 1 + 3?| 4.| And 2 + 3?| 5.| Good.",
        "The answer is: 42.| Now go.",
    ],
)
def test_the_number_of_a_list_belongs_to_its_item(text: str) -> None:
    assert_cut(text)


@pytest.mark.parametrize(
    "text",
    [
        'He said: "No."| She left.',
        '"Stop!" he cried.| She ran.',
        'He said "I go. You stay."| Then left.',
        "“One. Two.”| Three.",
        "(It rained.)| We left.",
        "He left.| (She stayed.)| They slept.",
        "He left (at 5 p.m. sharp).| Then he slept.",
        "（下雨了。）|我们走了。",
        "**Bold.**| Next one.",
        "Wait... what?| Yes.",
        "I waited...| Then he came.",
        "Well… maybe.| No.",
        "What?!| No way!!| Yes.",
        "See https://a.b.com/x.html?q=1.| Then go.",
        "See https://a.b.com/x.html.| Then go.",
        "Mail me@x.org.| Thanks!",
        "😀 Hi.| 😀 Yo!| ok",
        "End.|\n\n\nNew.| \n More",
        "x = foo.bar()|\ny = 2.5",
    ],
)
def test_quotes_brackets_ellipses_addresses_emoji_and_lines(text: str) -> None:
    assert_cut(text)


@pytest.mark.parametrize(
    "text",
    [
        "我喜欢吃饭。|你呢？|好！",
        "公司于2010年成立。|2011年上市。",
        "今日は。|元気ですか？|はい！",
        "मैं जाता हूँ।| तुम कहाँ हो?| ठीक है।",
        "هل أنت بخير؟| نعم.| شكرا!",
        "وہ گیا۔| میں آیا۔",
        "Он живёт на ул. Ленина.| Он рад.",
        "И т. д. и т. п. Он рад.| А. С. Пушкин писал.",
        "Γεια σας.| Τι κάνετε;| Καλά.",
        "Բարև։| Ինչպես ես։",
        "ሰላም።| ደህና ነህ።",
        "မင်္ဂလာပါ။| နေကောင်းလား။",
        "ខ្ញុំទៅ។| អ្នក។",
        "M. Dupont est là.| Il mange.",
        "El Sr. López vino.| Comió.",
        # More than one language.
        "Он живёт на ул. Ленина.| Dr. Smith came.| 你好。|Он рад.",
    ],
)
def test_many_scripts(text: str) -> None:
    assert_cut(text)


def assert_cut(text: str) -> None:
    parts = text.split("|")
    assert list(units("".join(parts), "sentence")) == parts


def test_a_full_stop_ends_a_phrase_only_where_it_ends_the_sentence() -> None:
    assert units("Dr. Smith, e.g. this; No... So.", "phrase") == ("Dr. Smith,", " e.g. this;", " No...", " So.")


@pytest.mark.parametrize(
    "stretch", ["Dave is. ", "你好世界。", "「你好。」", "я. b. ", "1. A\n", "(a.) B. ", "\n", "a", "。", "[*"]
)
def test_long_texts_go_through_in_parts_whose_seams_do_not_show(stretch: str) -> None:
    size, times = len(stretch), 3_000
    cuts = boundaries(stretch * times, "sentence")[1:-1]
    within = {time: frozenset[int]() for time in range(times)}
    for cut in cuts:
        within[cut // size] |= {cut % size}
    assert len({within[time] for time in range(2, times - 2)}) == 1
