"""Ropes whose factors depend on a pass's longest row: each token of a target is read under those of its own length."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.rope import Ropes, fresh_ropes, ropes_of
from llm_attr_widget.models.huggingface.scoring import Part, parts
from llm_attr_widget.types import Line, Prompt
from tests.models.asked import NATS, TARGET, Tokenizer, ask, prompts
from tests.models.huggingface.families import GROUPED, loud
from tests.models.huggingface.reference import by_hand

SCORINGS = ("one_pass", "stepwise")
SHORT, LONG = [1.0] * 4, [3.0, 5.0, 7.0, 9.0]
LONGROPE = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": SHORT, "long_factor": LONG}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
FULL = {"rope_type": "default", "rope_theta": 1e4}


def _phi3(original):
    rope = {**LONGROPE, "original_max_position_embeddings": original}
    return tf.Phi3ForCausalLM(tf.Phi3Config(**GROUPED, rope_parameters=rope, original_max_position_embeddings=original))


def _llama(original):
    rope = {**LONGROPE, "original_max_position_embeddings": original}
    return tf.LlamaForCausalLM(tf.LlamaConfig(**GROUPED, rope_parameters=rope))


def _phimoe(original):
    mscale = {"short_mscale": 1.0, "long_mscale": 1.4}
    rope = {**LONGROPE, **mscale, "original_max_position_embeddings": original}
    config = {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}
    return tf.PhimoeForCausalLM(tf.PhimoeConfig(**GROUPED, **config, rope_parameters=rope))


def _dynamic(original):
    config = {**GROUPED, "max_position_embeddings": original}
    return tf.LlamaForCausalLM(tf.LlamaConfig(**config, rope_parameters=dict(DYNAMIC)))


def _nested(rope, positions):
    def make(original):
        config = {**GROUPED, "max_position_embeddings": positions or original}
        parameters = {"full_attention": {**rope, "original_max_position_embeddings": original}}
        return tf.Gemma3ForCausalLM(
            tf.Gemma3TextConfig(
                **config,
                head_dim=8,
                sliding_window=8,
                query_pre_attn_scalar=8,
                layer_types=["sliding_attention", "full_attention"],
                rope_parameters={**parameters, "sliding_attention": dict(FULL)},
            )
        )

    return make


MODELS = {
    "phi3": _phi3,
    "llama, longrope": _llama,
    "phimoe": _phimoe,
    "llama, dynamic": _dynamic,
    "gemma3, longrope in one type of layer": _nested(LONGROPE, 160),
    "gemma3, dynamic in one type of layer": _nested(DYNAMIC, None),
}


def truth_of(model, asked, target=TARGET):
    """By hand, by a copy that has read nothing before each token: what a dynamic rope read earlier would show."""
    scores = [
        [by_hand(copy.deepcopy(model), (*p.ids, *target[:k]), [token])[0] for k, token in enumerate(target)]
        for p in asked
    ]
    return np.array(scores)


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("original", [7, 12, 100])
@pytest.mark.parametrize("name", MODELS)
def test_prompts_on_both_sides_of_the_switch(name, original, scoring):
    model, asked = loud(MODELS[name](original)), prompts(10, 20)
    truth = truth_of(model, asked)
    scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring)
    for chosen in (range(10), [3], range(9, -1, -1)):
        scores = ask(scorer, [asked[index] for index in chosen])
        np.testing.assert_allclose(scores, truth[list(chosen)], atol=NATS, rtol=0)


@pytest.mark.parametrize("name", ["phi3", "llama, dynamic"])
def test_the_switch_shows_in_these_models(name):
    """Else the tests above would see nothing."""
    short, long = (truth_of(loud(MODELS[name](original)), prompts(2, 20)) for original in (100, 7))
    assert np.abs(short - long).max() > 0.05


def test_short_prompts_are_still_one_tree():
    model, asked, rows = loud(_phi3(100)), prompts(12, 20), []
    ask(HuggingFaceModel(model, Tokenizer()), asked)
    model.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    ask(HuggingFaceModel(model, Tokenizer()), asked)
    assert rows[0] == 1


@pytest.mark.parametrize("name", ["phi3", "llama, dynamic"])
@pytest.mark.parametrize("original", [4, 5, 6, 20])
def test_gradients_on_both_sides_of_the_switch(name, original):
    model = loud(MODELS[name](original))
    line = Line(Prompt((1, 9, 9, 9, 9)), Prompt((1, 5, 6, 7, 8)))
    shares = [0.25, 0.75]
    parts = list(HuggingFaceModel(model, Tokenizer()).slopes(line, shares, TARGET, np.eye(len(TARGET))))
    found = np.concatenate([part.values for part in parts])
    said = np.concatenate([part.log_probs for part in parts])
    for row, share in enumerate(shares):
        for k in range(len(TARGET)):
            log_prob, right = _slope_by_hand(copy.deepcopy(model), line, share, k)
            assert said[row, k] == pytest.approx(log_prob, abs=NATS)
            np.testing.assert_allclose(found[row, k, : len(right)], right, atol=1e-4)


def _slope_by_hand(model, line, share, k):
    """Of the embeddings' way from start to end, for target token k: its log-prob, and slopes for each position."""
    embed = model.get_input_embeddings()
    start, end = (embed(torch.tensor([[*p.ids, *TARGET[:k]]])).detach() for p in (line.start, line.end))
    point = (start + share * (end - start)).requires_grad_()
    log_prob = model(inputs_embeds=point).logits[0, -1].log_softmax(-1)[TARGET[k]]
    log_prob.backward()
    return float(log_prob.detach()), (point.grad * (end - start)).sum(-1)[0].numpy()


