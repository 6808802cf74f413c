"""Bad input through the front door: what was expected, what came, what to do; and the model is left as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from llm_attr_widget import Interrupted, attribute, run
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import AttributionError, InputError, MethodError, ScoreError, TargetError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.inputs import TextInput
from llm_attr_widget.models.function import TableModel
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Prompt
from tests.models.huggingface.families import build
from tests.models.huggingface.test_left_as_found import _assert_same, _state
from tests.support import BitsInput

PROMPT = "Anna lives in Oslo, Tom lives in Rome. Tom lives in"
TARGET = " Rome, and"


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    return load_text()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"prompt": ""}, InputError, "at least one feature"),
        ({"prompt": " \n"}, InputError, "at least one feature"),
        ({"prompt": "<|user|><|assistant|>"}, InputError, "at least one feature"),
        ({"prompt": 7}, InputError, "Expected a prompt as text.*got int"),
        ({"target": ""}, TargetError, "at least one target token, got none"),
        ({"target": []}, TargetError, "at least one target token, got none"),
        ({"against": ""}, TargetError, "at least one target token, got none"),
        ({"target": [3, 10**6]}, TargetError, "1000000 is outside the model's vocabulary of 898"),
        ({"target": [-1]}, TargetError, "-1 is outside"),
        ({"prompt": "word " * 1100}, TargetError, r"positions, but the model has 1024\. Shorten"),
        ({"target": " Rome" * 1100}, TargetError, r"positions, but the model has 1024\. Shorten"),
        ({"budget": 5}, MethodError, r"budget of 5 model calls is too small for 13 features.*at least 26"),
        ({"budget": 0, "method": "lime"}, MethodError, "budget of 0"),
        ({"budget": -3, "method": "owen"}, MethodError, "budget of -3"),
        ({"budget": 0, "method": "layer_integrated_gradients"}, MethodError, "at least 1 steps.*got steps=0"),
        ({"budget": 100.5}, MethodError, "whole number of model calls, got budget=100.5"),
        ({"method": "shaply"}, MethodError, "among 'shapley', .*got 'shaply'"),
        ({"value": "logit"}, TargetError, "got 'logit'"),
        ({"granularity": "letter"}, InputError, "got 'letter'"),
        ({"trials": 0}, MethodError, "at least one trial"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, dict) else "",
)
def test_it_is_said(demo: tuple[Any, Any], options: dict[str, Any], error: type[Exception], said: str) -> None:
    before = _state(demo[0])
    with pytest.raises(error, match=re.compile(said, re.DOTALL)) as caught:
        attribute(*demo, **{"prompt": PROMPT, "target": TARGET, "progress": False, **options})
    assert isinstance(caught.value, AttributionError)
    _assert_same(before, _state(demo[0]))


def test_zero_features(demo: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="2 of them locked"):
        TextInput(demo[1], "Tom lives", locked=[0, 1])
    model = TableModel(lambda *_: [0.0])
    for method in ("kernel_shap", "leave_one_out", "permutation_shapley", "owen", "banzhaf", "lime", "sparse"):
        with pytest.raises(MethodError, match="0 features"):
            attribute(model, None, BitsInput(0), Target((0,), ("a",)), method=method, progress=False)


@pytest.mark.parametrize("target", [" Rome", None], ids=["given", "written by the model"])
def test_a_tokenizer_that_does_not_fit_the_model(demo: tuple[Any, Any], target: str | None) -> None:
    with pytest.raises((InputError, TargetError), match="outside the model's vocabulary of 97"):
        attribute(build("gpt2"), demo[1], PROMPT, target, progress=False)


def test_the_model_writes_no_more_than_it_has_positions_for(demo: tuple[Any, Any]) -> None:
    model, tokenizer = demo
    prompt = "Tom lives in Rome. " * 400
    ids = tokenizer(prompt)["input_ids"][:1020]
    model_only = HuggingFaceModel(model, tokenizer)
    written = model_only.generate(Prompt(tuple(ids)), max_new_tokens=64, options={"min_new_tokens": 5})
    assert len(written) == 5
    assert np.isfinite(next(iter(model_only.score([Prompt(tuple(ids))], written))).log_probs).all()


def test_a_prompt_too_long_to_write_after(demo: tuple[Any, Any]) -> None:
    with pytest.raises((InputError, TargetError), match="the model has 1024"):
        attribute(*demo, "word " * 1100, progress=False)


def test_nan_from_the_model(demo: tuple[Any, Any]) -> None:
    model, _ = load_text()
    with torch.no_grad():
        model.lm_head.weight[:] = float("nan")
    with pytest.raises(ScoreError, match=r"NaN.*float16 overflows"):
        attribute(model, demo[1], PROMPT, TARGET, progress=False)


METHODS = ["kernel_shap", "leave_one_out", "layer_integrated_gradients", "layer_gradient_shap"]


def mixed() -> Any:
    """In training mode but for one part, with a gradient and a frozen weight, as someone may have left it."""
    model = load_text()[0].train()
    next(iter(model.children())).eval()
    next(model.parameters()).requires_grad_(False)
    return model


def ended(model: Any, tokenizer: Any, method: str, end: str) -> None:
    if end == "finished":
        attribute(model, tokenizer, PROMPT, TARGET, method=method, progress=False)
    elif end == "stopped":
        answers = iter([False, False])
        *_, last = run(model, tokenizer, PROMPT, TARGET, method=method, cancelled=lambda: next(answers, True))
        assert last.phase in ("stopped", "finished")
    elif end == "left":
        events = run(model, tokenizer, PROMPT, TARGET, method=method)
        next(events), next(events)
        events.close()
    else:
        with pytest.raises((OverflowError, Interrupted)):
            attribute(model, tokenizer, PROMPT, TARGET, method=method, progress=False)


@pytest.mark.parametrize("end", ["finished", "stopped", "left", "failed"])
@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_left_changed(demo: tuple[Any, Any], method: str, end: str) -> None:
    model = mixed()
    before = _state(model)
    forward: Callable[..., Any] = model.forward
    if end == "failed":
        calls = iter(range(100))

        def broken(*arguments: Any, **named: Any) -> Any:
            if next(calls) == 2:
                raise OverflowError("in the middle")
            return forward(*arguments, **named)

        model.forward = broken
    try:
        ended(model, demo[1], method, end)
    finally:
        vars(model).pop("forward", None)
    _assert_same(before, _state(model))
    assert np.isfinite(attribute(model, demo[1], PROMPT, TARGET, method="leave_one_out", progress=False).values).all()
