"""Captum's classes take the models, tokenizers and targets that `attribute` takes, and refuse others in its words."""

from __future__ import annotations

from types import SimpleNamespace

import captum.attr as ca
import numpy as np
import pytest
import torch
from transformers import BatchEncoding

from llm_attr_widget import HuggingFaceModel, TableModel, attribute
from llm_attr_widget import captum as ours
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, TargetError

PROMPT, ANSWER = "Tom lives in Rome.", " Rome, and"


@pytest.fixture(scope="module")
def demo():
    return load_text()


def perturbing(model, tokenizer):
    return ours.LLMAttribution(ca.FeatureAblation(model), tokenizer)


def descending(model, tokenizer):
    return ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, model.model.embed_tokens), tokenizer)


def pipeline(model, tokenizer):
    """What `transformers.pipeline` gives, as far as it is looked at."""
    nothing = lambda *_: None  # noqa: E731
    return SimpleNamespace(model=model, tokenizer=tokenizer, preprocess=nothing, postprocess=nothing)


def tokens(tokenizer):
    return ca.TextTokenInput(PROMPT, tokenizer, baselines=3)


DOORS = {"perturbation": perturbing, "gradients": descending}
each_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


@pytest.mark.parametrize("hold", [pipeline, HuggingFaceModel], ids=["pipeline", "scorer"])
@pytest.mark.parametrize("own", [True, False])
def test_a_pipeline_brings_its_model_and_tokenizer(demo, hold, own):
    method = ca.FeatureAblation(held := hold(*demo))
    found = ours.LLMAttribution(method, None if own else demo[1]).attribute(tokens(demo[1]), ANSWER)
    plain = perturbing(*demo).attribute(tokens(demo[1]), ANSWER)
    assert torch.allclose(found.token_attr, plain.token_attr, atol=1e-4)
    assert method.forward_func is held  # the method that was given stays as it is


def test_gradients_of_a_pipeline(demo):
    layer = demo[0].model.embed_tokens
    options = {"n_steps": 4}
    found, plain = (
        ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, layer), words).attribute(
            tokens(demo[1]), ANSWER, **options
        )
        for model, words in ((pipeline(*demo), None), demo)
    )
    assert torch.allclose(found.token_attr, plain.token_attr, atol=1e-4)


SWAPS = {
    "a name": lambda model, tok: ("gpt2", tok),
    "swapped": lambda model, tok: (tok, model),
    "two models": lambda model, tok: (model, model),
    "name of a tokenizer": lambda model, tok: (model, "gpt2"),
    "class of the model": lambda model, tok: (type(model), tok),
    "class of the tokenizer": lambda model, tok: (model, type(tok)),
    "a number": lambda model, tok: (7, tok),
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_is_no_model_or_tokenizer_is_refused_in_the_words_of_attribute(demo, swap):
    model, tokenizer = swap(*demo)
    with pytest.raises(AttributionError) as theirs:
        attribute(model, tokenizer, PROMPT, ANSWER, progress=False)
    layer = demo[0].model.embed_tokens
    for make in (
        lambda: ours.LLMAttribution(ca.FeatureAblation(model), tokenizer),
        lambda: ours.LLMGradientAttribution(ca.LayerIntegratedGradients(model, layer), tokenizer),
    ):
        with pytest.raises(type(theirs.value)) as caught:
            make()
        assert str(caught.value) == str(theirs.value)


def test_what_captum_cannot_do_without_is_asked_for(demo):
    with pytest.raises(CapabilityError, match=r"model of torch, got one over TableModel.*llm_attr_widget\.attribute"):
        perturbing(TableModel(np.zeros((2, 1), dtype=np.float32)), demo[1])
    with pytest.raises(CapabilityError, match="tokenizer after the method, got None"):
        perturbing(demo[0], None)
    with pytest.raises(CapabilityError, match="Expected a tokenizer, got the text 'gpt2'"):
        ours.RemoteLLMAttribution(ca.FeatureAblation(ours.RemoteLLMAttribution.placeholder_model), "gpt2", object())


FORMS = {
    "text": lambda ids, tok: ANSWER,
    "list": lambda ids, tok: list(ids),
    "array": lambda ids, tok: np.array(ids),
    "tensor": lambda ids, tok: torch.tensor(ids),
    "row": lambda ids, tok: torch.tensor([ids]),
    "encoding": lambda ids, tok: BatchEncoding({"input_ids": torch.tensor([ids])}),
    "tokens": lambda ids, tok: tok.convert_ids_to_tokens(ids),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_ids_in_any_form_are_one_target(demo, form):
    ids = demo[1](ANSWER, add_special_tokens=False)["input_ids"]
    assert perturbing(*demo).attribute(tokens(demo[1]), form(ids, demo[1])).target.tolist() == ids


WRONG = {
    "bytes": b" Rome",
    "a fraction": 2.5,
    "fractions": [1.5, 2.0],
    "yes": True,
    "two rows": torch.ones(2, 3, dtype=torch.long),
    "fractions in a tensor": torch.tensor([1.5]),
    "no tokens": [" no such token ", "x y"],
    "an object": {"ids": [1]},
    "empty": "",
    "no ids": [],
    "half a pair": "\ud83d",
    "outside": [10**6],
    "below": [-1],
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@each_door
def test_what_is_no_target_is_refused_in_the_words_of_attribute(demo, door, wrong):
    with pytest.raises(TargetError) as theirs:
        attribute(*demo, PROMPT, wrong, progress=False)
    with pytest.raises(TargetError) as caught:
        door(*demo).attribute(tokens(demo[1]), wrong)
    assert str(caught.value) == str(theirs.value)


class Batch(ca.TextTokenInput):
    """An input that makes two prompts at once."""

    def to_model_input(self, itp_tensor=None):
        return super().to_model_input(itp_tensor).repeat(2, 1)


def test_several_prompts_at_once_are_not_run_together(demo):
    with pytest.raises(InputError, match=r"flat sequence of token ids, got Tensor of torch\.int64 and shape"):
        perturbing(*demo).attribute(Batch(PROMPT, demo[1], baselines=3), ANSWER)
