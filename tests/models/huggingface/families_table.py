"""Writes docs/families.md, the path found for each family: `python -m tests.models.huggingface.families_table`."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from pathlib import Path

import numpy as np
import transformers

from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.probe import probe
from tests.models.asked import NATS, TARGET, Tokenizer, ask, family
from tests.models.huggingface.every_family import Found, examine_all
from tests.models.huggingface.families import BUILDERS
from tests.models.huggingface.with_images import examine_all_with_images

PAGE = Path(__file__).parents[3] / "docs" / "families.md"
HEAD = f"""# Which path each model family takes

Written by `python -m tests.models.huggingface.families_table`; a test holds it against what the scorer really does.

Log-probs are held against teacher forcing written by hand (one prompt, no padding, no cache) on tiny random models,
with prompts of 1 to 30 tokens and sliding windows of 8: all are within {NATS:g} nats in float32. Half precision is held
against scores of the same number type, one prompt at a time: within two of its steps at the largest logit, at most 0.4
nats (bfloat16) and 0.06 nats (float16).

- **packed tree**: all prompts as one tree of tokens, each distinct prefix read once, with a mask that lets a token see
  its ancestors alone.
- **padded**: batches of prompts of similar length, filled up on the right.
- **stepwise, left-padded** and **stepwise, one length at a time**: the target is fed token by token, with a cache.

A family that is not listed is not trusted: its first prompts are scored the plain way too, one at a time, and the
fastest path that agrees is taken. What does not agree is left with a line in the log. Prompts with images are one tree,
too, and each image is read once, where text may not look ahead into it (LLaVA, Qwen2-VL, Idefics3); elsewhere (Gemma 3)
they are scored padded; stepwise, one length at a time.

Some families look at where a token stands in a row, or how long the row is, whatever positions they are given:

- GPT-Neo, GPTBigCode and OpenAI's GPT make a causal mask of their own, GPT-Neo a local one, too; BERT-like decoders and
  BigBird hold a type for each place in a row. Rows of the tree are no longer than those, or than the local window.
- LongRoPE (Phi-3, Phi-4-mini, PhiMoE) and dynamic ropes have other factors in longer passes. Tokens of a target that
  are read at lengths with different factors do not share a pass, and beyond the first switch nothing is one tree.

Of others nothing of the kind is known, and none is trusted: whenever a row is longer than all before it, some of its
prompts are read again, each alone, before any score of that row is given out.

| family | one pass | stepwise |
|---|---|---|
"""


def paths(name: str) -> tuple[str, str]:
    """Names of the paths for one pass and stepwise. Raises AssertionError where the scores are not exact."""
    model, asked, truth = family(name)
    found: list[str] = []
    for scoring in ("one_pass", "stepwise"):
        scores = ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), asked)
        np.testing.assert_allclose(scores, truth, atol=NATS, rtol=0)
        path, _ = probe(look_at(model, Tokenizer()), [asked[1], asked[0]], TARGET, scoring)
        found.append(path.name)
    return found[0], found[1]


def page() -> str:
    return HEAD + "".join(f"| {name} | {' | '.join(paths(name))} |\n" for name in BUILDERS)


EVERY = """
## Every family that transformers builds small

All classes of transformers {version} that write text, {count} of them, each as a small random model made from its own
default config, in a process of its own; models that read images, too, are asked about text alone here.

- *largest error*: from teacher forcing written by hand, a power of ten that it stays below, from 1e-05 on, in nats.
- *`generate` agrees*: whether `generate`, made to write the same tokens, gives the same log-probs, within {nats:g}.

Where `generate` does not agree, the scores are those of the model's plain forward pass. What is known,
tried or read in the code of that version:

- RoBERTa and its kin (CamemBERT, Data2Vec, XLM-RoBERTa, X-MOD) number positions from `pad_token_id + 1` on when they
  are called, as they did in training, and from 0 on in `generate`. With those positions given to it, it agrees.
- XLM reads a mask token after the text, and XLNet an empty place that sees all before it; their plain forward passes
  read no such thing, and let a token see what comes later.
- Moshi's decoder, ProphetNet and CPM-Ant say something else with a cache than without: in CPM-Ant all of a row sees all
  of it, but not what a cache kept. With `use_cache=False`, they agree.
- PaliGemma's forward takes all of a row for its prefix, where it is not told otherwise (`token_type_ids`); it is told
  that prompts are the prefix, and targets what is written after it, as in `generate`, and agrees.

| family | class | path | largest error | `generate` agrees |
|---|---|---|---|---|
"""
WITH_IMAGES = """
## Every family with an image

The {count} classes of the same version that write text after images, each as a small random model, asked about two
images of noise, each with two texts of other lengths; the images are laid out, and counted in tokens, as the family's
processor does it. *One pass* and *stepwise* are the paths that are taken; errors are the larger of both.

| family | class | one pass | stepwise | largest error | `generate` agrees |
|---|---|---|---|---|---|
"""
REFUSED = """
### Not scored

| family | class | reason |
|---|---|---|
"""


def row(found: Found) -> str:
    """One line of the table of families that are scored."""
    error = f"{10.0 ** ceil(log10(max(found.error, 1e-5))):.0e}"
    if isinstance(found.written, str):
        agrees = f"cannot tell: {found.written}"
    else:
        agrees = "yes" if found.written <= NATS else f"no: {found.written:.2g} nats off"
    paths = f"{found.path} | {found.stepwise}" if found.stepwise else found.path
    return f"| {found.family} | {found.model_class} | {paths} | {error} | {_cell(agrees)} |\n"


def refusal(found: Found) -> str:
    return f"| {found.family} | {found.model_class} | {_cell(found.refused)} |\n"


def every(found: Sequence[Found], head: str = EVERY) -> str:
    """A section on every family. Raises AssertionError where scores are not exact: then there is a fault to mend."""
    scored = [each for each in found if not each.refused]
    wrong = [each for each in scored if not each.right]
    assert not wrong, wrong
    said = head.format(version=transformers.__version__, count=len(found), nats=NATS)
    return said + "".join(map(row, scored)) + REFUSED + "".join(refusal(each) for each in found if each.refused)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    with_images = every(tuple(examine_all_with_images()), WITH_IMAGES)
    PAGE.write_text(page() + every(tuple(examine_all())) + with_images, encoding="utf-8")
