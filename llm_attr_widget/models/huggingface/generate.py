"""Writing a target with the model."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch

from llm_attr_widget.errors import CapabilityError, InputError
from llm_attr_widget.models.base import Limits, check_prompts, flat, length_asked
from llm_attr_widget.models.huggingface.anatomy import Anatomy, left_as_found
from llm_attr_widget.models.huggingface.beginning import beginning
from llm_attr_widget.models.huggingface.extras import stacked
from llm_attr_widget.models.huggingface.forward import forward, padded, started
from llm_attr_widget.types import Prompt

_REFUSALS = (AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
"""What `generate` raises about arguments that it does not take, or not together."""


def generated(
    anatomy: Anatomy, tokenizer: Any, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]
) -> tuple[int, ...]:
    """Token ids after the prompt, without the end-of-sequence token, no more than the model has positions for.

    options: arguments of the model's `generate`, a `generation_config` among them, and `seed`. A length that they give
    counts, not `max_new_tokens`. An encoder-decoder's ids come without what its decoder begins with.
    The caller's random state is left alone. Raises InputError or TargetError for a prompt that does not fit the model,
    InputError for options that `generate` refuses or that ask for several texts.
    """
    asked = flat(options)
    check_prompts([prompt], [0], anatomy.limits)
    ids, mask = padded([started(prompt, anatomy)], anatomy)
    begun = beginning(anatomy, options) if anatomy.limits.separate else tuple(ids[0].tolist())
    most = min(_length(asked, max_new_tokens, len(begun)), _room(anatomy.limits, len(begun)))
    if (asked.get("num_return_sequences") or 1) != 1:
        raise InputError(
            f"Expected num_return_sequences=1, since one target is explained, got {asked['num_return_sequences']}. "
            "Leave it out, and give another text as `against`."
        )
    with left_as_found(anatomy.model), _seeded(anatomy.device, asked.get("seed", 0)):
        arguments = {"attention_mask": mask, **stacked([prompt.extras], anatomy, ids.shape[1])}
        arguments |= {**_arguments(anatomy, tokenizer, options, begun), "input_ids": ids, "max_new_tokens": most}
        if not _takes(anatomy, arguments):
            return _greedy(anatomy, ids, prompt, most, asked)
        try:
            written = cast(Any, anatomy.model).generate(**arguments)
        except _REFUSALS as error:
            if not options:
                raise
            raise InputError(
                f"{type(anatomy.core).__name__}.generate does not take these generation arguments "
                f"({', '.join(sorted(options))}): {error} Leave out what it refuses, or give the target yourself."
            ) from error
    sequence = written if isinstance(written, torch.Tensor) else written.sequences
    return _until_end(sequence[0, len(begun) :].tolist(), _ends(anatomy, asked))


def _takes(anatomy: Anatomy, arguments: Mapping[str, Any]) -> bool:
    """Whether the model writes when called as transformers' models are. nanoGPT's `generate(idx, n)` samples, and
    HookedTransformer's names its arguments otherwise: such modules are decoded greedily from their logits.
    """
    generate = getattr(anatomy.model, "generate", None)
    if not callable(generate):
        return False
    try:
        inspect.signature(generate).bind(**arguments)
    except TypeError:
        return False
    return True


def _length(asked: Mapping[str, Any], max_new_tokens: int, begun: int) -> int:
    """How many tokens to write: `max_length` counts those before them, as in transformers."""
    longest = asked.get("max_length")
    if longest is None or asked.get("max_new_tokens") is not None:
        return length_asked(asked, max_new_tokens)[0]
    if longest <= begun:
        raise InputError(
            f"max_length={longest} leaves no room to write after {begun} tokens. Give max_new_tokens instead, "
            "which does not count the prompt."
        )
    return longest - begun


def _room(limits: Limits, begun: int) -> int:
    """Most tokens that can be scored after so many; the last one is only predicted, never read."""
    return sys.maxsize if limits.max_positions is None else limits.max_positions - max(begun, 1) + 1


def _arguments(anatomy: Anatomy, tokenizer: Any, options: Mapping[str, Any], begun: tuple[int, ...]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if name not in ("seed", "max_new_tokens", "max_length")}
    asked = flat(options)
    if asked.get("pad_token_id") is None:
        given["pad_token_id"] = anatomy.pad
    given.setdefault("do_sample", bool(asked.get("do_sample")))
    if not given["do_sample"]:
        # A checkpoint's sampling settings are none of greedy decoding's business, and transformers warns about them.
        given |= {name: None for name in ("temperature", "top_p", "top_k") if name not in options}
    if asked.get("stop_strings"):
        given.setdefault("tokenizer", tokenizer)
    if anatomy.limits.separate:
        given |= {
            "decoder_start_token_id": begun[0],
            "decoder_input_ids": torch.tensor([begun], device=anatomy.device),
        }
    return given


@contextmanager
def _seeded(device: torch.device, seed: Any) -> Generator[None]:
    """Inside, torch draws from this seed, wherever the model is; afterwards its random state is as before."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"Expected the seed of generation as a whole number of at least 0, got {seed!r}.")
    if device.type == "cpu":
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            yield
        return
    module: Any = getattr(torch, device.type)
    several = hasattr(module, "manual_seed_all")
    # A model can be spread over all devices of a kind; Apple's only one keeps its state by itself.
    with torch.random.fork_rng(
        devices=range(module.device_count()) if several else [], device_type=device.type if several else "cuda"
    ):
        torch.default_generator.manual_seed(seed)
        before = None if several else module.get_rng_state()
        (module.manual_seed_all if several else module.manual_seed)(seed)
        try:
            yield
        finally:
            if before is not None:
                module.set_rng_state(before)


def _greedy(
    anatomy: Anatomy, ids: torch.Tensor, prompt: Prompt, max_new_tokens: int, asked: Mapping[str, Any]
) -> tuple[int, ...]:
    followed = {"seed", "do_sample", "max_new_tokens", "max_length", "eos_token_id", "num_return_sequences"}
    unknown = sorted(set(asked) - followed)
    if unknown or asked.get("do_sample"):
        raise CapabilityError(
            f"{type(anatomy.core).__name__} has no generate() that takes transformers' arguments, so its target is "
            f"decoded greedily and the options {unknown or ['do_sample']} cannot be followed. Leave them out, or give "
            "the target yourself."
        )
    ends, new = _ends(anatomy, asked), list[int]()
    while len(new) < max_new_tokens:
        further = stacked([prompt.extras], anatomy, ids.shape[1])
        last = torch.tensor([ids.shape[1] - 1], device=anatomy.device)
        token = int(forward(anatomy, ids, mask=torch.ones_like(ids), keep=last, further=further).logits[0, -1].argmax())
        if token in ends:
            break
        new.append(token)
        ids = torch.cat([ids, torch.tensor([[token]], device=anatomy.device)], dim=1)
    return tuple(new)


def _ends(anatomy: Anatomy, asked: Mapping[str, Any]) -> frozenset[int]:
    """The tokens that end a text: those asked for, where some are (None: none), else the model's own."""
    if "eos_token_id" not in asked:
        return anatomy.ends
    found = asked["eos_token_id"]
    found = found.tolist() if isinstance(found, torch.Tensor) else found
    ends = cast("Iterable[int | None]", found if isinstance(found, list | tuple | set) else [found])
    return frozenset(int(end) for end in ends if end is not None)


def _until_end(ids: list[int], ends: frozenset[int]) -> tuple[int, ...]:
    stop = next((index for index, token in enumerate(ids) if token in ends), len(ids))
    return tuple(ids[:stop])
