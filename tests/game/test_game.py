"""The game plays each prompt once, in any order of blocks, and writes down what the model said."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.errors import Cancelled, ScoreError
from llm_attr_widget.game.belonging import game_print
from llm_attr_widget.game.game import Evaluator, Game
from llm_attr_widget.game.ledger import Ledger
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Contrast, LogProb
from tests.support import BitsInput, FunctionModel, table, table_game


def rows_of(coalitions: np.ndarray) -> np.ndarray:
    return (coalitions * 2 ** np.arange(coalitions.shape[1])).sum(axis=1)


def never() -> bool:
    return False


def test_plays_what_the_table_says() -> None:
    game, _ = table_game(5, 3)
    coalitions = np.random.default_rng(1).random((40, 5)) < 0.5
    scores = Evaluator(game).play(coalitions, np.random.default_rng(0), never)
    np.testing.assert_array_equal(scores, table(5, 3)[rows_of(coalitions)])


def test_equal_prompts_are_scored_once_within_and_across_blocks() -> None:
    game, model = table_game(4, 2)
    coalitions = np.array([[1, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)
    evaluator = Evaluator(game)
    for _ in range(3):
        evaluator.score([evaluator.ask(rows, np.random.default_rng(0)) for rows in (coalitions, coalitions[:1])], never)
    assert len(model.asked) == evaluator.scored == 2


def test_a_stop_ends_a_run_whose_prompts_are_all_known() -> None:
    game, model = table_game(4, 2)
    everyone = np.ones((1, 4), dtype=bool)
    evaluator = Evaluator(game)
    evaluator.play(everyone, np.random.default_rng(0), never)
    asked = evaluator.ask(everyone, np.random.default_rng(0))
    evaluator.score([asked], never)
    with pytest.raises(Cancelled):
        evaluator.score([asked], lambda: True)
    assert len(model.asked) == evaluator.scored == 1


def test_a_coalition_may_be_two_prompts_when_baselines_are_drawn() -> None:
    game, model = table_game(4, 2, random=True)
    coalitions = np.zeros((30, 4), dtype=bool)
    scores = Evaluator(game).play(coalitions, np.random.default_rng(0), never)
    assert len({prompt.ids for prompt in model.asked}) == len(model.asked) > 1
    assert len(np.unique(scores[:, 0])) == len(model.asked)


@pytest.mark.parametrize("random", [False, True])
def test_blocks_asked_together_are_what_they_are_asked_one_by_one(random: bool) -> None:
    evaluator = Evaluator(table_game(4, 2, random=random)[0])
    sizes = (2, 3, 1, 5)
    blocks = [np.random.default_rng(seed).random((size, 4)) < 0.5 for seed, size in enumerate(sizes)]
    together = evaluator.ask_each([(block, np.random.default_rng(seed)) for seed, block in enumerate(blocks)])
    for seed, (block, found) in enumerate(zip(blocks, together, strict=True)):
        alone = evaluator.ask(block, np.random.default_rng(seed))
        assert found.coalitions is block
        assert found.prompts == alone.prompts
        np.testing.assert_array_equal(found.keys, alone.keys)


def test_what_a_ledger_knows_costs_nothing() -> None:
    game, model = table_game(4, 2)
    coalitions = np.eye(4, dtype=bool)
    keys = Evaluator(game).ask(coalitions[:3], np.random.default_rng(0)).keys
    known = Ledger(coalitions[:3], table(4, 2)[rows_of(coalitions[:3])], np.zeros(3, np.int32), game_print(game), keys)
    scores = Evaluator(game, known=known).play(coalitions, np.random.default_rng(0), never)
    assert [prompt.ids for prompt in model.asked] == [(3,)]
    np.testing.assert_array_equal(scores, table(4, 2)[rows_of(coalitions)])


def test_a_stop_comes_between_batches_and_keeps_what_was_scored() -> None:
    game, model = table_game(6, 2)
    coalitions = np.array([[int(bit) for bit in f"{i:06b}"] for i in range(40)], dtype=bool)
    evaluator = Evaluator(game)
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        evaluator.play(coalitions, np.random.default_rng(0), lambda: next(answers))
    assert len(model.asked) == 16
    rows, scores = evaluator.answers(evaluator.ask(coalitions, np.random.default_rng(0)))
    np.testing.assert_array_equal(rows, np.arange(16))
    np.testing.assert_array_equal(scores, table(6, 2)[rows_of(coalitions[:16])])
    evaluator.play(coalitions, np.random.default_rng(0), never)
    assert len(model.asked) == 40


def test_a_contrast_scores_both_targets_side_by_side() -> None:
    log_probs = table(3, 4)
    model = FunctionModel(lambda ids, target: log_probs[sum(2**i for i in ids)][list(target)])
    first, second = Target((0, 1, 2), (" a", " b", " c")), Target((3,), (" d",))
    game = Game(BitsInput(3), model, (first, second), Contrast(3))
    coalitions = np.array([[1, 0, 1], [0, 0, 0]], dtype=bool)
    scores = Evaluator(game).play(coalitions, np.random.default_rng(0), never)
    np.testing.assert_array_equal(scores, log_probs[[5, 0]])
    whole = log_probs[[5, 0], :3].astype(float).sum(axis=1) - log_probs[[5, 0], 3]
    np.testing.assert_allclose(game.value(scores), np.column_stack([whole, whole]), rtol=1e-6)


def test_nan_from_the_model_is_an_error_not_a_number() -> None:
    model = FunctionModel(lambda ids, target: [float("nan")] * len(target))
    game = Game(BitsInput(2), model, (Target((0,), ("x",)),), LogProb())
    with pytest.raises(ScoreError, match="NaN"):
        Evaluator(game).play(np.ones((1, 2), dtype=bool), np.random.default_rng(0), never)
