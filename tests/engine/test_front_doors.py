"""`attribute`, `run` and the widget take the same kinds of arguments, and refuse others in the same words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BatchEncoding

from llm_attr_widget import AttrWidget, Separated, attribute, run
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, MethodError, TargetError
from llm_attr_widget.game.targets import Target, make_target
from llm_attr_widget.game.values import LogProb, Prob, value_alone
from llm_attr_widget.methods import METHODS, KernelShap, LeaveOneOut, PermutationShapley, make_method
from llm_attr_widget.types import LogProbs, Values

PROMPT = "Tom lives in Rome."
QUICK: dict[str, Any] = {"method": "leave_one_out"}


def named(wrong: object) -> str:
    """What a case is called: without addresses, so that workers agree on it."""
    return repr(wrong).partition(" at 0x")[0]


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    return load_text()


def by_attribute(*given: Any, **options: Any) -> Any:
    return attribute(*given, progress=False, **options)


def by_run(*given: Any, **options: Any) -> Any:
    return list(run(*given, **options))[-1].attribution


def by_widget(*given: Any, **options: Any) -> Any:
    w = AttrWidget(*given, **options)
    w.run()
    result = w.wait(60)
    assert w.status == "finished", w.progress
    return result


DOORS: tuple[Callable[..., Any], ...] = (by_attribute, by_run, by_widget)
each_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


def pipeline(model: Any, tokenizer: Any) -> Any:
    """What `transformers.pipeline` gives, as far as it is looked at."""
    nothing = lambda *_: None  # noqa: E731
    return SimpleNamespace(model=model, tokenizer=tokenizer, preprocess=nothing, postprocess=nothing, forward=nothing)


@each_door
def test_a_pipeline_brings_its_model_and_tokenizer(demo: tuple[Any, Any], door: Callable[..., Any]) -> None:
    found = door(pipeline(*demo), None, PROMPT, " Rome", **QUICK)
    np.testing.assert_allclose(found.values, by_attribute(*demo, PROMPT, " Rome", **QUICK).values, atol=1e-5)


@each_door
def test_token_ids_are_a_prompt(demo: tuple[Any, Any], door: Callable[..., Any]) -> None:
    ids = demo[1](PROMPT)["input_ids"]
    for given in (ids, np.array(ids), torch.tensor([ids]), demo[1](PROMPT)):
        found = door(*demo, given, " Rome", **QUICK)
        assert "".join(found.features) == PROMPT
        assert len(found.features) == len([i for i in ids if i not in demo[1].all_special_ids])


@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, torch.tensor, lambda ids: torch.tensor([ids]), lambda ids: [ids],
     lambda ids: {"input_ids": ids}, lambda ids: BatchEncoding({"input_ids": torch.tensor([ids])})],
    ids=["list", "tuple", "array", "tensor", "row", "list of a row", "mapping", "encoding"],
)  # fmt: skip
def test_ids_in_any_form_are_one_target(demo: tuple[Any, Any], make: Callable[[Sequence[int]], Any]) -> None:
    ids = demo[1](" Rome, and", add_special_tokens=False)["input_ids"]
    assert make_target(demo[1], make(ids)).ids == tuple(ids)
    tokens = demo[1].convert_ids_to_tokens(ids)
    assert make_target(demo[1], tokens).ids == tuple(ids)


@pytest.mark.parametrize("one", [7, np.int64(7), np.array(7), torch.tensor(7), [torch.tensor(7)]])
def test_one_id_is_a_target(demo: tuple[Any, Any], one: Any) -> None:
    assert make_target(demo[1], one).ids == (7,)


@pytest.mark.parametrize(
    "wrong",
    [b" Rome", 2.5, [1.5, 2.0], np.array([1.0]), True, [True], torch.ones(2, 3, dtype=torch.long), [[1, 2], [3, 4]],
     {1, 2}, {"ids": [1]}, [" no such token ", "x y"], object()],
    ids=named,
)  # fmt: skip
@each_door
def test_what_is_no_target_is_refused_in_the_same_words(demo: tuple[Any, Any], door: Any, wrong: Any) -> None:
    with pytest.raises(TargetError, match="Expected a target as text"):
        door(*demo, PROMPT, wrong, **QUICK)


@pytest.mark.parametrize(
    "wrong", [b"Tom", 2.5, 7, [1.5, 2.5], torch.ones(2, 3, dtype=torch.long), {"a": 1}, object()], ids=named
)
@each_door
def test_what_is_no_prompt_is_refused_in_the_same_words(demo: tuple[Any, Any], door: Any, wrong: Any) -> None:
    with pytest.raises(InputError, match=r"Expected a prompt as text"):
        door(*demo, wrong, " Rome", **QUICK)


@pytest.mark.parametrize(
    ("swap", "said"),
    [
        (lambda model, tok: ("gpt2", tok), "got the name 'gpt2'. Load it first"),
        (lambda model, tok: (tok, model), "Swap the two"),
        (lambda model, tok: (model, model), "tokenizer or processor after it, got a LlamaForCausalLM"),
        (lambda model, tok: (model, "gpt2"), "Expected a tokenizer, got the text 'gpt2'"),
        (lambda model, tok: (type(model), tok), "got the class LlamaForCausalLM"),
        (lambda model, tok: (7, tok), "got int"),
    ],
)
@each_door
def test_what_is_no_model_is_refused_in_the_same_words(demo: tuple[Any, Any], door: Any, swap: Any, said: str) -> None:
    with pytest.raises(CapabilityError, match=said):
        door(*swap(*demo), PROMPT, " Rome", **QUICK)


@each_door
def test_a_method_comes_by_name_class_or_itself(demo: tuple[Any, Any], door: Callable[..., Any]) -> None:
    for method in ("leave_one_out", LeaveOneOut, LeaveOneOut()):
        assert door(*demo, PROMPT, " Rome", method=method).method == LeaveOneOut()
    assert door(*demo, PROMPT, " Rome", method=KernelShap, budget=20).method == KernelShap(budget=20)
    assert door(*demo, PROMPT, " Rome", method=PermutationShapley(budget=30)).method == PermutationShapley(budget=30)


@pytest.mark.parametrize(
    ("method", "said"),
    [("kernel_shp", "Did you mean 'kernel_shap'"), (7, "got 7"), (dict, "class 'dict'"), (None, "got None")],
)
@each_door
def test_what_is_no_method_is_refused(demo: tuple[Any, Any], door: Any, method: Any, said: str) -> None:
    with pytest.raises(AttributionError, match=said):
        door(*demo, PROMPT, " Rome", method=method) if door is not by_widget else make_method(method)


@dataclass(frozen=True)
class Surprise:
    """A user's own value function: minus the log-prob of the last token, as the only output."""

    label: str = "surprise"
    unit: str = "nats"

    def outputs(self, targets: Sequence[Target]) -> tuple[str, ...]:
        return (targets[0].texts[-1],)

    def __call__(self, log_probs: LogProbs) -> Values:
        last = -np.asarray(log_probs, dtype=np.float64)[:, -1]
        return np.column_stack([last, last])


