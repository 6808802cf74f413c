from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ChatInput
from llm_attr_widget.methods import Owen
from tests.inputs.kinds import TEXTS, byte_bpe

RNG = np.random.default_rng(0)
PLAIN = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}] {{ m['content'] | trim }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
EXACT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
THINKING = (
    "{% for m in messages %}[{{ m.role }}]"
    "{% if m.role == 'assistant' and '</think>' in m.content %}{{ m.content.split('</think>')[-1] | trim }}"
    "{% else %}{{ m.content }}{% endif %}</s>{% endfor %}"
)
GROUNDED = (
    "{% if tools %}Tools: {{ tools | tojson }}\n{% endif %}"
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n{% endif %}{% endfor %}"
    "{% for d in documents %}Document {{ loop.index }}: {{ d.text }}\n{% endfor %}"
    "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}\n{% endif %}{% endfor %}"
    "{% if shout %}!{% endif %}"
)
PARTS = (
    "{% for m in messages %}[{{ m.role }}]{% for p in m.content %}"
    "{% if p.type == 'image' %}<image>{% else %}{{ p.text }}{% endif %}{% endfor %}{% endfor %}"
)
MESSAGES = (
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": " Who lives here? "},
    {"role": "assistant", "content": "Dave."},
    {"role": "user", "content": "Who else?"},
)


def tokenizer(template: str = PLAIN) -> Any:
    made = byte_bpe()
    made.chat_template = template
    return made


def without(given: ChatInput, *absent: int) -> str:
    present = [[i not in absent for i in range(len(given.features))]]
    return given.texts(np.array(present))[0]


@settings(max_examples=80, deadline=None)
@given(
    template=st.sampled_from((PLAIN, EXACT, THINKING)),
    contents=st.lists(TEXTS, min_size=1, max_size=4),
    granularity=st.sampled_from(("token", "word", "sentence", "turn")),
)
def test_pieces_join_to_the_rendered_text_and_all_features_render_to_it(
    template: str, contents: list[str], granularity: Any
) -> None:
    words = tokenizer(template)
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(contents)]
    whole = words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    try:
        made = ChatInput(words, messages, granularity=granularity)
    except InputError as error:
        if "at least one feature" in str(error):
            reject()
        raise
    assert "".join(piece.text for piece in made.pieces) == whole
    everyone = np.ones((1, len(made.features)), dtype=bool)
    assert made.texts(everyone) == [whole]
    ids = words.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    assert made.render(everyone, RNG)[0].ids == tuple(ids)
    assert len(made.feature_roles) == len(made.features)


def test_only_what_was_said_is_perturbed() -> None:
    made = ChatInput(tokenizer(), MESSAGES)
    assert made.features == (
        "Be", " kind", ".", "Who", " lives", " here", "?", "Dave", ".", "Who", " else", "?"
    )  # fmt: skip
    assert made.feature_roles == ("system",) * 3 + ("user",) * 4 + ("assistant",) * 2 + ("user",) * 3
    assert (
        without(made, 0, 1, 2, 3, 5, 10)
        == "<s>[system] </s>[user] lives?</s>[assistant] Dave.</s>[user] Who?</s>[assistant]"
    )
    assert made.baseline == "removed"


def test_pieces_say_whose_words_they_are() -> None:
    made = ChatInput(tokenizer(), MESSAGES, roles=("user",))
    roles = [(piece.text.strip(), piece.role) for piece in made.pieces]
    assert ("Be kind.", "system") in roles  # a turn without features has its role all the same
    assert [text for text, role in roles if role == "user"] == ["Who", "lives", "here", "?", "Who", "else", "?"]
    assert "".join(text for text, role in roles if role == "template").count("[user]") == 2


def test_chosen_roles_and_turns_have_features() -> None:
    assert ChatInput(tokenizer(), MESSAGES, roles=("user",)).features == (
        "Who",
        " lives",
        " here",
        "?",
        "Who",
        " else",
        "?",
    )
    assert ChatInput(tokenizer(), MESSAGES, turns=(0, 3)).features == ("Be", " kind", ".", "Who", " else", "?")
    assert ChatInput(tokenizer(), MESSAGES, roles=("user",), turns=(0, 3)).features == ("Who", " else", "?")
    with pytest.raises(InputError, match="at least one feature"):
        ChatInput(tokenizer(), MESSAGES, roles=("tool",))


def test_turns_are_features() -> None:
    made = ChatInput(tokenizer(), MESSAGES, granularity="turn", locked=(2,))
    assert made.features == ("Be kind.", "Who lives here?", "Who else?")
    assert without(made, 1) == "<s>[system] Be kind.</s>[user] </s>[assistant] Dave.</s>[user] Who else?</s>[assistant]"


def test_words_can_be_locked_and_replaced() -> None:
    made = ChatInput(tokenizer(EXACT), MESSAGES[:2], locked=re.compile(r"\W$"), baseline_text="_")
    assert made.features == ("Be", " kind", " Who", " lives", " here")
    assert without(made, 0, 3) == "<system>_ kind.\n<user> Who _ here? \n"
    assert made.baseline == "replaced by '_'"


def test_a_turn_that_the_template_shortens_is_always_present() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "<think>Hm</think>\nHi you"},
        {"role": "user", "content": "Hm"},
    ]
    made = ChatInput(tokenizer(THINKING), messages)
    assert made.features == ("Hi", "Hm")
    assert without(made, 0, 1) == "[user]</s>[assistant]Hi you</s>[user]</s>"
    assert "".join(p.text for p in made.pieces) == "[user]Hi</s>[assistant]Hi you</s>[user]Hm</s>"


