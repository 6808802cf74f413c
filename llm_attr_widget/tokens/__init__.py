"""All that is known of tokenizers: what they are asked, which tokens are no one's words, and a text for each token."""

from __future__ import annotations

from llm_attr_widget.tokens.asking import decode, named_id, repaired, token_id, token_names, tokenizer_of
from llm_attr_widget.tokens.control import added_texts, special_ids, special_texts
from llm_attr_widget.tokens.encoding import begins_itself, encode, encode_target
from llm_attr_widget.tokens.texts import aligned_texts, token_texts

__all__ = [
    "added_texts",
    "aligned_texts",
    "begins_itself",
    "decode",
    "encode",
    "encode_target",
    "named_id",
    "repaired",
    "special_ids",
    "special_texts",
    "token_id",
    "token_names",
    "token_texts",
    "tokenizer_of",
]
