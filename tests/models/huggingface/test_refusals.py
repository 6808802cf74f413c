"""What cannot be scored is said before the model is called: what was expected, what came, what to do."""

from __future__ import annotations

import pytest
import torch

from llm_attr_widget.errors import InputError, ScoreError, TargetError
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, family, prompts, truth_of
from tests.models.huggingface.families import VOCABULARY, build


class NoStart:
    pad_token_id = 0


@pytest.mark.parametrize(
    ("ids", "target", "error", "said"),
    [
        ((5,), (), TargetError, "target is empty"),
        ((5,), (VOCABULARY,), TargetError, f"id {VOCABULARY} is outside the model's vocabulary of {VOCABULARY}"),
        ((5,), (-1,), TargetError, "id -1"),
        ((5, VOCABULARY + 3), (5,), InputError, "tokenizer does not fit the model"),
        ((5, -2), (5,), InputError, "id -2"),
        ((5,) * 150, (5,) * 12, TargetError, "150 tokens and a target of 12 tokens need 161 positions, but .* 160"),
    ],
)
def test_bad_input_is_said_at_once(ids, target, error, said):
    model = HuggingFaceModel(family("gpt2")[0], Tokenizer())
    with pytest.raises(error, match=said):
        model.score([Prompt((5, 6)), Prompt(ids)], target)


def test_prompt_and_target_that_just_fit_are_scored():
    model = family("gpt2")[0]
    asked = [Prompt((5,) * 150), Prompt((6,) * 150)]
    scores = ask(HuggingFaceModel(model, Tokenizer()), asked, (5,) * 11)
    assert abs(scores - truth_of(model, asked, (5,) * 11)).max() < NATS


def test_encoder_and_decoder_have_positions_of_their_own():
    model = HuggingFaceModel(family("bart")[0], Tokenizer())
    assert ask(model, [Prompt((5,) * 160), Prompt((6,) * 150)], (5,) * 100).shape == (2, 100)
    with pytest.raises(TargetError, match="161 positions"):
        model.score([Prompt((5,))], (5,) * 161)


def test_an_empty_prompt_without_any_start_token():
    model = build("llama")
    model.config.bos_token_id = model.config.eos_token_id = None
    with pytest.raises(InputError, match="neither the tokenizer nor the model has a bos or eos token"):
        ask(HuggingFaceModel(model, NoStart()), [Prompt(()), Prompt((5,))])


def test_memory_that_runs_out_halves_the_batch():
    model = build("gpt2")
    sizes = []

    def tight(module, arguments, named):
        sizes.append(arguments[0].numel())
        if arguments[0].numel() > 64:
            raise torch.OutOfMemoryError("too large")

    asked = prompts(20)
    truth = truth_of(model, asked)
    model.register_forward_pre_hook(tight, with_kwargs=True)
    for scoring in ("one_pass", "stepwise"):
        scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
        assert abs(ask(scorer, asked) - truth).max() < NATS
        assert max(sizes) > 64
        sizes.clear()
        ask(scorer, asked)
        assert max(sizes) <= 64, "what was learned is forgotten"


def test_memory_that_never_suffices_is_said():
    model = build("gpt2")
    scorer = HuggingFaceModel(model, Tokenizer())
    ask(scorer, prompts(6))

    def full(*_):
        raise torch.OutOfMemoryError("full")

    model.register_forward_pre_hook(full)
    with pytest.raises(ScoreError, match="ran out of memory on the smallest batch"):
        ask(scorer, prompts(6))


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory():
    model = build("gpt2")
    scorer = HuggingFaceModel(model, Tokenizer())
    ask(scorer, prompts(6))

    def broken(*_):
        raise RuntimeError("a mistake in the model")

    model.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="a mistake in the model"):
        ask(scorer, prompts(6))


def test_target_ids_of_numpy_are_as_good():
    numpy = pytest.importorskip("numpy")
    model = family("gpt2")[0]
    asked = prompts(3)
    scores = ask(HuggingFaceModel(model, Tokenizer()), asked, numpy.array(TARGET))
    assert abs(scores - truth_of(model, asked)).max() < NATS
