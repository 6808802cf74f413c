"""The page that says which path each family takes tells the truth."""

from __future__ import annotations

import pytest

from tests.models.huggingface.families import BUILDERS
from tests.models.huggingface.families_table import HEAD, PAGE, paths


@pytest.mark.parametrize("name", BUILDERS)
def test_the_page_names_the_path_that_is_taken(name):
    assert f"| {name} | {' | '.join(paths(name))} |\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_lists_every_family_once():
    lines = PAGE.read_text(encoding="utf-8").removeprefix(HEAD).partition("\n\n")[0].splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == list(BUILDERS)
