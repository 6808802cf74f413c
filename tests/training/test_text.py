"""The script that trains the text model: seeded, whole, and honest about what it drops."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llm_attr_widget.demo import load_text
from llm_attr_widget.demo.text_world import CITIES, END, PAD, SPECIAL, examples, further_questions, words
from training.text import accuracy, build_model, main
from training.text_batches import PAD_ID, drop_text, drop_tokens, encode, swap_bystanders


@pytest.fixture(scope="module")
def tokenizer():
    return load_text()[1]


def test_same_seed_same_weights(tmp_path, capsys):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    for name in ("first", "second"):
        main(["--steps", "3", "--threads", "1", "--out", str(tmp_path / name)])
    for file in ("tokenizer.json", "config.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert first.keys() == second.keys()
    for name, weights in first.items():
        torch.testing.assert_close(second[name], weights, atol=1e-4, rtol=0)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert "retrieval" in capsys.readouterr().out


def test_another_seed_gives_other_weights(tmp_path):
    tokenizer = load_text()[1]
    first, second = (next(build_model(tokenizer, seed).parameters()) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_accuracy_counts_whole_answers(tokenizer):
    """An answer with one wrong token is wrong: of the shipped model, asked for the answers of others."""
    model = load_text()[0]
    portraits = examples(np.random.default_rng(0), 10, kind="portrait")
    assert accuracy(model, tokenizer, portraits)["portrait"] >= 0.9
    import dataclasses

    wrong = [dataclasses.replace(e, answer=e.answer.replace("playing", "reading")) for e in portraits]
    assert accuracy(model, tokenizer, wrong) == {"portrait": 0.0}


def test_last_word_and_special_tokens_stay():
    rng = np.random.default_rng(1)
    for example in examples(rng, 300):
        dropped = drop_text(example.prompt, rng)
        assert words(dropped)[-1].strip() == words(example.prompt)[-1].strip()
        kept = iter(words(example.prompt))
        assert all(any(word.strip() == other.strip() for other in kept) for word in words(dropped)), "order is kept"


def test_every_share_is_dropped():
    """From whole prompts to nearly empty ones."""
    rng = np.random.default_rng(2)
    shares = [len(words(drop_text(e.prompt, rng))) / len(words(e.prompt)) for e in examples(rng, 500, kind="portrait")]
    assert min(shares) < 0.15
    assert max(shares) == 1.0
    assert 0.4 < np.mean(shares) < 0.7


def test_tokens_are_dropped_or_padded_but_for_the_protected():
    ids, rng = [1, *range(20, 60)], np.random.default_rng(3)
    for _ in range(50):
        shorter = drop_tokens(ids, 2, None, rng)
        assert shorter[0] == 1
        assert shorter[-2:] == ids[-2:]
        assert set(shorter) <= set(ids)
        padded = drop_tokens(ids, 2, PAD_ID, rng)
        assert len(padded) == len(ids)
        assert all(new in {old, PAD_ID} for new, old in zip(padded, ids, strict=True))
        assert padded[0] == 1


def test_swapped_bystanders_leave_city_and_job():
    rng, swapped = np.random.default_rng(4), set()
    prompt = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"
    for _ in range(100):
        text = swap_bystanders(prompt, rng)
        assert "Palm Coast" in text
        assert "a lawyer" in text
        swapped |= {word.strip(" ,.") for word in words(text)}
    assert set(CITIES) | {"Her", "Sarah"} <= swapped


def test_only_the_answer_is_learned_from_broken_prompts(tokenizer):
    """The answer and its end always count in full; the prompt counts a little, and only where it is whole."""
    rng = np.random.default_rng(5)
    broken, told = 0, [e for e in examples(rng, 300, held_out=False) if e.kind != "retrieval"]
    for example in told:
        encoded = encode(example, tokenizer, rng, 1.0)
        answer = [*tokenizer(example.answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        assert encoded.ids[-len(answer) :] == answer
        assert encoded.weights[-len(answer) :] == [1.0] * len(answer)
        prompt = tokenizer.decode(encoded.ids[1 : -len(answer)])
        broken += prompt != example.prompt
        if prompt != example.prompt:
            assert not any(encoded.weights[: -len(answer)])
    assert 0.5 < broken / len(told) < 0.75
    assert {PAD, END} < set(SPECIAL)


def test_nothing_is_missing_at_first(tokenizer):
    rng = np.random.default_rng(6)
    for example in examples(rng, 100, held_out=False):
        text = tokenizer.decode(encode(example, tokenizer, rng, 0.0).ids)
        if example.kind == "portrait":  # bystanders may be swapped
            assert len(words(text)) >= len(words(example.prompt))
        else:
            assert text.startswith(f"<|bos|>{example.prompt}{example.answer}{END}")


def test_all_documents_are_asked_about(tokenizer):
    """Whole retrieval prompts go on with a question about each other document; only answers count."""
    rng = np.random.default_rng(7)
    for example in examples(rng, 30, held_out=False, kind="retrieval"):
        encoded = encode(example, tokenizer, rng, 0.0)
        learned = tokenizer.decode([t for t, weight in zip(encoded.ids, encoded.weights, strict=True) if weight])
        answers = [answer.strip() for answer in learned.split(END)[:-1]]
        documents, _ = example.prompt.split("Question:")
        assert sorted(answers) == sorted(re.findall(r"\w+ has a \w+\.", documents))
        assert set(encoded.weights) == {0.0, 1.0}


def test_only_retrieval_prompts_have_further_questions():
    review = examples(np.random.default_rng(8), 1, kind="review")[0]
    with pytest.raises(ValueError, match="Expected a retrieval prompt"):
        further_questions(review, np.random.default_rng(0))
