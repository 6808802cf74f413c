"""Trains the text model that ships: `python -m training.text`. CPU, seeded, a few minutes.

What it is trained on is in `training/text_batches.py`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tqdm.auto import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llm_attr_widget.demo import TEXT_FOLDER, load_text
from llm_attr_widget.demo.text_world import (
    BOS,
    CHAT_TEMPLATE,
    END,
    NAMES,
    PAD,
    QUICKSTART,
    SPECIAL,
    Example,
    Kind,
    examples,
)
from training.recipe import options_of, report, reproducible, write_for_all_versions
from training.text_batches import BOS_ID, END_ID, IGNORED, PAD_ID, batches, token_ids

log = logging.getLogger(__name__)

VOCABULARY = 1024
WIDTH = 128
SPREAD = 0.06
"""Standard deviation of the first weights: with the usual 0.02 so narrow a model is late to learn to copy a word."""
PEAK_RATE = 3e-3
WARM_UP = 100
MIDDLE = 2
"""Layers below the state that `Owner` reads."""


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
        hidden_size=WIDTH,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        initializer_range=SPREAD,
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


class Owner(torch.nn.Module):
    """Whose a thing is, read off the token's state in the middle of the model: to look it up, that must be told."""

    def __init__(self) -> None:
        super().__init__()
        self.read = torch.nn.Linear(WIDTH, len(NAMES))

    def loss(self, states: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
        """states (rows, tokens, width); owners (rows, tokens)."""
        told = self.read(torch.nn.functional.rms_norm(states, (WIDTH,)))
        return torch.nn.functional.cross_entropy(told.flatten(0, 1), owners.flatten(), ignore_index=IGNORED)


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int, rng: np.random.Generator) -> None:
    """Trains `model` in place: AdamW, the rate warmed up and then brought down to zero along a cosine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        owner = Owner()
    weights = [*model.parameters(), *owner.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)

    def rate(step: int) -> float:
        return min((step + 1) / WARM_UP, 0.5 * (1 + np.cos(np.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    progress = tqdm(zip(range(steps), batches(tokenizer, steps, rng), strict=False), total=steps, unit="step")
    for _, batch in progress:
        # No attention mask: padding stands on the right, where a causal model does not look from the left.
        said = model(input_ids=batch.ids, output_hidden_states=True)
        logits, counted = said.logits[:, :-1], batch.weights[:, 1:].flatten()
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.ids[:, 1:].flatten(), reduction="none")
        loss = (losses * counted).sum() / counted.sum()
        if (batch.owners != IGNORED).any():
            loss = loss + owner.loss(said.hidden_states[MIDDLE], batch.owners)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        progress.set_postfix(loss=f"{loss.item():.3f}", looked_up=f"{losses[counted > 1].mean().item():.3f}")
    model.eval()


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
    write_for_all_versions(folder)


def main(argv: Sequence[str] | None = None) -> None:
    parser = options_of("Trains the text model that ships.", TEXT_FOLDER)
    parser.add_argument("--steps", type=int, default=1200)
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
    print(report(accuracy(shipped, its_tokenizer, examples(testing, 1000)), "held-out prompts"))


if __name__ == "__main__":
    main()
