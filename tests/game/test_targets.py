"""Targets of all kinds, through the front door: each number against logits of the model, taken by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text

PROMPT = "Anna lives in Oslo, Tom lives in Rome. Tom lives in"


@pytest.fixture(scope="module")
def demo() -> tuple[Any, Any]:
    return load_text()


def logits_after(demo: tuple[Any, Any], prompt: str, before: list[int]) -> np.ndarray:
    """Of the next token after the prompt and these target tokens, one prompt at a time, without a cache."""
    model, tokenizer = demo
    with torch.no_grad():
        return model(torch.tensor([tokenizer(prompt)["input_ids"] + before])).logits[0, -1].double().numpy()


def log_probs_of(demo: tuple[Any, Any], prompt: str, target: list[int]) -> list[float]:
    found = []
    for place, token in enumerate(target):
        logits = logits_after(demo, prompt, target[:place])
        found.append(logits[token] - np.logaddexp.reduce(logits))
    return found


def attributed(demo: tuple[Any, Any], target: Any, **options: Any) -> Any:
    return attribute(*demo, PROMPT, target, method="leave_one_out", progress=False, **options)


def ids_of(demo: tuple[Any, Any], text: str) -> list[int]:
    return list(demo[1](text, add_special_tokens=False)["input_ids"])


def test_two_tokens_contrasted_are_the_difference_of_their_logits(demo: tuple[Any, Any]) -> None:
    one, other = ids_of(demo, " Rome")[0], ids_of(demo, " Oslo")[0]
    found = attributed(demo, [one], against=[other])
    logits = logits_after(demo, PROMPT, [])
    assert found.ends[0, 0] == pytest.approx(logits[one] - logits[other], abs=1e-4)
    without = logits_after(demo, PROMPT.replace("Anna", "", 1).lstrip(), [])
    assert found.values[0, 0] == pytest.approx(logits[one] - logits[other] - (without[one] - without[other]), abs=1e-4)
    # Behind a beginning that both share, that beginning cancels out.
    start = ids_of(demo, " Rome")
    after = attributed(demo, [*start, one], against=[*start, other])
    logits = logits_after(demo, PROMPT, start)
    np.testing.assert_allclose(after.values[: len(start)], 0, atol=1e-4)
    assert after.ends[-1, 0] == pytest.approx(logits[one] - logits[other], abs=1e-4)
    assert after.sequence_ends[0] == pytest.approx(logits[one] - logits[other], abs=1e-4)


def test_continuations_of_unequal_length_are_contrasted_as_a_whole(demo: tuple[Any, Any]) -> None:
    one, other = ids_of(demo, " Rome."), ids_of(demo, " Oslo, and")
    assert len(one) != len(other)
    found = attributed(demo, " Rome.", against=" Oslo, and")
    assert found.values.shape[0] == 1
    expected = sum(log_probs_of(demo, PROMPT, one)) - sum(log_probs_of(demo, PROMPT, other))
    assert found.sequence_ends[0] == pytest.approx(expected, abs=1e-4)


def test_a_target_may_end_the_text(demo: tuple[Any, Any]) -> None:
    end = demo[1].eos_token
    ids = [*ids_of(demo, " Rome."), demo[1].eos_token_id]
    found = attributed(demo, f" Rome.{end}")
    assert found.target.ids == tuple(ids)
    assert found.outputs[-1] == end
    np.testing.assert_allclose(found.ends[:, 0], log_probs_of(demo, PROMPT, ids), atol=1e-4)
    np.testing.assert_allclose(attributed(demo, ids).values, found.values, atol=1e-4)


def test_a_target_may_be_part_of_a_character(demo: tuple[Any, Any]) -> None:
    whole = ids_of(demo, "🙂")
    assert len(whole) > 1, "the tokenizer must spread this character over several tokens"
    for ids in (whole[:1], whole[:-1], whole[1:], whole):
        found = attributed(demo, ids)
        assert found.target.ids == tuple(ids)
        assert len(found.outputs) == len(ids)
        assert "".join(found.outputs) == demo[1].decode(ids)
        np.testing.assert_allclose(found.ends[:, 0], log_probs_of(demo, PROMPT, ids), atol=1e-4)


def test_a_function_of_the_callers_explains_its_own_number(demo: tuple[Any, Any]) -> None:
    ids = ids_of(demo, " Rome, and")
    found = attributed(demo, ids, value=lambda log_probs: log_probs.min(axis=1))
    assert found.sequence_ends[0] == pytest.approx(min(log_probs_of(demo, PROMPT, ids)), abs=1e-4)


def test_spans_after_the_fact_are_those_of_a_run_of_their_own(demo: tuple[Any, Any]) -> None:
    ids = ids_of(demo, " Rome, and")
    whole, start = attributed(demo, ids), attributed(demo, ids[:2])
    np.testing.assert_allclose(whole.span(0, 2).sequence, start.sequence, atol=1e-4)


def test_what_the_model_writes_by_chance_follows_its_seed(demo: tuple[Any, Any]) -> None:
    def written(seed: int) -> tuple[int, ...]:
        options = {"do_sample": True, "temperature": 3.0, "seed": seed}
        return attributed(demo, None, max_new_tokens=8, gen_args=options).target.ids

    state = torch.get_rng_state()
    first = written(1)
    assert written(1) == first
    assert any(written(seed) != first for seed in (2, 3))
    assert torch.equal(torch.get_rng_state(), state)
    greedy = attributed(demo, None, max_new_tokens=2).target.ids
    assert greedy[0] == int(logits_after(demo, PROMPT, []).argmax())
