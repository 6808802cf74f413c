"""Training texts for the text model that ships: most of them lack something, and documents are asked about in turn.

An attribution method asks the model about prompts that lack something. A model that never saw such prompts is lost in
them, and what it says there is credited to whatever word was missing. So most prompts here lack something too: words,
tokens, sentences, turns, each prompt with its own share, up to nearly empty; dropped, or replaced by the pad token,
which is the baseline of token-preserving inputs. The last word stays: it says that an answer follows.

To look something up in another sentence is what takes long to learn, and prompts that lack it teach nothing of it: so
it comes early and for a while nearly alone, from whole documents that are asked about one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from llm_attr_widget.demo.text_world import (
    ASSISTANT,
    BOS,
    CITIES,
    END,
    NAMES,
    PAD,
    SPECIAL,
    THINGS,
    Example,
    Kind,
    examples,
    further_questions,
    words,
)

SHARES: dict[Kind, float] = {"portrait": 0.2, "story": 0.1, "review": 0.1, "retrieval": 0.42, "chat": 0.18}
"""How much of the training text is of each kind; retrieval, which takes copying, is the hardest."""

BATCH = 64
POOL = 8
"""Batches are cut from this many batches' worth of examples sorted by length: less padding."""
LOOKING, MOSTLY = (160, 440), 0.75
"""From which step to which the texts are mostly retrieval, and this share of them. Up to its end all are whole."""
UNBROKEN = 0.5
"""Share of the steps over which broken prompts come in, from none at the end of `LOOKING` on."""
DROPPED, THINNED, PADDED = 0.5, 0.1, 0.1
"""Shares of prompts that lack units of text, that lack tokens, and that have pad tokens in place of some."""
PROMPT_WEIGHT = 0.1
"""Weight of a whole prompt's own tokens in the loss, so that the model can write portraits from their first words."""
PAD_ID, BOS_ID, END_ID = (SPECIAL.index(token) for token in (PAD, BOS, END))
LOOKED_UP = 5.0
"""Weight of a word that had to be looked up in the documents, beside the words around it."""
IGNORED = -100


def swap_bystanders(prompt: str, rng: np.random.Generator) -> str:
    """A portrait with other names, states and pronouns, none of which bear on the hobbies.

    Slot baselines do this: "Seattle, FL". The city must be seen to decide alone, whatever the state beside it says.
    """
    groups = (NAMES, tuple(CITIES), ("His", "Her"))

    def swap(match: re.Match[str]) -> str:
        group = next((g for g in groups if match[0] in g), None)
        return match[0] if group is None or rng.random() < 0.5 else group[rng.integers(len(group))]

    return re.sub(r"\w+", swap, prompt)


def units(prompt: str, rng: np.random.Generator) -> list[str]:
    """The prompt cut into what may be dropped: words, or else sentences (documents are sentences here) or turns."""
    pieces = words(prompt)
    form = rng.random()
    if form < 0.65:
        return pieces
    if prompt.endswith(ASSISTANT) and form < 0.85:
        return [*re.findall(r"<\|\w+\|>.*?<\|end\|>", prompt, flags=re.DOTALL), ASSISTANT]
    sentences, open_sentence = [""], True
    for piece in pieces:
        if piece in SPECIAL or not open_sentence:
            sentences.append("")
        sentences[-1] += piece
        open_sentence = piece not in SPECIAL and not piece.endswith((".", "?"))
    return [s for s in sentences if s]


def drop_text(prompt: str, rng: np.random.Generator) -> str:
    """The prompt without some of its units; the last one and (unless whole turns go) special tokens stay."""
    parts, share = units(prompt, rng), rng.random()
    kept = [p for i, p in enumerate(parts) if i == len(parts) - 1 or p in SPECIAL or rng.random() >= share]
    text = "".join(kept)
    return text.lstrip() if rng.random() < 0.7 else text


def drop_tokens(ids: list[int], protected: int, pad: int | None, rng: np.random.Generator) -> list[int]:
    """Token ids without some of them, or with `pad` in their place. Special ones and the last `protected` ones stay."""
    share, end = rng.random(), len(ids) - protected
    absent = [i < end and token >= len(SPECIAL) and rng.random() < share for i, token in enumerate(ids)]
    if pad is not None:
        return [pad if gone else token for token, gone in zip(ids, absent, strict=True)]
    return [token for token, gone in zip(ids, absent, strict=True) if not gone]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One training text: token ids and each token's weight in the loss."""

    ids: list[int]
    weights: list[float]


