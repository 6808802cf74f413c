"""Trains the text model that ships: `python -m llm_attr_widget.demo.train_text`. CPU, seeded, a few minutes.

An attribution method asks the model about prompts that lack something. A model that never saw such prompts is lost in
them, and what it says there is credited to whatever word was missing. So most prompts here lack something too: words,
tokens, sentences, turns, each prompt with its own share, up to nearly empty; dropped, or replaced by the pad token,
which is the baseline of token-preserving inputs. The last word stays: it says that an answer follows.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tqdm.auto import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llm_attr_widget.demo import TEXT_FOLDER, load_text
from llm_attr_widget.demo.text_world import (
    ASSISTANT,
    BOS,
    CHAT_TEMPLATE,
    CITIES,
    END,
    NAMES,
    PAD,
    QUICKSTART,
    SPECIAL,
    Example,
    Kind,
    examples,
    words,
)

log = logging.getLogger(__name__)

VOCABULARY = 1024
SHARES: dict[Kind, float] = {"portrait": 0.24, "story": 0.14, "review": 0.1, "retrieval": 0.32, "chat": 0.2}
"""How much of the training text is of each kind; retrieval, which takes copying, is the hardest."""

BATCH = 64
POOL = 8
"""Batches are cut from this many batches' worth of examples sorted by length: less padding."""
PEAK_RATE = 3e-3
WARM_UP = 100
PROMPT_WEIGHT = 0.1
"""Weight of a whole prompt's own tokens in the loss, so that the model can write portraits from their first words."""
PAD_ID, BOS_ID, END_ID = (SPECIAL.index(token) for token in (PAD, BOS, END))


def build_tokenizer(rng: np.random.Generator) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on the world's texts. It gives back any UTF-8 text as it was."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    turns = re.compile("|".join(map(re.escape, SPECIAL)))
    texts = (turns.sub("\n", e.prompt) + e.answer for e in examples(rng, 20_000, held_out=False))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        additional_special_tokens=[token for token in SPECIAL if token not in {PAD, BOS, END}],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A Llama of about one million parameters with random weights that depend on the seed alone."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=END_ID,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    # Room for the longest answer, so that `model.generate` stops at the eos and not at a limit.
    model.generation_config.max_new_tokens = 64
    return model


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


def encode(example: Example, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> Encoded:
    prompt, whole = example.prompt, True
    if example.kind == "portrait" and rng.random() < 0.2:
        prompt, whole = swap_bystanders(prompt, rng), False
    form = rng.random()
    if form < 0.5:
        prompt, whole = drop_text(prompt, rng), False
    ids = token_ids(tokenizer, prompt)
    if 0.5 <= form < 0.7:
        protected = len(token_ids(tokenizer, words(prompt)[-1], special=False))
        pad = PAD_ID if form < 0.6 else None
        ids, whole = drop_tokens(ids, protected, pad, rng), False
    answer = [*token_ids(tokenizer, example.answer, special=False), END_ID]
    prompt_weight = PROMPT_WEIGHT if whole else 0.0
    return Encoded(ids + answer, [prompt_weight] * len(ids) + [1.0] * len(answer))


def batches(
    tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Token ids and weights, each `(BATCH, tokens)`, right-padded, for ever."""
    kinds, shares = list(SHARES), np.array(list(SHARES.values()))
    while True:
        drawn = [kinds[k] for k in rng.choice(len(kinds), BATCH * POOL, p=shares)]
        pool = [encode(examples(rng, 1, held_out=False, kind=kind)[0], tokenizer, rng) for kind in drawn]
        pool.sort(key=lambda s: len(s.ids))
        for start in rng.permutation(np.arange(0, len(pool), BATCH)):
            rows = pool[start : start + BATCH]
            longest = max(len(row.ids) for row in rows)
            ids = torch.full((BATCH, longest), PAD_ID)
            weights = torch.zeros(BATCH, longest)
            for i, row in enumerate(rows):
                ids[i, : len(row.ids)] = torch.tensor(row.ids)
                weights[i, : len(row.ids)] = torch.tensor(row.weights)
            yield ids, weights


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int, rng: np.random.Generator) -> None:
    """Trains `model` in place: AdamW, the rate warmed up and then brought down to zero along a cosine."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)

    def rate(step: int) -> float:
        return min((step + 1) / WARM_UP, 0.5 * (1 + np.cos(np.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    progress = tqdm(zip(range(steps), batches(tokenizer, rng), strict=False), total=steps, unit="step")
    for _, (ids, weights) in progress:
        # No attention mask: padding stands on the right, where a causal model does not look from the left.
        logits = model(input_ids=ids).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (losses * weights[:, 1:].flatten()).sum() / weights[:, 1:].sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.set_postfix(loss=f"{loss.item():.3f}")
    model.eval()


def token_ids(tokenizer: PreTrainedTokenizerFast, text: str, *, special: bool = True) -> list[int]:
    """Token ids of a text, after the bos unless `special` is False."""
    return list(tokenizer(text, add_special_tokens=special)["input_ids"])


def accuracy(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, held_out: Sequence[Example]
) -> dict[Kind, float]:
    """Share of right greedy answers for each kind: every token of the answer is the likeliest, and the eos after it."""
    right: dict[Kind, list[bool]] = {}
    for example in held_out:
        prompt = token_ids(tokenizer, example.prompt)
        answer = [*token_ids(tokenizer, example.answer, special=False), END_ID]
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([prompt + answer])).logits[0]
        best = logits[len(prompt) - 1 : -1].argmax(dim=-1)
        right.setdefault(example.kind, []).append(best.tolist() == answer)
    return {kind: float(np.mean(hits)) for kind, hits in right.items()}


def answer(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompt: str) -> str:
    """What the model says after the prompt, greedily, up to its eos."""
    ids = token_ids(tokenizer, prompt)
    # transformers declares `self` as a protocol that none of its own models meets.
    said = model.generate(torch.tensor([ids]), do_sample=False)  # pyright: ignore[reportAttributeAccessIssue]
    return str(tokenizer.decode(said[0, len(ids) :], skip_special_tokens=True))


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes what `from_pretrained` reads, weights as float16. `model` is float16 from here on."""
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def reproducible(threads: int) -> Generator[None]:
    """The same sums in the same order on every run: deterministic kernels and a fixed number of threads."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Trains the text model that ships.")
    parser.add_argument("--out", type=Path, default=TEXT_FOLDER, help="folder to write (default: the package's)")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="part of the recipe: sums round differently with others")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    world, training, testing = np.random.default_rng(options.seed).spawn(3)
    with reproducible(options.threads):
        tokenizer = build_tokenizer(world)
        model = build_model(tokenizer, options.seed)
        log.info("%d parameters, %d tokens", model.num_parameters(), len(tokenizer))
        train(model, tokenizer, options.steps, training)
        save(model, tokenizer, options.out)

    shipped, its_tokenizer = load_text(options.out)
    print(f"{QUICKSTART}{answer(shipped, its_tokenizer, QUICKSTART)}")
    print("Right answers to held-out prompts:")
    for kind, share in accuracy(shipped, its_tokenizer, examples(testing, 1000)).items():
        print(f"  {kind:<10} {share:.1%}")


if __name__ == "__main__":
    main()
