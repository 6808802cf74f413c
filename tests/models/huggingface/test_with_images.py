"""The table of families with images: a sample of it is made anew, and it names each family that transformers has."""

from __future__ import annotations

import numpy as np
import pytest
import transformers

from tests.models.huggingface import with_images
from tests.models.huggingface.families_table import PAGE, WITH_IMAGES, every, row
from tests.models.huggingface.with_images import examine_with_image, families

PAGE_TEXT = PAGE.read_text(encoding="utf-8")
SECTION = PAGE_TEXT.partition("## Every family with an image")[2]
ALL = {family: (family, kind, model_class) for family, kind, model_class in families()}
SAMPLE = ("qwen3_omni_moe_thinker", "mllama", "gemma3", "llava_next")
pytestmark = pytest.mark.filterwarnings("ignore")  # what families warn of when they are built from odd sizes


@pytest.mark.parametrize("family", SAMPLE)
def test_a_family_is_as_the_table_has_it(family):
    found = examine_with_image(*ALL[family])
    assert found.right, found
    assert row(found) in SECTION


@pytest.mark.skipif(f"transformers {transformers.__version__}" not in PAGE_TEXT, reason="made with another version")
def test_the_table_names_every_class_once():
    named = [line.split(" | ")[1] for line in SECTION.splitlines() if line.startswith("| ")]
    assert sorted(set(named) - {"class"}) == sorted(model_class for _, _, model_class in ALL.values())
    assert len(named) == len(ALL) + 2  # and two heads


def test_most_families_are_scored():
    assert len(SECTION.partition("### Not scored")[0].splitlines()) > 50


def test_a_wrong_score_of_either_kind_is_seen(monkeypatch):
    ask = with_images.ask
    for off in ("one_pass", "stepwise"):
        monkeypatch.setattr(
            with_images,
            "ask",
            lambda model, *asked, off=off: ask(model, *asked) + np.float32(0.001 if model.scoring == off else 0),
        )
        found = examine_with_image(*ALL["llava"])
        assert found.error == pytest.approx(0.001, rel=0.01)
        with pytest.raises(AssertionError, match="llava"):
            every([found], WITH_IMAGES)


def test_an_image_that_says_nothing_is_no_proof(monkeypatch):
    same = with_images.picture
    monkeypatch.setattr(with_images, "picture", lambda model, family, _, text: same(model, family, 0, text))
    assert examine_with_image(*ALL["llava"]).refused == "not built small: its image says nothing"
