"""Scores equal teacher forcing written by hand, for every family and every way of scoring it."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.batching import TokenBudget
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.paths import Job, OneByOne, Padded, Refed
from llm_attr_widget.models.huggingface.stepwise import StepwiseAligned
from llm_attr_widget.models.huggingface.tree.packed import Packed, packable
from llm_attr_widget.types import Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, collect, family, prompts, truth_of
from tests.models.huggingface.families import BUILDERS


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", BUILDERS)
def test_every_family_equals_teacher_forcing(name, scoring):
    model, asked, truth = family(name)
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)


@pytest.mark.parametrize("tokens", [1, 7, 40, 10_000])
@pytest.mark.parametrize("name", [name for name in BUILDERS if packable(look_at(family(name)[0], Tokenizer()))])
def test_the_packed_tree_is_exact_wherever_it_is_cut(name, tokens):
    model, asked, truth = family(name)
    budget = TokenBudget(tokens, least=tokens, most=tokens)
    scores = collect(Packed().score(Job(look_at(model, Tokenizer()), asked, TARGET, budget)), len(asked), len(TARGET))
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)


@pytest.mark.parametrize("path", [Padded(), OneByOne(), Refed(), StepwiseAligned()], ids=lambda path: path.name)
@pytest.mark.parametrize("name", BUILDERS)
def test_the_plainer_paths_are_exact_for_every_family(name, path):
    model, asked, truth = family(name)
    job = Job(look_at(model, Tokenizer()), asked[:5], TARGET, TokenBudget(100, least=100, most=100))
    np.testing.assert_allclose(collect(path.score(job), 5, len(TARGET)), truth[:5], atol=NATS, rtol=0)


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", ["gpt2", "gemma3", "mamba", "t5"])
@pytest.mark.parametrize("target", [(20,), (20, 20), tuple(range(10, 50))], ids=len)
def test_targets_of_any_length(name, scoring, target):
    model, asked, _ = family(name)
    truth = truth_of(model, asked[:4], target, family=name)
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked[:4], target)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", ["llama", "mistral", "bloom", "bart"])
def test_repeated_prompts_prefixes_of_each_other_and_the_target_itself(name, scoring):
    model, asked, _ = family(name)
    long = asked[0].ids
    tricky = [asked[0], asked[0], Prompt(long[:5]), Prompt(long[:6]), Prompt((*long[:5], *TARGET)), Prompt(TARGET)]
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), tricky)
    np.testing.assert_allclose(scores, truth_of(model, tricky, family=name), atol=NATS, rtol=0)


@pytest.mark.parametrize("name", ["gpt2", "mamba"])
def test_one_prompt_alone_and_again_after_longer_ones(name):
    model, asked, truth = family(name)
    scorer = HuggingFaceModel(model, Tokenizer())
    for chosen in ([4], [3, 4, 5], [0, 1, 2, 3, 4, 5], [4]):
        scores = ask(scorer, [asked[index] for index in chosen])
        np.testing.assert_allclose(scores, truth[chosen], atol=NATS, rtol=0)


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
@pytest.mark.parametrize("name", ["gpt2", "mamba", "t5"])
def test_a_prompt_without_tokens_begins_with_the_start_token(name, scoring):
    model, asked, _ = family(name)
    scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), [Prompt(()), *asked[:3]])
    truth = truth_of(model, [Prompt((Tokenizer.bos_token_id,)), *asked[:3]], family=name)
    np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)


def test_no_prompts_give_no_batches():
    assert list(HuggingFaceModel(family("gpt2")[0], Tokenizer()).score([], TARGET)) == []


def test_many_prompts_come_in_several_batches_and_can_be_left_half_way():
    model = family("llama")[0]
    many = prompts(count=300, length=40, seed=3)
    batches = HuggingFaceModel(model, Tokenizer()).score(many, TARGET)
    first = [next(batches), next(batches)]
    batches.close()
    assert 0 < sum(len(batch.rows) for batch in first) < 300
    for batch in first:
        truth = truth_of(model, [many[row] for row in batch.rows[:3]])
        np.testing.assert_allclose(batch.log_probs[:3], truth, atol=NATS, rtol=0)
