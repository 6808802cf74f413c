"""The text model that ships is good in its world, and what it says hangs on the planted causes and on nothing else."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from llm_attr_widget.demo import TEXT_FOLDER, load_text
from llm_attr_widget.demo.text_world import END, QUICKSTART, SPECIAL, bare, examples, words

KINDS = ("portrait", "story", "review", "retrieval", "chat")
A_FEW_DOZEN = 40


@pytest.fixture(scope="module")
def shipped():
    return load_text()


@pytest.fixture(scope="module")
def model(shipped):
    return shipped[0]


@pytest.fixture(scope="module")
def tokenizer(shipped):
    return shipped[1]


def generated(model, tokenizer, prompt: str) -> str:
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    return tokenizer.decode(model.generate(ids, do_sample=False)[0, ids.shape[1] :])


def word_log_probs(model, tokenizer, prompt: str, answer: str) -> np.ndarray:
    """Natural log-prob of each word of the answer (the sum over its tokens), by teacher forcing."""
    prompt_ids = tokenizer(prompt)["input_ids"]
    pieces = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words(answer)]
    answer_ids = [token for piece in pieces for token in piece]
    assert answer_ids == tokenizer(answer, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        log_probs = model(torch.tensor([prompt_ids + answer_ids])).logits[0].log_softmax(dim=-1)
    taken = [float(log_probs[len(prompt_ids) - 1 + k, token]) for k, token in enumerate(answer_ids)]
    ends = np.cumsum([len(piece) for piece in pieces])
    return np.array([sum(taken[end - len(piece) : end]) for piece, end in zip(pieces, ends, strict=True)])


def drops(model, tokenizer, prompt: str, answer: str) -> np.ndarray:
    """`(answer words, prompt words)`: log-prob that each answer word loses when one word of the prompt is left out.

    NaN for special tokens, which are no words, and for the last word, which is always there in training.
    """
    whole, pieces = word_log_probs(model, tokenizer, prompt, answer), words(prompt)
    matrix = np.full((len(whole), len(pieces)), np.nan)
    for i, piece in enumerate(pieces[:-1]):
        if piece not in SPECIAL:
            without = "".join(pieces[:i] + pieces[i + 1 :])
            matrix[:, i] = whole - word_log_probs(model, tokenizer, without, answer)
    return matrix


def test_small_enough_to_ship():
    assert sum(file.stat().st_size for file in TEXT_FOLDER.iterdir()) <= 6_000_000


def test_loads_in_float32_and_evaluation_mode_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, _ = load_text()
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert not model.training


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_answers_are_right(model, tokenizer, kind):
    held_out = examples(np.random.default_rng(7), A_FEW_DOZEN, kind=kind)
    right = [generated(model, tokenizer, e.prompt) == e.answer + END for e in held_out]
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_planted_causes_are_what_is_missed_most(model, tokenizer, kind):
    found: list[bool] = []
    for example in examples(np.random.default_rng(8), A_FEW_DOZEN // 2, kind=kind):
        matrix = drops(model, tokenizer, example.prompt, example.answer)
        prompt, answer = ([bare(w) for w in words(text)] for text in (example.prompt, example.answer))
        for cause in example.causes:
            row = matrix[answer.index(cause.answer_word)]
            found.append(prompt[int(np.nanargmax(row))] in cause.prompt_words)
    assert np.mean(found) >= 0.9


def test_quickstart_matrix_is_clean(model, tokenizer):
    answer = " playing golf, hiking and cooking."
    assert generated(model, tokenizer, QUICKSTART) == answer + END
    matrix = drops(model, tokenizer, QUICKSTART, answer)
    prompt, said = ([bare(w) for w in words(text)] for text in (QUICKSTART, answer))
    causes = {("golf", "lawyer"), ("hiking", "Coast"), ("cooking", "lawyer")}
    for (row, column), lost in np.ndenumerate(matrix):
        if (said[row], prompt[column]) in causes:
            assert lost > 1.0, "the cause decides among four or five hobbies: about ln 4 or ln 5 nats"
        elif column < len(prompt) - 1:
            assert abs(lost) < 0.1, (said[row], prompt[column])


@pytest.mark.parametrize("kind", KINDS)
def test_nearly_empty_prompts_are_inside_its_world(model, tokenizer, kind):
    """Of a prompt's last word alone it makes an answer of the right kind, not just anything."""
    for example in examples(np.random.default_rng(9), 5, kind=kind):
        pieces = words(example.prompt)
        rest = "".join(p for i, p in enumerate(pieces) if p in SPECIAL or i == len(pieces) - 1)
        openings = {words(e.answer)[0] for e in examples(np.random.default_rng(10), 200, kind=kind)}
        said = generated(model, tokenizer, rest)
        assert said.endswith(END)
        assert words(said)[0].strip() in {opening.strip() for opening in openings}


def test_ends_by_itself(model, tokenizer):
    assert tokenizer.eos_token == END
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id


def test_padding_is_ignored(model, tokenizer):
    """A padded batch says what each prompt says alone."""
    prompts = [e.prompt for e in examples(np.random.default_rng(11), 5)]
    padded = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
    said = model.generate(padded["input_ids"], attention_mask=padded["attention_mask"], do_sample=False)
    for prompt, row in zip(prompts, said, strict=True):
        together = tokenizer.decode(row[padded["input_ids"].shape[1] :], skip_special_tokens=True)
        assert together + END == generated(model, tokenizer, prompt)


@given(st.text())
def test_any_text_comes_back_as_it_was(tokenizer, text):
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_text_is_given_back_in_every_script(tokenizer):
    for text in ("¡Olé! ", "日本語", "👩‍👩‍👧", "  two  spaces ,. n't", "\r\n\t\0", "<|user|>", "שלום"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_bos_is_added_once(tokenizer):
    ids = tokenizer("Dave")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids[1:] == tokenizer("Dave", add_special_tokens=False)["input_ids"]


def test_chat_template_makes_the_prompts_of_the_world(tokenizer):
    for example in examples(np.random.default_rng(12), 30, kind="chat"):
        messages = [dataclasses.asdict(m) for m in example.messages]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        assert ids == tokenizer(example.prompt)["input_ids"]


def test_chat_template_without_generation_prompt_ends_with_the_turn(tokenizer):
    text = tokenizer.apply_chat_template([{"role": "user", "content": " Hi "}], tokenize=False)
    assert text == "<|bos|><|user|>Hi<|end|>"
