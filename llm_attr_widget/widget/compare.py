"""Two results side by side, in the widget."""

from __future__ import annotations

from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.widget.widget import AttrWidget


def compare(first: Attribution, second: Attribution, *, names: tuple[str, str] | None = None) -> AttrWidget:
    """The widget with two results: A, B, and A - B, token by token where their texts are the same.

    Of another method, prompt, model or seed; fresh, loaded, or captum's by way of `to_attribution()`. What is within
    two standard errors of the difference is faded. Costs no model call.

    first, second: the results A and B. names: what the two are called.

    >>> from llm_attr_widget import attribute, compare
    >>> from llm_attr_widget.demo import load_text
    >>> model, tokenizer = load_text()
    >>> words = "Anna lives in Oslo. Anna lives in"
    >>> one = attribute(model, tokenizer, words, " Oslo", progress=False)
    >>> other = attribute(model, tokenizer, words, " Oslo", method="leave_one_out", progress=False)
    >>> w = compare(one, other, names=("Shapley", "leave one out"))
    >>> [kept.name for kept in w.history]
    ['Shapley', 'leave one out']
    """
    called = names or (_name(first), _name(second))
    widget = AttrWidget.from_result(first, name=called[0])
    widget.add(second, name=called[1])
    widget.comparing = [entry.run for entry in widget.history]
    return widget


def _name(result: Attribution) -> str:
    return f"{result.label}, seed {result.provenance.seed}"
