"""The table of every family: a sample of it is made anew, and it names each family that transformers has.

All of it takes about five minutes on one core: `python -m tests.models.huggingface.families_table`. A plain run takes
ten families drawn with a fixed seed, beside those that `families.py` builds in full.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import transformers

from tests.models.huggingface import every_family
from tests.models.huggingface.every_family import Found, apart, examine, families, written
from tests.models.huggingface.families_table import PAGE, every, row
from tests.models.huggingface.small import build_small

PAGE_TEXT = PAGE.read_text(encoding="utf-8")
EVERY = PAGE_TEXT.partition("## Every family that")[2].partition("## Every family with an image")[0]
SECTION = EVERY.partition("### Not scored")[0]
ALL = list(families())
SCORED = [each for each in ALL if f"| {each[0]} | {each[2]} |" in SECTION]
SAMPLE = random.Random(7).sample(SCORED, 10)
pytestmark = pytest.mark.filterwarnings("ignore")  # what families warn of when they are built from odd sizes


@pytest.mark.parametrize("family", SAMPLE, ids=lambda family: family[2])
def test_a_family_is_as_the_table_has_it(family):
    found = examine(*family)
    assert found.right, found
    # How far a family is off where it is off differs between processors; whether it is does not.
    family, path, agrees = f"| {found.family} | {found.model_class} |", found.path, row(found).split(" | ")[4][:3]
    (line,) = [line for line in SECTION.splitlines() if line.startswith(family)]
    assert (line.split(" | ")[2], line.split(" | ")[4][:3]) == (path, agrees)


@pytest.mark.skipif(f"transformers {transformers.__version__} " not in PAGE_TEXT, reason="made with another version")
def test_the_table_names_every_class_once():
    named = [line.split(" | ")[1] for line in EVERY.splitlines() if " | " in line]
    assert sorted(set(named) - {"class"}) == sorted(model_class for _, _, model_class in ALL)
    assert len(named) == len(ALL) + 2  # and two heads


def test_most_families_are_scored():
    assert len(SCORED) > 240


def test_a_wrong_score_is_seen(monkeypatch):
    ask = every_family.ask
    monkeypatch.setattr(every_family, "ask", lambda *asked: ask(*asked) + np.float32(0.001))
    found = examine("llama", "text", "LlamaForCausalLM")
    assert found.error == pytest.approx(0.001, rel=0.01)
    assert not found.right
    with pytest.raises(AssertionError, match="llama"):
        every([found])


def test_generate_that_differs_is_told(monkeypatch):
    monkeypatch.setattr(every_family, "written", lambda *_: [0.0, 0.0, 0.0])
    found = examine("llama", "text", "LlamaForCausalLM")
    assert "| no: " in row(found)


def test_what_cannot_be_built_or_dies_is_a_line_with_its_reason():
    assert "not built small" in examine("llama", "text", "NoSuchClass").refused
    assert "no answer" in apart(lambda *_: every_family.os._exit(3), "llama", "text", "LlamaForCausalLM").refused


def test_a_generate_that_does_not_write_the_target_is_not_believed():
    model = build_small("llama", "LlamaForCausalLM")
    generate = model.generate
    model.generate = lambda **asked: generate(**{**asked, "prefix_allowed_tokens_fn": None})
    with pytest.raises(ValueError, match="does not write what it is told to"):
        written(model, (1, 5, 6))


def test_a_row_holds_a_power_of_ten_that_the_error_stays_below():
    found = Found("a", "text", "A", path="padded", error=2e-6, written=1e-7)
    assert row(found) == "| a | A | padded | 1e-05 | yes |\n"