def encode(example: Example, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, broken: float) -> Encoded:
    """broken: 0 to 1; at 1 as many prompts lack something as `DROPPED`, `THINNED` and `PADDED` say, at 0 none does."""
    form = rng.random() / broken if broken else np.inf
    if form >= DROPPED + THINNED + PADDED:
        return _whole(example, tokenizer, rng)
    prompt = example.prompt
    if example.kind == "portrait" and rng.random() < 0.2:
        prompt = swap_bystanders(prompt, rng)
    if form < DROPPED:
        ids = token_ids(tokenizer, drop_text(prompt, rng))
    else:
        protected = len(token_ids(tokenizer, words(prompt)[-1], special=False))
        pad = PAD_ID if form < DROPPED + PADDED else None
        ids = drop_tokens(token_ids(tokenizer, prompt), protected, pad, rng)
    told = _told(example.answer, tokenizer)
    return Encoded(ids + told, [0.0] * len(ids) + [1.0] * len(told))


def _whole(example: Example, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> Encoded:
    """The prompt as it is, of which the model learns a little too; documents are asked about until nothing is left."""
    swapped = example.kind == "portrait" and rng.random() < 0.2
    prompt = swap_bystanders(example.prompt, rng) if swapped else example.prompt
    retrieval = example.kind == "retrieval"
    turns = [(prompt, example.answer), *(further_questions(example, rng) if retrieval else ())]
    ids, weights = list[int](), list[float]()
    for number, (asked, answer) in enumerate(turns):
        question, told = token_ids(tokenizer, asked, special=number == 0), _told(answer, tokenizer)
        ids += question + told
        # Which documents there are is chance: nothing to be learned.
        weights += [0.0 if swapped or retrieval else PROMPT_WEIGHT] * len(question) + [1.0] * len(told)
    return Encoded(ids, weights)


def _told(answer: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return [*token_ids(tokenizer, answer, special=False), END_ID]


@dataclass(frozen=True, slots=True)
class Batch:
    """Each (rows, tokens), right-padded. owners: whose the thing is at this token or the next, or `IGNORED`."""

    ids: torch.Tensor
    weights: torch.Tensor
    owners: torch.Tensor


def batches(tokenizer: PreTrainedTokenizerFast, steps: int, rng: np.random.Generator) -> Iterator[Batch]:
    """At least `steps` of them."""
    kinds, shares = list(SHARES), np.array(list(SHARES.values()))
    looking = np.array([kind == "retrieval" for kind in kinds])
    mostly = np.where(looking, MOSTLY, (1 - MOSTLY) * shares / shares[~looking].sum())
    names = {
        token_ids(tokenizer, form, special=False)[-1]: i for i, name in enumerate(NAMES) for form in (name, f" {name}")
    }
    things = {token_ids(tokenizer, f" {thing}", special=False)[-1] for thing in THINGS}
    for done in range(0, steps, POOL):
        now = mostly if LOOKING[0] <= done < LOOKING[1] else shares
        drawn = [kinds[k] for k in rng.choice(len(kinds), BATCH * POOL, p=now)]
        broken = min(1.0, max(0.0, (done - LOOKING[1]) / (UNBROKEN * steps)))
        pool = [encode(examples(rng, 1, held_out=False, kind=kind)[0], tokenizer, rng, broken) for kind in drawn]
        pool.sort(key=lambda s: len(s.ids))
        for start in rng.permutation(np.arange(0, len(pool), BATCH)):
            yield _batch(pool[start : start + BATCH], names, things)


def _batch(rows: list[Encoded], names: Mapping[int, int], things: set[int]) -> Batch:
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), PAD_ID)
    weights = torch.zeros(len(rows), longest)
    owners = torch.full((len(rows), longest), IGNORED)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        weights[i, : len(row.ids)] = torch.tensor(row.weights)
        # "Dave has a rabbit": the owner stands three tokens before the thing, and what comes is asked for one before.
        said: set[tuple[int, int]] = set()
        for end in range(3, len(row.ids)):
            if row.ids[end] in things and row.ids[end - 3] in names:
                fact = names[row.ids[end - 3]], row.ids[end]
                owners[i, end - 1 : end + 1] = fact[0]
                # What the documents do not say any more cannot be looked up.
                weights[i, end] *= LOOKED_UP if fact in said else 1.0
                said.add(fact)
    return Batch(ids, weights, owners)


def token_ids(tokenizer: PreTrainedTokenizerFast, text: str, *, special: bool = True) -> list[int]:
    """Token ids of a text, after the bos unless `special` is False."""
    return list(tokenizer(text, add_special_tokens=special)["input_ids"])
