"""Error of Shapley estimators at equal numbers of model calls: ours, captum's and shapiq's.

`python -m benchmarks.estimators` plays those whose library is installed on the games of `families`, keeps the errors
in estimators.json beside those of the others, and writes all into docs/benchmarks.md (no model is called; some minutes
for ours and captum's, half an hour for shapiq's trees). shapiq 1.8 needs Python 3.12 or newer and this package does
not, so that it has an environment of its own:

    python3.13 -m venv .venv-shapiq
    .venv-shapiq/bin/pip install "shapiq>=1.8" lightgbm xgboost
    .venv-shapiq/bin/python -m benchmarks.estimators
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.families import FAMILIES, TABLES, Family, Game
from benchmarks.report import PAGE, between
from llm_attr_widget.methods import KernelShap, PermutationShapley, fit
from llm_attr_widget.types import Estimate, Method

Array = NDArray[np.floating[Any]]
RESULTS = Path(__file__).parent / "estimators.json"

Results = dict[str, dict[str, list[float | None]]]
"""By family and estimator: the mean error at each of the family's budgets, None where it cannot be had."""


@dataclass
class Counted:
    """A game less its value with none, as a function of coalitions. calls: how many coalitions it was asked for."""

    game: Game
    calls: int = field(default=0)

    def __post_init__(self) -> None:
        self._none = self.game.value(np.zeros((1, self.game.features), dtype=bool))[0]

    def __call__(self, coalitions: NDArray[np.generic]) -> Array:
        rows = np.atleast_2d(np.asarray(coalitions)).astype(bool)
        self.calls += len(rows)
        return self.game.value(rows) - self._none


Estimator = Callable[[Counted, int, int], Array]
"""Game, budget, seed → Shapley values `(features,)`."""


def estimate_of(method: Method, game: Counted, seed: int) -> Estimate:
    features = game.game.features
    coalitions = np.vstack(list(method.design(features, np.random.default_rng(seed))))
    return fit(method, coalitions, np.asarray(game(coalitions)[:, None], dtype=np.float64))


def ours(make: Callable[[int], Method]) -> Estimator:
    return lambda game, budget, seed: estimate_of(make(budget), game, seed).values[0]


