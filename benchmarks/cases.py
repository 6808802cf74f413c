"""What is attributed: random models of well-known shapes, a tokenizer of made-up words, a prompt and a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import transformers as tf
from captum.attr import TextTemplateInput, TextTokenInput
from tokenizers import Tokenizer, models, pre_tokenizers

Model = Any
"""A causal model of transformers."""


@dataclass(frozen=True)
class Shape:
    """A prompt of words, each one token: `head` words that are always present, then the features, then a word."""

    features: int
    words_per_feature: int
    head: int
    target: int


SHORT = Shape(features=24, words_per_feature=2, head=8, target=16)
LONG = Shape(features=20, words_per_feature=50, head=8, target=16)
LONG_HEAD = Shape(features=20, words_per_feature=10, head=800, target=16)
QUICK = Shape(features=5, words_per_feature=2, head=3, target=4)


@dataclass(frozen=True)
class Case:
    """A model and what it is asked about. target: token ids."""

    name: str
    model: Model
    tokenizer: Any
    shape: Shape
    target: torch.Tensor

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def prompt_tokens(self) -> int:
        return self.shape.head + self.shape.features * self.shape.words_per_feature + 1

    def slots(self) -> TextTemplateInput:
        """Features are stretches of words, left out where they are absent."""
        head, features, tail = self._words()
        template = " ".join([*head, *("{}" for _ in features), tail])
        return TextTemplateInput(template, [" ".join(words) for words in features])

    def tokens(self) -> TextTokenInput:
        """Features are tokens, replaced by the unknown token where they are absent."""
        head, features, tail = self._words()
        text = " ".join([*head, *(word for words in features for word in words), tail])
        return TextTokenInput(text, self.tokenizer, baselines=self.tokenizer.unk_token_id)

    def _words(self) -> tuple[list[str], list[list[str]], str]:
        each, shape = self.shape.words_per_feature, self.shape
        generator = torch.Generator().manual_seed(1)
        drawn = torch.randint(1, len(self.tokenizer), (self.prompt_tokens,), generator=generator).tolist()
        words = self.tokenizer.convert_ids_to_tokens(drawn)
        starts = range(shape.head, shape.head + shape.features * each, each)
        return words[: shape.head], [words[start : start + each] for start in starts], words[-1]


def make_case(name: str, shape: Shape, device: str) -> Case:
    torch.manual_seed(0)
    config, dtype = CONFIGS[name]
    with torch.device(device):
        model = tf.AutoModelForCausalLM.from_config(config(), dtype=dtype).eval()
    target = torch.randint(1, model.config.vocab_size, (shape.target,), generator=torch.Generator().manual_seed(2))
    return Case(name, model, word_tokenizer(model.config.vocab_size), shape, target)


def word_tokenizer(size: int) -> Any:
    """Words "w1", "w2" …, one token each, so that prompts have the lengths that are asked for."""
    vocabulary = {"<unk>": 0, **{f"w{number}": number for number in range(1, size)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def _llama(hidden: int, inner: int, layers: int, heads: int, groups: int, vocabulary: int) -> tf.LlamaConfig:
    return tf.LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=4096,
    )


CONFIGS = {
    "gpt2": (tf.GPT2Config, torch.float32),
    "llama": (lambda: _llama(768, 2048, 16, 12, 4, 32_000), torch.float32),
    "llama-1b": (lambda: _llama(2048, 8192, 16, 32, 8, 128_256), torch.bfloat16),
    "llama-7b": (lambda: _llama(4096, 11_008, 32, 32, 32, 32_000), torch.bfloat16),
    "tiny": (lambda: _llama(32, 64, 2, 4, 2, 200), torch.float32),
}
"""Shapes: GPT-2 (124M), a Llama of about 150M, Llama 3.2 1B, Llama 2 7B; and one for trying the benchmark itself."""
