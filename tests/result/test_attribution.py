"""What is left after a run: saved and loaded, checked, drawn, told in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from llm_attr_widget.engine.plan import Plan
from llm_attr_widget.engine.run import play
from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, LedgerError
from llm_attr_widget.export.style import nice_ceil
from llm_attr_widget.game.game import Game
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Custom, LogProb
from llm_attr_widget.methods import ExactShapley, KernelShap, LeaveOneOut, PermutationShapley
from llm_attr_widget.picture import Picture
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import Method
from tests.support import BitsInput, FunctionModel, table_game

WEIGHTS = np.random.default_rng(0).normal(size=14)


def attribution(method: Method, game: Game | None = None) -> Attribution:
    ready = Plan(game or table_game(6, 3)[0], method, 1, 0, "table", "word")
    return list(play(ready))[-1].attribution


def additive_game(features: int = 14) -> Game:
    """log p = -9 + sum of weights of the features present: an additive reading is the whole truth."""
    weights = WEIGHTS[:features]
    model = FunctionModel(lambda ids, target: [-9 + weights[list(ids)].sum()] * len(target))
    return Game(BitsInput(features), model, (Target((0, 1), (" a", " b")),), LogProb())


def parity_game(features: int = 14) -> Game:
    """log p tells only whether the number of features present is even: no additive reading can predict that."""
    model = FunctionModel(lambda ids, target: [-1.0 - 4 * (len(ids) % 2)] * len(target))
    return Game(BitsInput(features), model, (Target((0,), (" a",)),), LogProb())


def test_survives_a_file_and_still_answers_without_the_model(tmp_path: Path) -> None:
    result = attribution(KernelShap(budget=40))
    result.save(tmp_path / "result.npz")
    back = Attribution.load(tmp_path / "result.npz")
    for name in ("values", "standard_errors", "sequence", "sequence_standard_errors", "ends", "sequence_ends"):
        np.testing.assert_array_equal(getattr(back, name), getattr(result, name))
    assert (back.features, back.outputs, back.pieces, back.target) == (
        result.features, result.outputs, result.pieces, result.target,
    )  # fmt: skip
    assert (back.method, back.value, back.provenance) == (result.method, result.value, result.provenance)
    np.testing.assert_array_equal(back.span(0, 2).values, result.span(0, 2).values)
    assert repr(back) == repr(result)
    with pytest.raises(CapabilityError, match="loaded from a file"):
        back.check()


def test_a_picture_survives_a_file(tmp_path: Path) -> None:
    regions = np.arange(4, dtype=np.int32).reshape(2, 2)
    picture = Picture(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), regions, ((), (0,), (0, 5), (5,)))
    replace(attribution(KernelShap(budget=40)), picture=picture).save(tmp_path / "result.npz")
    back = Attribution.load(tmp_path / "result.npz").picture
    assert back is not None
    assert back.members == picture.members
    np.testing.assert_array_equal(back.pixels, picture.pixels)
    np.testing.assert_array_equal(back.regions, picture.regions)


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    game, _ = table_game(4, 2, value=Custom(lambda log_probs: log_probs[:, 0]))
    with pytest.raises(AttributionError, match="a file cannot hold"):
        attribution(ExactShapley(), game).save(tmp_path / "result.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(LedgerError, match=r"saved by Attribution\.save"):
        Attribution.load(tmp_path / "other.npz")


def test_check_trusts_an_additive_game_and_no_parity() -> None:
    good = attribution(KernelShap(budget=100), additive_game()).check(calls=64)
    assert good.rank_correlation == pytest.approx(1, abs=1e-3)
    assert good.r_squared == pytest.approx(1, abs=1e-3)
    assert good.seen == 0
    assert good.calls <= 64
    assert good.trusted
    bad = attribution(KernelShap(budget=100), parity_game()).check(calls=64)
    assert not bad.trusted
    assert "Do not read these numbers" in bad.verdict


def test_check_agrees_with_scipy_and_counts_what_was_seen() -> None:
    game, model = table_game(6, 3)
    result = attribution(ExactShapley(), game)
    check = result.check(calls=40, seed=3)
    assert check.seen == check.held_out == 20  # exact Shapley has played them all
    model.asked.clear()
    coalitions = np.array([[i in prompt.ids for i in range(6)] for prompt in _asked_by(result, model, 40, 3)])[:20]
    predicted = result.sequence_ends[1] + coalitions @ result.sequence
    rows = (coalitions * 2 ** np.arange(6)).sum(axis=1)
    from tests.support import table

    real = table(6, 3)[rows].astype(float).sum(axis=1)
    assert check.rank_correlation == pytest.approx(spearmanr(predicted, real).statistic)
    assert check.r_squared == pytest.approx(1 - ((real - predicted) ** 2).sum() / ((real - real.mean()) ** 2).sum())


def _asked_by(result: Attribution, model: FunctionModel, calls: int, seed: int):
    result.check(calls=calls, seed=seed)
    return model.asked


def test_deletion_and_insertion_take_the_strongest_first() -> None:
    check = attribution(KernelShap(budget=100), additive_game()).check(calls=64)
    weights = np.sort(WEIGHTS)[::-1]
    removed = np.round(check.deletion[:, 0] * 14).astype(int)
    np.testing.assert_allclose(check.deletion[:, 1], [2 * (-9 + weights[n:].sum()) for n in removed], atol=1e-4)
    np.testing.assert_allclose(check.insertion[:, 1], [2 * (-9 + weights[:n].sum()) for n in removed], atol=1e-4)


def test_leave_one_out_promises_no_sum() -> None:
    result = attribution(LeaveOneOut())
    assert result.gap is None
    assert "add" not in result.label


def test_figures_show_every_number(tmp_path: Path) -> None:
    result = attribution(ExactShapley())
    image = result.plot_token_attr().axes[0].get_images()[0]
    np.testing.assert_allclose(np.asarray(image.get_array()), result.values)
    assert image.norm.vmin == -image.norm.vmax
    bars = result.plot_seq_attr().axes[0].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], result.sequence)
    result.plot_token_attr().savefig(tmp_path / "figure.png")


def test_five_hundred_tokens_stay_readable() -> None:
    target = Target(tuple(range(500)), tuple(f" t{i}" for i in range(500)))
    model = FunctionModel(lambda ids, target: -np.ones(len(target)) * (1 + len(ids)))
    result = attribution(LeaveOneOut(), Game(BitsInput(300), model, (target,), LogProb()))
    figure = result.plot_token_attr()
    assert max(figure.get_size_inches()) <= 18
    assert len(figure.axes[0].get_xticklabels()) <= 60


def test_the_picture_for_hosts_without_widgets_shows_text_as_text() -> None:
    game, _ = table_game(3, 2)
    html = attribution(ExactShapley(), game)._repr_html_()
    assert html.count("<td") == 6
    evil = Game(game.input, game.scorer, (Target((0, 1), ("<img src=x>", "&")),), game.value)
    html = attribution(ExactShapley(), evil)._repr_html_()
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html


def test_the_heatmap_shows_the_target_or_one_output() -> None:
    regions = np.array([[0, 1]], dtype=np.int32)
    picture = Picture(np.zeros((1, 2, 3), dtype=np.uint8), regions, ((0,), (1,)))
    result = replace(attribution(KernelShap(budget=40)), picture=picture)
    for output, scores in ((None, result.sequence), (1, result.values[1])):
        figure = result.plot_image_heatmap(output)
        assert figure.axes[1].get_ylim()[1] == nice_ceil(float(np.abs(scores[:2]).max()))
    assert figure.axes[0].get_title() == "␣t1"
    with pytest.raises(InputError, match=r"range\(3\)"):
        result.plot_image_heatmap(3)
    with pytest.raises(InputError, match="no picture"):
        replace(result, picture=None).plot_image_heatmap()


def test_repr_says_when_not_to_trust() -> None:
    assert attribution(KernelShap(budget=100), additive_game()).doubts == ()
    assert "not to be trusted" not in repr(attribution(KernelShap(budget=100), additive_game()))
    parity = repr(attribution(KernelShap(budget=100), parity_game()))
    assert "not to be trusted: features interact" in parity
    few = attribution(PermutationShapley(budget=12), table_game(6, 3)[0])
    assert "not to be trusted: error not known, play more" in repr(few)
    noisy = attribution(KernelShap(budget=16), table_game(6, 3)[0])
    assert noisy.convergence == pytest.approx(noisy.sequence_standard_errors.max() / np.ptp(noisy.sequence))
    assert noisy.convergence > 0.2
    assert "standard errors are up to" in repr(noisy)
    assert attribution(ExactShapley()).convergence == 0


def test_a_gap_that_is_large_is_told() -> None:
    result = attribution(ExactShapley(), additive_game(6))
    off = replace(result, values=result.values * 0.7)
    assert off.gap == pytest.approx(0.3 * abs(WEIGHTS[:6].sum()), rel=1e-4)
    assert "miss v(all) - v(none) by up to" in repr(off)
    assert "miss" not in repr(result)


def test_what_was_not_played_to_the_end_is_told() -> None:
    ready = Plan(table_game(6, 3)[0], LeaveOneOut(), 1, 0, "table", "word")
    first = next(iter(play(ready))).attribution
    assert first.convergence is None
    assert "too little was played" in repr(first)