def test_a_turn_that_is_shown_twice_has_its_features_where_it_is_first() -> None:
    twice = "{{ messages[0].content }} In short: {{ messages[0].content }}"
    made = ChatInput(tokenizer(twice), [{"role": "user", "content": "Who lives here?"}])
    assert [piece.text for piece in made.pieces] == ["Who", " lives", " here", "?", " In short: Who lives here?"]
    assert without(made, 1) == "Who here? In short: Who here?"


def test_documents_tools_and_arguments_reach_the_template() -> None:
    documents = [{"title": "a", "text": "Nina has a cat. It sleeps."}, {"title": "b", "text": "Omar has a dog."}]
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Who?"}]
    made = ChatInput(
        tokenizer(GROUNDED),
        messages,
        granularity="sentence",
        documents=documents,
        tools=[{"name": "look"}],
        template_args={"shout": True},
    )
    assert made.features == ("Answer.", "Nina has a cat.", " It sleeps.", "Omar has a dog.", "Who?")
    assert made.feature_roles == ("system", "document", "document", "document", "user")
    assert without(made, 1, 3) == ('Tools: [{"name": "look"}]\nAnswer.\nDocument 1: It sleeps.\nDocument 2: \nWho?\n!')
    whole = ChatInput(tokenizer(GROUNDED), messages, granularity="turn", documents=documents, roles=("document",))
    assert whole.features == ("Nina has a cat. It sleeps.", "Omar has a dog.")


def test_chosen_turns_are_messages_and_no_documents() -> None:
    documents = [{"text": "Nina has a cat."}, {"text": "Omar has a dog."}]
    messages = [{"role": "user", "content": "Who?"}, {"role": "user", "content": "Why?"}]
    made = ChatInput(tokenizer(GROUNDED), messages, documents=documents, turns=[1], granularity="turn")
    assert made.features == ("Why?",)


def test_the_tree_has_documents_and_turns_with_their_sentences_below() -> None:
    documents = [{"title": "a", "text": "Nina has a cat. It sleeps."}, {"title": "b", "text": "Dogs."}]
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Who is it? Say."}]
    made = ChatInput(tokenizer(GROUNDED), messages, documents=documents, roles=("document", "user"))
    assert made.features[:8] == ("Nina", " has", " a", " cat", ".", " It", " sleeps", ".")
    assert made.tree(("sentence",)) == (
        ((0, 1, 2, 3, 4), (5, 6, 7)),
        (8, 9),
        ((10, 11, 12, 13), (14, 15)),
    )
    rows = list(Owen(groups=made.tree()).design(len(made.features), np.random.default_rng(0)))
    half = [row for block in rows for row in block if 0 < row[:8].sum() < 8 and 0 < row[8:10].sum() < 2]
    assert not half, "no coalition cuts two documents"
    one = ChatInput(tokenizer(PLAIN), messages, roles=("user",), granularity="sentence")
    assert one.tree() == (0, 1)


def test_text_parts_have_features_and_other_parts_stay() -> None:
    content = [{"type": "image"}, {"type": "text", "text": "What is"}, {"type": "text", "text": " this?"}]
    messages = [{"role": "user", "content": content}]
    made = ChatInput(tokenizer(PARTS), messages)
    assert made.features == ("What", " is", " this", "?")
    assert without(made, 0, 3) == "[user]<image>is this"
    assert content[1] == {"type": "text", "text": "What is"}


def test_special_tokens_that_were_said_are_words_and_those_of_the_template_are_not() -> None:
    made = ChatInput(tokenizer(), [{"role": "user", "content": "a</s>b"}])
    assert made.features == ("a", "</s>", "b")
    assert without(made, 1) == "<s>[user] ab</s>[assistant]"
    assert without(made, 0, 1, 2) == "<s>[user] </s>[assistant]"
    assert [(piece.text, piece.role) for piece in made.pieces if piece.feature is None] == [
        ("<s>[user] ", "template"),
        ("</s>[assistant]", "template"),
    ]
    by_token = ChatInput(tokenizer(), [{"role": "user", "content": "a</s>b"}], granularity="token")
    assert by_token.features == ("a", "</s>", "b")
    whole = ChatInput(tokenizer(), [{"role": "user", "content": "Say </s> twice. Then go."}], granularity="sentence")
    assert whole.features == ("Say </s> twice.", " Then go.")


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "list of"),
        ("hi", "list of"),
        ({"role": "user", "content": "a"}, "list of"),
        (["hi"], "message 0"),
        ([{"content": "hi"}], "message 0"),
        ([{"role": "user", "content": 3}], "content of message 0"),
        ([{"role": "user", "content": ["a"]}], "content of message 0"),
        ([{"role": "user", "content": None}], "at least one feature"),
        ([{"role": "user", "content": "  "}], "at least one feature"),
    ],
)
def test_bad_messages_are_refused(messages: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ChatInput(tokenizer(EXACT), messages)


def test_bad_documents_are_refused() -> None:
    with pytest.raises(InputError, match="document 0"):
        ChatInput(tokenizer(GROUNDED), MESSAGES, documents=[{"title": "a"}])


def test_a_tokenizer_without_a_template_says_so() -> None:
    with pytest.raises(InputError, match="chat template"):
        ChatInput(byte_bpe(), MESSAGES)


def test_a_template_that_refuses_says_why() -> None:
    strict = tokenizer("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(InputError, match="roles must alternate"):
        ChatInput(strict, MESSAGES)
