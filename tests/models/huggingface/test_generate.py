"""What the model writes: greedy by default, sampling seeded, the end left out."""

from __future__ import annotations

import pytest
import torch

from llm_attr_widget.errors import CapabilityError, InputError
from llm_attr_widget.models.function import TableModel
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.asked import Tokenizer, ask, family
from tests.models.huggingface.families import ENCODER_DECODER, build

PROMPT = Prompt((5, 6, 7, 8))


@pytest.mark.parametrize("name", ["gpt2", "gemma3", "mamba", "qwen3_next", "t5", "bart"])
def test_greedy_by_default(name):
    model = family(name)[0]
    new = HuggingFaceModel(model, Tokenizer()).generate(PROMPT, max_new_tokens=4, options={})
    written = []
    for _ in range(4):
        if name in ENCODER_DECODER:
            ids = torch.tensor([[ENCODER_DECODER[name], *written]])
            logits = model(torch.tensor([PROMPT.ids]), decoder_input_ids=ids).logits
        else:
            logits = model(torch.tensor([[*PROMPT.ids, *written]])).logits
        token = int(logits[0, -1].argmax())
        if token == model.generation_config.eos_token_id:
            break
        written.append(token)
    assert new == tuple(written)


def test_sampling_follows_its_seed():
    model = HuggingFaceModel(family("gpt2")[0], Tokenizer())

    def write(seed):
        options = {"do_sample": True, "seed": seed, "temperature": 2.0}
        return model.generate(PROMPT, max_new_tokens=8, options=options)

    assert write(1) == write(1)
    assert len({write(seed) for seed in range(5)}) > 1


def test_the_end_is_left_out():
    model = build("gpt2")
    first = HuggingFaceModel(model, Tokenizer()).generate(PROMPT, max_new_tokens=3, options={})
    model.generation_config.eos_token_id = first[1]
    assert HuggingFaceModel(model, Tokenizer()).generate(PROMPT, max_new_tokens=3, options={}) == first[:1]


def test_nothing_to_write_is_said():
    with pytest.raises(InputError, match="1 or more, not 0"):
        HuggingFaceModel(family("gpt2")[0], Tokenizer()).generate(PROMPT, max_new_tokens=0, options={})


def test_a_table_answers_for_each_set_of_features():
    import numpy as np

    table = np.arange(8, dtype=np.float32).reshape(4, 2) * -1
    model = TableModel.of(table, tokens=(7, 9))
    scores = ask(model, [Prompt((5,)), Prompt((7,)), Prompt((9, 9)), Prompt((9, 5, 7))], (1, 2))
    np.testing.assert_array_equal(scores, table)
    assert [prompt.ids for prompt in model.asked] == [(5,), (7,), (9, 9), (9, 5, 7)]
    with pytest.raises(InputError, match="table of 4 rows"):
        TableModel.of(table[:3], tokens=(7, 9))


def test_a_table_writes_what_it_was_given():
    assert TableModel(lambda *_: [0.0], written=(4, 5)).generate(PROMPT, max_new_tokens=1, options={}) == (4,)
    with pytest.raises(CapabilityError, match="nothing to write"):
        TableModel(lambda *_: [0.0]).generate(PROMPT, max_new_tokens=1, options={})
