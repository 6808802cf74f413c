"""Captum's own methods, played in batches: what they ask for is recorded, scored at once, and then answered.

None of captum's perturbation methods looks at a value before it has chosen all coalitions. So the method runs twice
with the same random state: first against a forward function that only takes notes, then against one that knows all
answers. Every keyword of captum's methods thereby means exactly what it means there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from captum._utils.models.model import Model
from captum.attr import Lime
from torch.utils.data import DataLoader, TensorDataset

from llm_attr_widget.captum.groups import Groups
from llm_attr_widget.captum.linear import model_for
from llm_attr_widget.types import Prompt

State = tuple[Any, Any, Any]
Render = Callable[[torch.Tensor], tuple[Prompt, "str | None"]]


@dataclass
class Asked:
    """What a method asked for, in order.

    started: the random state before it. watched: whether making a prompt may draw. present: for each prompt which of
    the input's features are as they are, bool `(features,)`. after: for each prompt the random state after it was made,
    None where making it drew nothing.
    """

    started: State
    watched: bool
    prompts: list[Prompt] = field(default_factory=list[Prompt])
    texts: list[str | None] = field(default_factory=list["str | None"])
    present: list[torch.Tensor] = field(default_factory=list[torch.Tensor])
    after: list[State | None] = field(default_factory=list["State | None"])

    def first(self, prompts: int) -> Asked:
        """The first of its prompts."""
        return Asked(
            self.started,
            self.watched,
            self.prompts[:prompts],
            self.texts[:prompts],
            self.present[:prompts],
            self.after[:prompts],
        )

    def add(self, render: Render, perturbed: torch.Tensor, whole: torch.Tensor) -> None:
        """whole: the indicator with all features as they are; perturbed: the one to be rendered."""
        before = now() if self.watched else None
        prompt, text = render(perturbed)
        after = None if before is None else now()
        self.prompts.append(prompt)
        self.texts.append(text)
        self.present.append((perturbed == whole).reshape(-1).cpu())
        self.after.append(None if before is None or after is None or _same(before, after) else after)


class _NoFit(Model):
    """Stands in for LIME's linear model while notes are taken."""

    def __init__(self) -> None:
        self._width = 1

    def fit(self, train_data: Any, **_: object) -> None:
        self._width = next(iter(train_data))[0].shape[-1]
        # Captum's models draw first weights before they set those that were fitted: the next trial draws after them.
        torch.nn.Linear(self._width, 1)

    def representation(self) -> torch.Tensor:
        return torch.zeros(1, self._width)

    def __call__(self, x: Any) -> torch.Tensor:
        return torch.zeros(len(x))


class _EveryColumn(Model):
    """A linear model that is fitted to every column of values on the same samples, when it is asked to fit the first.

    fitted: `(outputs, features)`; None where the samples are not the values' rows, one for one.
    """

    def __init__(self, model: Any, values: torch.Tensor) -> None:
        self._model = model
        self._values = values
        self.fitted: torch.Tensor | None = None

    def fit(self, train_data: Any, **_: object) -> None:
        samples, first, weights = train_data.dataset.tensors
        state, found = now(), list[torch.Tensor]()
        columns = self._values.T.to(first)
        if not torch.equal(first.reshape(-1), columns[0]):
            columns = first.reshape(1, -1)
        for column in columns:
            restore(state)
            data = TensorDataset(samples, column.reshape(first.shape), weights)
            self._model.fit(DataLoader(data, batch_size=train_data.batch_size))
            found.append(self._model.representation().reshape(1, -1).clone())
        self._first = found[0]
        self.fitted = torch.cat(found) if len(found) == self._values.shape[1] else None

    def representation(self) -> torch.Tensor:
        return self._first

    def __call__(self, x: Any) -> torch.Tensor:
        return self._model(x)


def record(
    method: Any, whole: torch.Tensor, options: Mapping[str, Any], render: Render, asked: Asked, *, outputs: int
) -> Asked:
    """What the method would ask the model, without a model, put into `asked`. outputs: numbers for each coalition."""

    def note(perturbed: torch.Tensor) -> torch.Tensor:
        asked.add(render, perturbed, whole)
        return torch.zeros(1, outputs) if outputs > 1 else torch.zeros(())

    quiet = copy(method)
    if isinstance(quiet, Lime):
        quiet.interpretable_model = _NoFit()
    quiet.forward_func = note
    quiet.attribute(whole, **options)
    return asked


def listed(coalitions: torch.Tensor, whole: torch.Tensor, groups: Groups, render: Render, asked: Asked) -> Asked:
    """These coalitions of groups, bool `(coalitions, groups)`: absent features are 0, captum's default baseline."""
    for present in groups.each(coalitions):
        asked.add(render, torch.where(present.reshape(whole.shape).to(whole.device), whole, 0), whole)
    return asked


def replay(
    method: Any, whole: torch.Tensor, options: Mapping[str, Any], asked: Asked, values: torch.Tensor
) -> torch.Tensor:
    """The method's attributions, from the values `(asked, outputs)` of what it asked for; `(outputs, features)`."""
    if not isinstance(method, Lime):
        return _replayed(method, whole, options, asked, values)
    state = now()
    every = _EveryColumn(model_for(method.interpretable_model), values)
    fitted = copy(method)
    fitted.interpretable_model = every
    _replayed(fitted, whole, options, asked, values[:, :1])
    if every.fitted is not None and options.get("feature_mask") is None:
        return every.fitted
    columns: list[torch.Tensor] = []
    # LIME and KernelSHAP explain one number at a time: fit the same coalitions once for each.
    for column in range(values.shape[1]):
        restore(state)
        columns.append(_replayed(method, whole, options, asked, values[:, column : column + 1]))
    return torch.cat(columns)


def _replayed(
    method: Any, whole: torch.Tensor, options: Mapping[str, Any], asked: Asked, values: torch.Tensor
) -> torch.Tensor:
    place = iter(range(len(values)))

    def answer(perturbed: torch.Tensor) -> torch.Tensor:
        row = next(place)
        if not torch.equal((perturbed == whole).reshape(-1).cpu(), asked.present[row]):
            raise RuntimeError(
                f"{type(method).__name__} asked for other coalitions the second time: it must be seeded."
            )
        drawn = asked.after[row]
        if drawn is not None:
            restore(drawn)
        return values[row] if isinstance(method, Lime) else values[row : row + 1]

    answered = copy(method)
    if isinstance(answered, Lime):
        answered.interpretable_model = model_for(answered.interpretable_model)
    answered.forward_func = answer
    return answered.attribute(whole, **options).cpu().reshape(values.shape[1], -1)


@contextmanager
def kept_randomness() -> Generator[None]:
    """Whatever is drawn inside, all random generators are afterwards where they were before."""
    state = now()
    try:
        yield
    finally:
        restore(state)


def now() -> State:
    """Where torch's, NumPy's and Python's random generators are."""
    return torch.random.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002 (captum's own)


def _same(one: State, other: State) -> bool:
    numpy_is = one[1][2:] == other[1][2:] and np.array_equal(one[1][1], other[1][1])
    return numpy_is and one[2] == other[2] and torch.equal(one[0], other[0])


def restore(state: State) -> None:
    """Sets the random generators back to a state of `now`."""
    torch.random.set_rng_state(state[0])
    np.random.set_state(state[1])  # noqa: NPY002 (captum's own)
    random.setstate(state[2])