def captums(name: str, *, calls_per_sample: Callable[[int], int], first: int = 0) -> Estimator:
    """first: calls that it makes besides its samples."""

    def run(game: Counted, budget: int, seed: int) -> Array:
        import captum.attr
        import torch

        features = game.game.features
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002  captum draws from the global state

        def forward(rows: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(game(rows.numpy()))

        method = getattr(captum.attr, name)(forward)
        samples = (budget - first) // calls_per_sample(features)
        if samples < 1:
            raise ValueError(f"{budget} calls are not enough for one sample.")
        found = method.attribute(torch.ones(1, features), n_samples=samples, perturbations_per_eval=features)
        return found.numpy()[0].astype(np.float64)

    return run


def shapiqs(name: str, **options: object) -> Estimator:
    """The value with none is given to it, and counts as a call."""

    def run(game: Counted, budget: int, seed: int) -> Array:
        import shapiq.approximator

        features = game.game.features
        approximator = getattr(shapiq.approximator, name)(features, random_state=seed, **options)
        found = approximator.approximate(budget - 1, game)
        return np.array([found[(feature,)] for feature in range(features)])

    return run


@dataclass(frozen=True)
class Contender:
    """needs: the library that it is of, "" for ours; since: the first version of it that has it; most: features that
    it can take in a reasonable time.
    """

    name: str
    estimate: Estimator
    needs: str = ""
    since: str = ""
    most: int = 10**6

    @property
    def installed(self) -> bool:
        """Whether its library is here; if it is one whose older versions lack it, as new as that."""
        if not self.needs:
            return True
        if find_spec(self.needs) is None:
            return False
        from importlib.metadata import version

        return not self.since or _numbers(version(self.needs)) >= _numbers(self.since)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _of_shapiq(label: str, name: str, **options: object) -> Contender:
    return Contender(f"shapiq {label}", shapiqs(name, **options), "shapiq", "1.8")


CONTENDERS: tuple[Contender, ...] = (
    Contender("**ours, kernel_shap** (the default)", ours(lambda budget: KernelShap(budget=budget))),
    Contender("ours, permutation_shapley", ours(lambda budget: PermutationShapley(budget=budget))),
    Contender(
        "captum ShapleyValueSampling",
        captums("ShapleyValueSampling", calls_per_sample=lambda n: n, first=1),
        "captum",
    ),
    Contender("captum KernelShap", captums("KernelShap", calls_per_sample=lambda _: 1), "captum"),
    _of_shapiq("KernelSHAP, paired", "KernelSHAP", pairing_trick=True),
    _of_shapiq("LeverageSHAP", "LeverageSHAP"),
    replace(_of_shapiq("PolySHAP, order 2, paired", "PolySHAP", max_order=2, pairing_trick=True), most=128),
    _of_shapiq("RegressionMSR, 5 folds", "RegressionMSR", index="SV", k_folds=5),
    _of_shapiq("ProxySHAP", "ProxySHAP", index="SV", max_order=1),
    _of_shapiq("ProxySHAP, adjusted", "ProxySHAP", index="SV", max_order=1, adjustment=True),
    _of_shapiq("OddSHAP", "OddSHAP"),
    _of_shapiq("PermutationSamplingSV", "PermutationSamplingSV"),
    _of_shapiq("SVARM", "SVARM"),
    _of_shapiq("UnbiasedKernelSHAP, paired", "UnbiasedKernelSHAP", pairing_trick=True),
)


def error(contender: Contender, game: Game, budget: int, seed: int) -> float:
    """|estimate - truth| / |truth| (L2); NaN where the estimator refuses the budget.

    Raises ValueError for one that asks for more than its budget (and the value with none, which it was given).
    """
    counted = Counted(game)
    if game.features > contender.most:
        return float("nan")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # captum and shapiq warn of their own choices
            values = contender.estimate(counted, budget, seed)
    except (ValueError, ZeroDivisionError, IndexError, np.linalg.LinAlgError) as refused:
        print(f"  {contender.name} at {budget} calls: {type(refused).__name__}: {str(refused)[:90]}")
        return float("nan")
    if counted.calls > budget + 1:
        raise ValueError(f"{contender.name} made {counted.calls} calls, and was given {budget}.")
    return float(np.linalg.norm(values - game.shapley) / np.linalg.norm(game.shapley))


def errors(family: Family, contenders: Sequence[Contender]) -> dict[str, list[float | None]]:
    """By estimator: the mean over games at each budget. One seed for each game."""
    games = [family.make(family.features, seed) for seed in range(family.games)]
    found: dict[str, list[float | None]] = {}
    for contender in contenders:
        began, row = perf_counter(), list[float | None]()
        for budget in family.budgets:
            mean = float(np.mean([error(contender, game, budget, seed) for seed, game in enumerate(games)]))
            row.append(round(mean, 4) if np.isfinite(mean) else None)
        print(f"{family.title}: {contender.name} {row}, {perf_counter() - began:.0f} s", flush=True)
        found[contender.name] = row
    return found


def bands(family: Family, seeds: int) -> list[tuple[float, float]]:
    """Of the default at each budget: how many of its 95% bands cover, and the root mean square of z-scores."""
    told: list[tuple[float, float]] = []
    for budget in family.budgets:
        scores: list[Array] = []
        for seed in range(seeds):
            game = family.make(family.features, seed)
            found = estimate_of(KernelShap(budget=budget), Counted(game), seed)
            scores.append((found.values[0] - game.shapley) / np.maximum(found.standard_errors[0], 1e-9))
        every = np.concatenate(scores)
        told.append((float(np.mean(np.abs(every) < 1.96)), float(np.sqrt(np.mean(np.square(every))))))
    return told


def section(family: Family, rows: Mapping[str, Sequence[float | None]]) -> str:
    """One family's table; the smallest error at each budget in bold."""
    known = [rows[contender.name] for contender in CONTENDERS if contender.name in rows]
    best = [
        min((value for row in known if (value := row[at]) is not None), default=None)
        for at in range(len(family.budgets))
    ]
    lines = [["calls", *map(str, family.budgets)], ["---"] * (1 + len(family.budgets))]
    for contender in CONTENDERS:
        if contender.name in rows:
            cells = [_cell(value, low) for value, low in zip(rows[contender.name], best, strict=True)]
            lines.append([contender.name, *cells])
    return f"### {family.title}\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(value: float | None, low: float | None) -> str:
    if value is None:
        return "–"
    return f"**{value:.3f}**" if value == low else f"{value:.3f}"


def band_table(told: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Coverage and z-scores of every family, at its least, middle and largest budget."""
    lines = ["| bands of the default: covered (z) | few calls | more | most |\n| --- | --- | --- | --- |\n"]
    for family in FAMILIES:
        if family.title in told:
            ends = [told[family.title][at] for at in (0, len(family.budgets) // 2, -1)]
            cells = [f"{100 * covered:.0f}% ({score:.2f})" for covered, score in ends]
            lines.append(f"| {family.title} | {' | '.join(cells)} |\n")
    return "".join(lines)


def load() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"errors": {}, "bands": {}}


def page(results: Mapping[str, Any]) -> str:
    """All tables, as text."""
    parts = [section(family, results["errors"].get(family.title, {})) for family in FAMILIES]
    return "\n".join([*parts, "### Bands\n\n" + band_table(results["bands"])])


def main(families: Sequence[Family], contenders: Sequence[Contender], *, told: bool) -> None:
    """Play, keep, write. told: whether the default's bands are looked at, too."""
    for family in families:
        found, covered = errors(family, contenders), bands(family, family.games) if told else None
        results = load()  # anew, as another environment's contenders may play meanwhile
        results["errors"].setdefault(family.title, {}).update(found)
        if covered is not None:
            results["bands"][family.title] = covered
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = between(PAGE.read_text(encoding="utf-8"), "benchmarks.estimators", page(load()))
    PAGE.write_text(text, encoding="utf-8")


def write_tables() -> None:
    """Play every coalition of two questions on the shipped text model."""
    from benchmarks.error import PORTRAIT, RETRIEVAL, exact_table
    from llm_attr_widget.demo import load_text

    model, tokenizer = load_text()
    played = [exact_table(model, tokenizer, question).values for question in (RETRIEVAL, PORTRAIT)]
    np.savez_compressed(TABLES, tables=np.array(played, dtype=np.float32))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", action="store_true", help="only play the shipped model's tables anew")
    parser.add_argument("--only", choices=("ours", "theirs"), help="only our own estimators, or only the others")
    parser.add_argument("--family", default="", help="only families whose title has this in it")
    options = parser.parse_args()
    if options.tables:
        write_tables()
    else:
        chosen = [
            each for each in CONTENDERS if each.installed and options.only != ("theirs" if not each.needs else "ours")
        ]
        main([each for each in FAMILIES if options.family in each.title], chosen, told=options.only != "theirs")
