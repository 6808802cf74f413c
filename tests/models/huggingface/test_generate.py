"""What the model writes: greedy by default, sampling seeded, the end left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as tf

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


def write(options, *, name="gpt2", model=None, tokenizer=None, most=6):
    """What our model writes under these options."""
    made = HuggingFaceModel(model or family(name)[0], tokenizer or Tokenizer())
    return made.generate(PROMPT, max_new_tokens=most, options=options)


def test_a_length_among_the_options_counts_before_the_argument():
    whole = write({})
    assert len(whole) == 6
    assert write({"max_new_tokens": 3}) == whole[:3]
    assert write({"max_new_tokens": 3}, most=1) == whole[:3]
    assert write({"max_length": 6}) == whole[:2]
    assert write({"max_length": 6, "max_new_tokens": 3}) == whole[:3]
    assert write({"generation_config": tf.GenerationConfig(max_new_tokens=2)}) == whole[:2]
    assert write({"generation_config": tf.GenerationConfig(max_new_tokens=2), "max_new_tokens": 4}) == whole[:4]
    assert len(write({"max_new_tokens": 3}, name="t5")) <= 3
    for bad in (0, -1, True, "3", 2.0):
        with pytest.raises(InputError, match="max_new_tokens must be 1 or more"):
            write({"max_new_tokens": bad})
    with pytest.raises(InputError, match="max_length=4 leaves no room"):
        write({"max_length": 4})


def test_the_end_that_is_asked_for_is_left_out():
    whole = write({})
    third = whole.index(whole[2])
    for end in (whole[2], [whole[2]], torch.tensor([whole[2]]), [96, whole[2]]):
        assert write({"eos_token_id": end}) == whole[:third]
    assert write({"generation_config": tf.GenerationConfig(eos_token_id=whole[2])}) == whole[:third]
    model = build("gpt2")
    model.generation_config.eos_token_id = whole[1]
    assert write({}, model=model) == whole[: whole.index(whole[1])]
    assert write({"eos_token_id": whole[3]}, model=model) == whole[: whole.index(whole[3])]


def test_a_generation_config_is_followed_and_may_be_all_that_is_given():
    sampled = tf.GenerationConfig(do_sample=True, temperature=3.0, max_new_tokens=5)
    alike = {"do_sample": True, "temperature": 3.0, "max_new_tokens": 5, "top_k": None}
    for seed in range(3):
        assert write({"generation_config": sampled, "seed": seed, "top_k": None}) == write({**alike, "seed": seed})
    assert write(sampled) == write({"generation_config": sampled})
    beams = tf.GenerationConfig(num_beams=3, max_new_tokens=4)
    assert write({"generation_config": beams}) == write({"num_beams": 3, "max_new_tokens": 4})
    with pytest.raises(InputError, match="as a dict or a GenerationConfig, got list"):
        write(["max_new_tokens"])


def test_what_generate_refuses_is_told_in_a_sentence():
    for options in (
        {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0},
        {"no_such_argument": 1},
        {"stop_strings": ["a"]},
        {"do_sample": True, "temperature": 0.0},
        {"decoder_input_ids": torch.tensor([[1, 2]])},
    ):
        with pytest.raises(InputError, match="does not take these generation arguments") as caught:
            write(options)
        assert min(options) in str(caught.value)
    for count in (2, 5):
        with pytest.raises(InputError, match=f"num_return_sequences=1, since one target is explained, got {count}"):
            write({"num_return_sequences": count, "num_beams": 5})
    assert write({"num_return_sequences": 1}) == write({})


def test_stop_strings_end_what_is_written():
    from tests.inputs.kinds import byte_bpe

    tokenizer = byte_bpe()
    torch.manual_seed(0)
    model = tf.GPT2LMHeadModel(tf.GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, eos_token_id=1))
    options = {"do_sample": True, "seed": 3, "eos_token_id": None}
    whole = write(options, model=model, tokenizer=tokenizer, most=12)
    texts = [tokenizer.decode([i]) for i in whole]
    at = next(i for i in range(3, 12) if texts[i].isascii() and texts[i].strip() and texts[i] not in texts[:i])
    stopped = write({**options, "stop_strings": [texts[at]]}, model=model, tokenizer=tokenizer, most=12)
    assert stopped == whole[: len(stopped)]
    assert texts[at] in tokenizer.decode(stopped)
    assert texts[at] not in tokenizer.decode(stopped[:-1])


def test_sampling_leaves_the_callers_random_state():
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002 (the global state is what is looked at)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    one = write({"do_sample": True, "seed": 1})
    torch.manual_seed(6)
    assert write({"do_sample": True, "seed": 1}) == one
    torch.manual_seed(5)
    write({"do_sample": True})
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    for seed in (-1, 0.5, True, "1"):
        with pytest.raises(InputError, match="seed of generation as a whole number of at least 0"):
            write({"do_sample": True, "seed": seed})


def test_a_generate_of_another_kind_is_not_called():
    """As of nanoGPT and HookedTransformer: ids by position, no mask, no further arguments."""

    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = family("gpt2")[0]

        def forward(self, input_ids):
            return self.inner(input_ids=input_ids)

        def generate(self, idx, max_new_tokens):
            raise AssertionError("not transformers' generate")

    whole = write({})
    assert write({}, model=Own()) == whole
    assert write({"eos_token_id": whole[2]}, model=Own()) == whole[: whole.index(whole[2])]
    with pytest.raises(CapabilityError, match="num_beams"):
        write({"num_beams": 2}, model=Own())
