"""Small tokenizers of every kind, made here: byte-level BPE, SentencePiece, WordPiece, bytes, without offsets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

CORPUS = (
    "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include",
    "The acting was wonderful! Who's there? Seattle, WA; 3.14 and more.\n\nA new paragraph.",
    "我喜欢吃饭。你呢？ 東京に住んでいます。",
    "مرحبا بالعالم. नमस्ते दुनिया।",
)
SNIPPETS = (
    *CORPUS, "<s>", "</s>", "[SEP]",
    " ", "\n", "\r\n", "\t", "\u3000", "👩‍👩‍👧", "é", "e\u0301", "don't", "U.S.", "...", "!!",
    "\u200b", "\ufffd", "▁", "##", "Ġ", "ß", "İ", "ﬁ", "สวัสดี", "<script>", "a", "b", "\x00", "𝒳", "\u202e",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(SNIPPETS), max_size=8).map("".join),
    st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=3)), max_size=8).map("".join),
)
"""Any text: no surrogates (they are no characters), many scripts, special tokens, odd spaces."""


class WithoutOffsets:
    """Only what the package asks of a tokenizer: no offsets, no batches."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.pad_token_id = tokenizer.pad_token_id
        self.unk_token_id = tokenizer.unk_token_id
        self.eos_token_id = tokenizer.eos_token_id

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, Any]:
        assert isinstance(text, str)
        return {"input_ids": self._tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"]}

    def decode(self, token_ids: Sequence[int], /) -> str:
        return self._tokenizer.decode(token_ids)

    def convert_ids_to_tokens(self, ids: Sequence[int], /) -> list[str]:
        return self._tokenizer.convert_ids_to_tokens(ids)

    @property
    def all_special_ids(self) -> list[int]:
        return self._tokenizer.all_special_ids


def _byte_bpe(*special: str, size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_bpe() -> PreTrainedTokenizerFast:
    """As of Llama 3: a bos is added, the pad token is its own."""
    tokenizer = _byte_bpe("<s>", "</s>", "<pad>", size=340)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def plain_bpe() -> PreTrainedTokenizerFast:
    """As of GPT-2: nothing is added, eos is the only special token, offsets leave out spaces."""
    tokenizer = _byte_bpe("<|endoftext|>", size=300)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def sentencepiece() -> PreTrainedTokenizerFast:
    """As of Llama 2: ▁ for spaces, one put before the text, characters it does not know as bytes."""
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<unk>", "<s>", "</s>", *fallback], show_progress=False, limit_alphabet=40
    )
    tokenizer.train_from_iterator([CORPUS[0]] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", legacy=False
    )


def wordpiece() -> PreTrainedTokenizerFast:
    """As of BERT: lower case, no accents, unknown words, ## for the rest of a word."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=120, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS[:2], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]", pad_token="[PAD]"
    )


KINDS = {
    "byte_bpe": byte_bpe,
    "plain_bpe": plain_bpe,
    "sentencepiece": sentencepiece,
    "wordpiece": wordpiece,
    "bytes": lambda: ByT5Tokenizer(eos_token="<eos>"),
    "byte_bpe_without_offsets": lambda: WithoutOffsets(byte_bpe()),
    "plain_bpe_without_offsets": lambda: WithoutOffsets(plain_bpe()),
    "sentencepiece_without_offsets": lambda: WithoutOffsets(sentencepiece()),
    "wordpiece_without_offsets": lambda: WithoutOffsets(wordpiece()),
}


@cache
def tokenizer_of(kind: str) -> Any:
    return KINDS[kind]()
