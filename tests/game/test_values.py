"""Value functions against the definition, written out."""

from __future__ import annotations

import numpy as np
import pytest

from llm_attr_widget.errors import TargetError
from llm_attr_widget.game.targets import Target
from llm_attr_widget.game.values import Contrast, Custom, LogProb, Prob, make_value

LOG_PROBS = np.array([[-0.5, -1.0, -2.0], [-3.0, -0.25, 0.0]], dtype=np.float32)
TARGET = Target((1, 2, 3), (" a", " b", "."))


def test_log_prob_is_each_token_and_their_sum() -> None:
    np.testing.assert_allclose(LogProb()(LOG_PROBS), [[-0.5, -1.0, -2.0, -3.5], [-3.0, -0.25, 0.0, -3.25]])


def test_prob_is_each_probability_and_their_product() -> None:
    each = np.exp(LOG_PROBS.astype(float))
    np.testing.assert_allclose(Prob()(LOG_PROBS), np.column_stack([each, each.prod(axis=1)]))


def test_contrast_compares_position_by_position_when_lengths_agree() -> None:
    both = np.concatenate([LOG_PROBS, LOG_PROBS[::-1]], axis=1)
    expected = LOG_PROBS - LOG_PROBS[::-1]
    np.testing.assert_allclose(Contrast(3)(both), np.column_stack([expected, expected.sum(axis=1)]))
    other = Target((1, 7, 3), (" a", " c", "."))
    assert Contrast(3).outputs((TARGET, other)) == (" a", " b / c", ".")  # one label where both are the same


def test_contrast_is_whole_when_lengths_differ() -> None:
    values = Contrast(2)(LOG_PROBS)
    np.testing.assert_allclose(values, [[0.5, 0.5], [-3.25, -3.25]])
    assert len(Contrast(2).outputs((Target((1, 2), ("a", "b")), Target((3,), ("c",))))) == 1


def test_a_function_of_the_callers_gives_one_number_per_coalition() -> None:
    value = make_value(lambda log_probs: log_probs.min(axis=1), TARGET, None)
    np.testing.assert_allclose(value(LOG_PROBS), [[-2.0, -2.0], [-3.0, -3.0]])
    with pytest.raises(TargetError, match=r"one number per coalition, shape \(2,\), got shape \(2, 3\)"):
        Custom(lambda log_probs: log_probs)(LOG_PROBS)


def test_unknown_names_and_mixed_wishes_are_refused() -> None:
    with pytest.raises(TargetError, match="got 'logit'"):
        make_value("logit", TARGET, None)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TargetError, match="A contrast explains log-probs"):
        make_value("prob", TARGET, TARGET)
