"""LLMAttributionResult: captum's checks, shapes and colours, and plots of any size."""

from __future__ import annotations

import captum.attr as ca
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from llm_attr_widget.errors import InputError
from tests.captum.test_beyond_captum import made

GOOD = {"input_tokens": ["a", "b", "c"], "output_tokens": ["x", "y"], "seq_attr": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"seq_attr": [1.0, 2.0]},
        {"seq_attr": [[1.0, 2.0, 3.0]]},
        {"token_attr": [1.0, 2.0, 3.0]},
        {"token_attr": [[1.0, 2.0, 3.0]]},
        {"token_attr": [[1.0, 2.0], [1.0, 2.0]]},
        {"output_probs": [0.1, 0.2, 0.3]},
        {"output_probs": [[0.1, 0.2]]},
    ],
    ids=str,
)
def test_what_captum_refuses_is_refused_in_its_words(wrong):
    said = []
    for kind in (ca.LLMAttributionResult, ours.LLMAttributionResult):
        with pytest.raises(AssertionError) as raised:
            kind(**{**GOOD, **wrong})
        said.append(str(raised.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("given", [[[1, 2, 3], [4, 5, 6]], np.ones((2, 3)), torch.ones(2, 3, dtype=torch.float64)])
def test_numbers_become_tensors_as_in_captum(given):
    theirs, mine = (
        kind(**GOOD, token_attr=given, output_probs=[0.1, 0.2])
        for kind in (ca.LLMAttributionResult, ours.LLMAttributionResult)
    )
    for name in ("seq_attr", "token_attr", "output_probs"):
        assert torch.equal(getattr(theirs, name), getattr(mine, name))
        assert getattr(theirs, name).dtype == getattr(mine, name).dtype
    mine.token_attr = None
    assert mine.token_attr is None
    with pytest.raises(AssertionError):
        mine.seq_attr = [1.0]
    assert isinstance(mine, ca.LLMAttributionResult)


def test_tokens_named_like_a_repeated_one_do_not_vanish():
    tokens = ["a", "a [2]", "a", "a", "b"]
    result = ours.LLMAttributionResult(input_tokens=tokens, output_tokens=["x"], seq_attr=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert result.seq_attr_dict == {"a": 1.0, "a [2]": 2.0, "a [3]": 3.0, "a [4]": 4.0, "b": 5.0}


@pytest.mark.parametrize("plot", ["plot_token_attr", "plot_seq_attr"])
@pytest.mark.parametrize("tokens", [5, 40, 41, 500])
def test_a_plot_is_shown_or_returned(plot, tokens, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plt, "show", lambda: drawn.extend(plt.figure(number).canvas.figure for number in plt.get_fignums())
    )
    result = made(ours.LLMAttributionResult, tokens)
    figure, axes = getattr(result, plot)()
    assert axes is figure.axes[0]
    assert (figure.get_size_inches()[0] >= 20) == (tokens == 40)  # inches: the last of captum's, then ours
    plt.close("all")
    assert drawn == []
    assert getattr(result, plot)(show=True) is None
    (shown,) = drawn
    assert [text.get_text() for text in shown.axes[0].get_xticklabels()] == [
        text.get_text() for text in axes.get_xticklabels()
    ]
    assert (shown.get_size_inches() == figure.get_size_inches()).all()
    plt.close("all")


def test_labels_of_500_tokens_do_not_lie_on_each_other():
    """Captum's picture of as many is 650 inches wide."""
    result = made(ours.LLMAttributionResult, 500)
    for figure, axes in (result.plot_token_attr(), result.plot_seq_attr()):
        figure.canvas.draw()
        # Labels stand at an angle of 45°: neighbours need about a line's height between them.
        places = [text.get_window_extent().x0 for text in axes.get_xticklabels()]
        height = figure.dpi * 8 / 72
        assert np.diff(places).min() > height
        assert len(places) >= 50


@pytest.mark.parametrize("tokens", [5, 50])
def test_features_that_are_not_known_yet_can_be_drawn(tokens):
    """What a future knows so far has NaN, of which captum's scale would be made."""
    result = made(ours.LLMAttributionResult, tokens)
    result.seq_attr[1:] = result.token_attr[:, 1:] = float("nan")
    for plot in ("plot_token_attr", "plot_seq_attr"):
        figure, axes = getattr(result, plot)()
        figure.canvas.draw()
        plt.close(figure)
    figure, axes = result.plot_token_attr()
    assert axes.images[0].get_clim() == (-1, 1)
    plt.close(figure)


def test_numbers_of_nothing_can_be_drawn():
    for tokens in (3, 50):
        result = made(ours.LLMAttributionResult, tokens)
        result.seq_attr, result.token_attr = result.seq_attr * 0, result.token_attr * 0
        for plot in ("plot_token_attr", "plot_seq_attr"):
            figure, _ = getattr(result, plot)()
            figure.canvas.draw()
            plt.close(figure)


@pytest.mark.parametrize("plot", ["plot_token_attr", "plot_seq_attr"])
def test_an_error_that_nobody_measured_is_said_to_be_unknown(plot):
    result = made(ours.LLMAttributionResult, 50)

    def said():
        figure, _ = getattr(result, plot)()
        texts = [text.get_text() for axes in figure.axes for text in (axes.yaxis.label, axes.title)]
        plt.close(figure)
        return any("error not known" in text for text in texts)

    assert said()  # by no method that is known
    for method, drawn in ((ca.FeatureAblation, False), (ca.ShapleyValues, False), (ca.ShapleyValueSampling, True)):
        result.method = method(len)
        assert said() == drawn
    result.seq_errors, result.token_errors = result.seq_attr.abs() / 10, result.token_attr.abs() / 10
    assert not said()


def test_a_result_made_by_hand_is_not_shown_as_if_it_was_measured():
    with pytest.raises(InputError, match="made by hand"):
        made(ours.LLMAttributionResult, 3).to_attribution()