@each_door
def test_a_value_function_of_ones_own(demo: tuple[Any, Any], door: Callable[..., Any]) -> None:
    plain = by_attribute(*demo, PROMPT, " Rome.", **QUICK)
    for value in (Surprise(), Surprise, lambda log_probs: -log_probs[:, -1]):
        found = door(*demo, PROMPT, " Rome.", value=value, **QUICK)
        np.testing.assert_allclose(found.values[0], -plain.values[-1], atol=1e-4)
    named = door(*demo, PROMPT, " Rome.", value=Surprise(), **QUICK)
    assert (named.value, named.unit, named.outputs) == (Surprise(), "nats", (plain.outputs[-1],))


def test_values_by_name_class_or_themselves() -> None:
    assert value_alone("prob") == value_alone(Prob) == value_alone(Prob()) == Prob()


def test_a_contrast_takes_the_log_prob_in_any_form(demo: tuple[Any, Any]) -> None:
    for value in ("log_prob", LogProb, LogProb()):
        assert (
            by_attribute(*demo, PROMPT, " Rome", against=" Oslo", value=value, **QUICK).value.label
            == "log-prob difference"
        )
    with pytest.raises(TargetError, match="A contrast explains log-probs"):
        by_attribute(*demo, PROMPT, " Rome", against=" Oslo", value=Surprise(), **QUICK)


def test_the_widget_stops_early_and_resumes(demo: tuple[Any, Any]) -> None:
    first = by_attribute(*demo, PROMPT, " Rome", method="permutation_shapley", budget=40)
    again = by_widget(*demo, PROMPT, " Rome", method="permutation_shapley", budget=40, resume=first.ledger)
    assert again.provenance.scored == 0
    np.testing.assert_allclose(again.values, first.values, atol=1e-6)
    rule = Separated(top=1, confidence=0.5)
    early = by_widget(*demo, PROMPT, " Rome", method="permutation_shapley", budget=4000, stop_when=rule)
    assert early.provenance.stop_when == str(rule)
    with pytest.raises(MethodError, match="stop_when=Separated"):
        AttrWidget(*demo, PROMPT, stop_when=0.1)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize("door", [attribute, run, AttrWidget], ids=lambda door: door.__name__)
def test_an_unknown_keyword_is_named_with_the_one_meant(demo: tuple[Any, Any], door: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"{door.__name__}\(\) got .* keyword argument 'metod'\. Did you mean 'method'\?"
    ):
        door(*demo, PROMPT, metod="shapley")
    with pytest.raises(TypeError, match=r"'n_samples'\. Did you mean 'budget'"):
        door(*demo, PROMPT, n_samples=100)
    with pytest.raises(TypeError, match=r"'zzz'\. It takes model, tokenizer"):
        door(*demo, PROMPT, zzz=100)


def test_the_table_of_methods_says_what_each_is() -> None:
    assert METHODS["shapley"].label == "Shapley value"
    for name, entry in METHODS.items():
        assert entry.name == name
        assert entry.cost
        assert entry.when.endswith(".")
        assert entry.about.endswith(".")
        made = make_method(name)
        assert ("does not add up" not in entry.promises) == made.adds_up
    with pytest.raises(KeyError):
        METHODS["shapely"]
