"""The self-test for a model of one's own: the fast ways of scoring beside the plain one, on the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from llm_attr_widget.errors import InputError
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found, look_at
from llm_attr_widget.models.huggingface.extras import stacked
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.prefix import prefixed
from llm_attr_widget.models.huggingface.tolerance import tolerance
from llm_attr_widget.models.huggingface.versions import running, was_tested
from llm_attr_widget.tokens import encode, tokenizer_of
from llm_attr_widget.types import Prompt

PROMPTS = (
    "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include",
    "Dave lives in Palm Coast, FL. His personal interests include",
    "The capital of France is",
    "The river rises in the hills, runs past three old mills and a ford, and reaches the sea near a town whose name",
)
MOST_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Compared:
    """One way of scoring beside the plain one. way: its name; largest: the largest difference, in nats; allowed: what
    rounding of the model's number type explains; problem: why there is no number, or "".
    """

    way: str
    largest: float
    allowed: float
    problem: str = ""

    @property
    def agrees(self) -> bool:
        return not self.problem and self.largest <= self.allowed


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What was compared on a model, as `print` shows it.

    model, family, dtype: its name, class and number type. prompts, tokens: how many prompts, and target tokens of each.
    compared: the ways of scoring. generated: whether each token that the model writes greedily is the one that scores
    highest the plain way; None where it does not write. transformers: the running version; tested: whether this
    package's own tests ran on it.
    """

    model: str
    family: str
    dtype: str
    prompts: int
    tokens: int
    compared: tuple[Compared, ...]
    generated: bool | None
    transformers: str
    tested: bool

    @property
    def passed(self) -> bool:
        return all(way.agrees for way in self.compared) and self.generated is not False

    def __str__(self) -> str:
        head = [
            f"{self.model} ({self.family}, {self.dtype}), transformers {self.transformers}"
            + ("" if self.tested else ", a version this package was never tested with"),
            f"{self.prompts} prompts, {self.tokens} target tokens each, beside one plain pass for every token:",
        ]
        ways = [
            f"  {way.way:<10} {way.problem}"
            if way.problem
            else f"  {way.way:<10} off by at most {way.largest:.1e} nats "
            f"({'within' if way.agrees else 'MORE THAN'} {way.allowed:.0e}, what rounding explains)"
            for way in self.compared
        ]
        wrote = {
            True: "  generate   writes the tokens that score highest",
            False: "  generate   WRITES OTHER TOKENS than those that score highest: targets that it writes are not its "
            "likeliest, scores are unaffected",
            None: "  generate   not tried: the model does not write",
        }[self.generated]
        verdict = "The scores of this model are right." if self.passed else "Do not trust scores of this model yet."
        return "\n".join([*head, *ways, wrote, verdict])


def check_model(model: nn.Module, tokenizer: Any, *, prompts: Sequence[str] = PROMPTS) -> ModelCheck:
    """Score a few prompts the plain way and the fast ways on your own model, and say how far they are apart.

    model: a Hugging Face model, or a module of your own as `attribute` takes it. tokenizer: its tokenizer or processor.
    prompts: at least two texts, best such as yours: long ones where yours are long.

    The plain way is the definition of a score: one prompt at a time, read again for every target token, no cache, no
    padding, no mask. The target is what the model writes after the first prompt (at most 8 tokens), or, where it writes
    nothing, the first tokens of the last prompt. Nothing of the model is changed.

    Raises InputError for fewer than two prompts. Cost: some 50 passes over short prompts.

    >>> from llm_attr_widget.demo import load_text
    >>> check_model(*load_text()).passed
    True
    """
    if len(prompts) < 2:
        raise InputError(f"Expected at least two prompts to compare on, got {len(prompts)}. Give some of your own.")
    words = tokenizer_of(tokenizer)
    anatomy = look_at(model, words)
    given = [prefixed(Prompt(ids), anatomy) for ids in encode(words, list(prompts))]
    target, generated = _target(model, words, anatomy, given)
    truth = np.array([[plain_score(anatomy, prompt, target, k) for k in range(len(target))] for prompt in given])
    compared = tuple(_compared(model, words, anatomy, way, given, target, truth) for way in ("one_pass", "stepwise"))
    return ModelCheck(
        model=anatomy.name,
        family=type(anatomy.core).__name__,
        dtype=str(anatomy.dtype).removeprefix("torch."),
        prompts=len(given),
        tokens=len(target),
        compared=compared,
        generated=generated,
        transformers=running(),
        tested=was_tested(running()),
    )


def plain_score(anatomy: Anatomy, prompt: Prompt, target: Sequence[int], k: int) -> float:
    """log p(target[k] | prompt, target[:k]) from one pass over just these tokens: no cache, no padding, no shortcut."""
    return float(_plain(anatomy, prompt, target[:k])[target[k]])


@torch.no_grad()
def _plain(anatomy: Anatomy, prompt: Prompt, before: Sequence[int]) -> torch.Tensor:
    """Log-probs of the whole vocabulary after the prompt and `before`, in float64."""
    with left_as_found(anatomy.model):
        row = torch.tensor([[*prompt.ids, *([] if anatomy.limits.separate else before)]], device=anatomy.device)
        begun = {"decoder_input_ids": torch.tensor([[*anatomy.decoder_start, *before]], device=anatomy.device)}
        extras = stacked([prompt.extras], anatomy, row.shape[1])
        returned = anatomy.model(row, **extras, **(begun if anatomy.limits.separate else {}))
    logits = getattr(returned, "logits", returned)
    return logits.reshape(-1, logits.shape[-1])[-1].double().log_softmax(-1).cpu()


def _target(
    model: nn.Module, words: Any, anatomy: Anatomy, given: Sequence[Prompt]
) -> tuple[tuple[int, ...], bool | None]:
    """Token ids to score, and whether each that was written is the likeliest (ties within rounding count)."""
    try:
        written = HuggingFaceModel(model, words).generate(given[0], max_new_tokens=MOST_TOKENS, options={})
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        written = ()
    if not written:
        return tuple(given[-1].ids[-MOST_TOKENS // 2 :]), None
    likeliest = True
    for k, token in enumerate(written):
        scores = _plain(anatomy, given[0], written[:k])
        likeliest = likeliest and float(scores.max() - scores[token]) <= tolerance(anatomy.dtype)
    return written, likeliest


def _compared(
    model: nn.Module,
    words: Any,
    anatomy: Anatomy,
    way: Literal["one_pass", "stepwise"],
    given: Sequence[Prompt],
    target: tuple[int, ...],
    truth: np.ndarray[Any, np.dtype[np.float64]],
) -> Compared:
    name, allowed = (
        way.replace("_", " "),
        max(tolerance(anatomy.dtype), tolerance(anatomy.dtype) * float(np.abs(truth).max()) / 20),
    )
    found = np.full(truth.shape, np.nan)
    try:
        for batch in HuggingFaceModel(model, words, scoring=way).score(given, target):
            found[list(batch.rows)] = batch.log_probs
    except (ArithmeticError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        return Compared(name, float("nan"), allowed, f"could not run: {type(error).__name__}: {error}")
    return Compared(name, float(np.abs(found - truth).max()), allowed)