@pytest.mark.parametrize(
    ("config", "ropes"),
    [
        (tf.LlamaConfig(**GROUPED), Ropes()),
        (_phi3(7).config, Ropes((7,))),
        (_llama(9).config, Ropes((9,))),
        (_dynamic(9).config, Ropes((), 9)),
        (_nested(LONGROPE, 160)(11).config, Ropes((11,))),
        (_nested(DYNAMIC, None)(11).config, Ropes((), 11)),
        (None, Ropes()),
    ],
)
def test_where_factors_change_is_read_off_the_configuration(config, ropes):
    assert ropes_of(config) == ropes


def test_the_old_names_of_longrope_are_known():
    class Old:
        max_position_embeddings = 131072
        original_max_position_embeddings = 4096
        rope_scaling = {"type": "su", "short_factor": SHORT, "long_factor": LONG}  # noqa: RUF012

    assert ropes_of(Old()) == Ropes((4096,))


def test_a_rope_of_one_type_of_layer_knows_its_own_length_best():
    class Nested:
        max_position_embeddings = 131072
        original_max_position_embeddings = 4096
        rope_parameters = {"full_attention": {**LONGROPE, "original_max_position_embeddings": 2048}}  # noqa: RUF012

    assert ropes_of(Nested()) == Ropes((2048,))


def test_lengths_with_the_same_factors_have_one_regime():
    both = Ropes((4, 8), 10)
    assert [both.regime(n) for n in (1, 4, 5, 8, 9, 10, 11, 12)] == [
        *[(0, 0)] * 2,
        *[(1, 0)] * 2,
        *[(2, 0)] * 2,
        (2, 11),
        (2, 12),
    ]
    assert Ropes().constant
    assert not Ropes((4,)).constant
    assert not Ropes((), 4).constant


def test_what_shares_a_pass():
    anatomy = look_at(_phi3(7), Tokenizer())
    asked = [Prompt((5,) * n) for n in (2, 4, 6, 8, 6)]
    assert parts(anatomy, asked, TARGET) == [
        Part([2, 4], range(2), (0, 0)),
        Part([0, 1], range(4), (0, 0)),
        Part([3], range(4), (1, 0)),
        Part([2, 4], range(2, 4), (1, 0)),
    ]


@pytest.mark.parametrize("read", [0, 12])
@pytest.mark.parametrize("name", MODELS)
def test_ropes_are_left_as_they_were(name, read):
    model = loud(MODELS[name](7))
    if read:
        model(torch.tensor([[5] * read]))  # a rope that has read a long row remembers more
    modules = [module for module in model.modules() if hasattr(module, "rope_type")]
    before = [(dict(vars(m)), {k: (b, b.clone()) for k, b in m.named_buffers(recurse=False)}) for m in modules]
    for scoring in SCORINGS:
        ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), prompts(4, 20))
    for module, (attributes, buffers) in zip(modules, before, strict=True):
        plain = {name: value for name, value in attributes.items() if not name.startswith("_")}
        assert {name: value for name, value in vars(module).items() if not name.startswith("_")} == plain
        assert dict(module.named_buffers(recurse=False)).keys() == buffers.keys()
        for name, (buffer, value) in buffers.items():
            assert getattr(module, name) is buffer
            assert torch.equal(buffer, value)


@pytest.mark.parametrize("length", [5, 7, 9])
def test_a_rope_that_has_read_a_long_row_begins_anew(length):
    model = loud(_dynamic(7))
    ids = torch.arange(5, 5 + length)[None]
    with torch.no_grad():
        fresh = model(ids).logits
        model(torch.tensor([[5] * 40]))
        with fresh_ropes(model):
            torch.testing.assert_close(model(ids).logits, fresh)
        assert length == 5 or not torch.allclose(model(ids).logits, fresh, atol=1e-3), "nothing was to be made anew"
