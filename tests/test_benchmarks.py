"""The benchmark still runs, its contenders agree, and the tables in the documents are those of its last results."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from benchmarks import engine, estimators, families, report
from benchmarks.captum_paths import spread
from benchmarks.families import Family
from benchmarks.timing import ratio

# Captum's own, and scikit-learn's through it.
quiet = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")


@quiet
@pytest.mark.parametrize("name", engine.QUICK_PARTS)
def test_every_part_runs_and_gives_a_table(name: str) -> None:
    found = engine.QUICK_PARTS[name]("cpu")
    assert found["rows"]
    assert all(len(row) == len(found["head"]) for row in found["rows"])
    assert all(len(line) == 3 for line in found["highlights"])
    if "largest difference" in found["head"]:
        column = list(found["head"]).index("largest difference")
        assert all(float(row[column]) <= 1e-4 for row in found["rows"])


@pytest.mark.parametrize("path", sorted(Path(engine.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_can_be_called(path: Path) -> None:
    """Those that take long are run by hand alone: what they take from the package is still there."""
    assert importlib.import_module(f"benchmarks.{path.stem}").__doc__


@quiet
def test_captums_default_is_off_and_its_other_ways_are_not() -> None:
    row = engine.QUICK_PARTS["short"]("cpu")["rows"][0]
    assert float(row[4].partition("(")[2].split()[0]) > 1e-3
    assert float(row[-1]) < 1e-4


def test_the_documents_hold_the_tables_of_the_last_results() -> None:
    results = report.load()
    for path, content in (
        (report.PAGE, report.page(results, tuple(engine.PARTS))),
        (report.README, report.highlights(results, tuple(engine.PARTS))),
    ):
        assert content in path.read_text(encoding="utf-8"), f"python -m benchmarks.engine writes {path.name}"


def test_text_outside_the_markers_stays() -> None:
    text = "before\n<!-- a -->\nold\n<!-- /a -->\nafter\n"
    assert report.between(text, "a", "new\n") == "before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n"
    with pytest.raises(ValueError, match="markers"):
        report.between(text, "b", "new")


def test_some_calls_are_spread_over_all() -> None:
    assert spread(10, 2) == {2, 7}
    assert spread(3, 8) == {0, 1, 2}


def test_ratios_are_medians_over_rounds() -> None:
    assert ratio({"a": [4.0, 9.0, 2.0], "b": [2.0, 1.0, 2.0]}, "a", "b") == 2.0


@pytest.mark.filterwarnings("ignore")  # captum's own
def test_our_estimator_is_the_most_accurate_at_equal_calls() -> None:
    """A small edition of `python -m benchmarks.estimators`, which counts the calls of each contender too."""
    family = Family("fading", families.fading, features=10, budgets=(50, 120), games=8)
    found = estimators.errors(family, [each for each in estimators.CONTENDERS if each.installed])
    ours, *others = found.values()
    assert len(others) >= 3
    assert all(mine <= 1.05 * value for other in others for mine, value in zip(ours, other, strict=True)), found


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.title)
def test_games_are_worth_what_their_shapley_values_add_up_to(family: Family) -> None:
    game = family.make(family.features, 0)
    both = np.array([[True], [False]]).repeat(game.features, axis=1)
    everyone, no_one = game.value(both)
    np.testing.assert_allclose(game.shapley.sum(), everyone - no_one, atol=1e-6)


def test_an_estimator_that_takes_more_calls_than_it_was_given_is_told() -> None:
    def greedy(game: estimators.Counted, budget: int, _: int) -> np.ndarray:
        game(np.ones((budget + 2, 4)))
        return np.zeros(4)

    with pytest.raises(ValueError, match="greedy made 12 calls, and was given 10"):
        estimators.error(estimators.Contender("greedy", greedy), families.noise(4, 0), 10, 0)


def test_a_library_that_is_not_there_or_too_old_is_left_out() -> None:
    def nothing(*_: object) -> np.ndarray:
        return np.zeros(4)

    assert estimators.Contender("ours", nothing).installed
    assert not estimators.Contender("other", nothing, "no_such_library").installed
    assert estimators.Contender("numpy", nothing, "numpy", "1.0").installed
    assert not estimators.Contender("numpy", nothing, "numpy", "99.0").installed


def test_the_document_has_the_kept_errors_of_every_family() -> None:
    kept = estimators.load()
    for family in families.FAMILIES:
        rows = kept["errors"][family.title]
        assert {each.name for each in estimators.CONTENDERS if not each.needs} <= set(rows), (
            "python -m benchmarks.estimators"
        )
        assert set(rows) <= {each.name for each in estimators.CONTENDERS}
        assert all(len(row) == len(family.budgets) for row in rows.values())
    assert estimators.page(kept) in report.PAGE.read_text(encoding="utf-8")
