"""How generation is asked for on the wire: transformers' names, OpenAI's, and those that servers add to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llm_attr_widget.errors import InputError

RENAMED = {
    "max_new_tokens": "max_tokens",
    "min_new_tokens": "min_tokens",
    "stop_strings": "stop",
    "num_return_sequences": "n",
}
"""What `generate` of transformers calls otherwise."""
OPENAI = (
    "frequency_penalty",
    "logit_bias",
    "max_tokens",
    "n",
    "presence_penalty",
    "seed",
    "stop",
    "temperature",
    "top_p",
    "user",
)
ADDED = (
    "allowed_token_ids",
    "bad_words",
    "ignore_eos",
    "length_penalty",
    "min_p",
    "min_tokens",
    "repetition_penalty",
    "skip_special_tokens",
    "stop_token_ids",
    "top_k",
)
"""What vLLM and SGLang know beyond OpenAI's: sent along as they are."""
LOCAL = ("bos_token_id", "do_sample", "pad_token_id", "return_dict_in_generate", "use_cache")
"""What has no meaning on the wire."""
NEUTRAL: dict[str, Any] = {
    "diversity_penalty": 0.0,
    "early_stopping": False,
    "encoder_no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "n": 1,
    "no_repeat_ngram_size": 0,
    "num_beam_groups": 1,
    "num_beams": 1,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "remove_invalid_values": False,
    "renormalize_logits": False,
    "typical_p": 1.0,
}
"""What changes nothing, and so need not be known."""


def on_the_wire(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a server of completions takes them. Greedy where they set no temperature and no `do_sample`.

    options: by transformers' names or the server's; None is left out. `extra_body`: more of the server's own, which
    travel as they are. Raises InputError for what no server does (beams), or nobody knows.
    """
    asked = {RENAMED.get(name, name): value for name, value in options.items() if value is not None}
    extra: Any = asked.pop("extra_body", {})
    if not isinstance(extra, Mapping):
        raise InputError(f"Expected extra_body as a dict of the server's own options, got {type(extra).__name__}.")
    ends = asked.pop("eos_token_id", None)
    if ends is not None:
        asked["stop_token_ids"] = [ends] if isinstance(ends, int) else [int(end) for end in ends]
    sent = {name: value for name, value in asked.items() if name in (*OPENAI, *ADDED) and not _neutral(name, value)}
    rest = {name: value for name, value in asked.items() if name not in (*OPENAI, *ADDED, *LOCAL)}
    refused = sorted(name for name, value in rest.items() if not _neutral(name, value))
    if "n" in sent:
        refused.append("num_return_sequences")
    if refused:
        raise InputError(
            f"A server of completions does not take {', '.join(refused)}: it writes one text, token by token. It takes "
            f"{', '.join([*OPENAI, *ADDED])}; more of your server's own goes into extra_body={{…}}."
        )
    if options.get("do_sample") is False or not (options.get("do_sample") or "temperature" in sent):
        sent["temperature"] = 0.0
    return {**sent, **cast("Mapping[str, Any]", extra)}


def _neutral(name: str, value: Any) -> bool:
    return name in NEUTRAL and bool(value == NEUTRAL[name])
