"""What a model's forward takes, where its inputs go, and how it is left as it was found."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from llm_attr_widget.models.base import Limits
from llm_attr_widget.models.huggingface.kernels import effective, masked_attention
from llm_attr_widget.models.huggingface.limits import limits_of
from llm_attr_widget.models.huggingface.rope import Ropes, fresh_ropes, ropes_of


@dataclass(frozen=True)
class Anatomy:
    """A model, looked at from outside. Nothing here changes it.

    model: what is called. A module wrapped by `torch.compile` is called uncompiled: prompts of many lengths would
        compile it again and again. One wrapped by `DataParallel` is called on its first device: it would cut a pass
        of one long row, and masks with it, at the wrong axis.
    core: the model inside adapters (PEFT) and wrappers.
    config: the configuration of its text part (`cfg` in HookedTransformer), or None for a module without one.
    accepts: names of the arguments its forward takes. ids_name: by which it takes token ids, or None by position.
    device: where token ids go; an offloaded model's parameters are elsewhere.
    ropes: where rotary embeddings change with the length of a pass.
    pad: a token id to fill rows with. start: what an empty prompt is given to begin with, or None.
    ends: token ids that end what the model writes.
    decoder_start: what the decoder begins with: its start token, and what is forced after it. Encoder-decoders alone;
        empty for one that does not say.
    """

    model: nn.Module
    core: nn.Module
    config: Any
    accepts: frozenset[str]
    ids_name: str | None
    device: torch.device
    dtype: torch.dtype
    limits: Limits
    ropes: Ropes
    pad: int
    start: int | None
    ends: frozenset[int]
    decoder_start: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(getattr(self.config, "name_or_path", "") or type(self.core).__name__)

    @property
    def known(self) -> bool:
        """Whether its class is one of the transformers library's own."""
        return isinstance(self.core, PreTrainedModel) and type(self.core).__module__.startswith("transformers.")

    @property
    def cache_name(self) -> str | None:
        """By which name its forward takes a cache: `cache` since transformers 5.24, by kind of layers before."""
        return next((name for name in ("cache", "cache_params", "past_key_values") if name in self.accepts), None)

    @property
    def attention(self) -> str | None:
        """Name of the attention implementation that scores are taken under, None for a module of one's own."""
        return effective(self.core, getattr(self.config, "_attn_implementation", None))


def look_at(model: nn.Module, tokenizer: Any) -> Anatomy:
    called = unwrapped(model)
    core, virtual = _inside(called)
    config: Any = getattr(core, "config", getattr(core, "cfg", None))
    text = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
    # Some models with images have an encoder-decoder for their text, and don't say so themselves (InstructBLIP).
    separate = any(
        getattr(part, "is_encoder_decoder", False) for part in (config, getattr(config, "text_config", None))
    )
    taken = list(inspect.signature(core.forward).parameters)
    accepts = frozenset(taken)
    embedding = _embedding(core)
    limits = limits_of(core, text, embedding, separate=separate)
    if virtual:
        # Prompt tuning puts tokens of its own before ours: positions counted from the start would be off.
        accepts -= {"logits_to_keep", "num_logits_to_keep", "position_ids"}
    return Anatomy(
        model=called,
        core=core,
        config=text,
        accepts=accepts,
        ids_name="input_ids" if "input_ids" in taken[1:] else None,
        device=_device(core, embedding),
        dtype=_dtype(core, embedding),
        limits=limits,
        ropes=ropes_of(text),
        pad=_pad(tokenizer, text, limits.vocabulary),
        start=_first_id(tokenizer, text, ("bos_token_id", "eos_token_id")),
        ends=_ends(core, text, tokenizer),
        decoder_start=_decoder_start(core, config, text) if separate else (),
    )


@contextmanager
def left_as_found(model: nn.Module) -> Generator[None]:
    """No dropout and no gradients inside, attention that takes masks, and ropes that have read nothing yet.

    Afterwards training flags, attention and ropes are as before, the rope offsets of Qwen-VL among them.
    """
    modules = list(model.modules())
    training = [module for module in modules if module.training]
    offsets = [(module, module.rope_deltas) for module in modules if "rope_deltas" in vars(module)]
    try:
        for module in training:
            module.training = False
        with torch.no_grad(), masked_attention(model), fresh_ropes(model):
            yield
    finally:
        for module in training:
            module.training = True
        for module, deltas in offsets:
            module.rope_deltas = deltas


def unwrapped(model: nn.Module) -> nn.Module:
    """Without `torch.compile` and without the wrappers that copy a model to several devices."""
    copied = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    called = cast(nn.Module, getattr(model, "_orig_mod", model))
    while isinstance(called, copied):
        inside = cast(nn.Module, called.module)
        called = cast(nn.Module, getattr(inside, "_orig_mod", inside))
    return called


def _inside(model: nn.Module) -> tuple[nn.Module, bool]:
    """The model inside FSDP's wrapper and PEFT, and whether PEFT puts virtual tokens before the prompt."""
    wrapped = type(model).__name__ == "FullyShardedDataParallel"
    return _inside_adapters(cast(nn.Module, model.module) if wrapped else model)


def _inside_adapters(model: nn.Module) -> tuple[nn.Module, bool]:
    """The model inside PEFT, and whether PEFT puts virtual tokens before the prompt."""
    if not hasattr(model, "peft_config") or not hasattr(model, "get_base_model"):
        return model, False
    active = getattr(model, "active_peft_config", None)
    return cast(Any, model).get_base_model(), bool(getattr(active, "is_prompt_learning", False))


def _embedding(core: nn.Module) -> nn.Module | None:
    try:
        return cast(Any, core).get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None


def _device(core: nn.Module, embedding: nn.Module | None) -> torch.device:
    for module in (embedding, core):
        # accelerate keeps an offloaded module's weights on "meta" and says on its hook where it runs.
        runs_on = getattr(getattr(module, "_hf_hook", None), "execution_device", None)
        if runs_on is not None:
            return torch.device(runs_on)
    return _anchor(core, embedding).device


def _dtype(core: nn.Module, embedding: nn.Module | None) -> torch.dtype:
    dtype = _anchor(core, embedding).dtype
    return dtype if dtype.is_floating_point else torch.float32


def _anchor(core: nn.Module, embedding: nn.Module | None) -> torch.Tensor:
    weight = getattr(embedding, "weight", None)
    if isinstance(weight, torch.Tensor):
        return weight
    return next(core.parameters(), torch.empty(0))


def _pad(tokenizer: Any, config: Any, vocabulary: int | None) -> int:
    for owner in (tokenizer, config):
        token = getattr(owner, "pad_token_id", None)
        if isinstance(token, int) and 0 <= token < (vocabulary or token + 1):
            return token
    return 0


def _first_id(tokenizer: Any, config: Any, names: tuple[str, ...]) -> int | None:
    for owner in (tokenizer, config):
        for name in names:
            token = getattr(owner, name, None)
            if isinstance(token, list | tuple) and token:
                token = cast(Any, token[0])
            if isinstance(token, int) and token >= 0:
                return token
    return None


def _decoder_start(core: nn.Module, config: Any, text: Any) -> tuple[int, ...]:
    """As `generate` begins: its config's start, else its bos, and the model's own config only where neither is there.

    Empty where nothing says what the decoder begins with.
    """
    owners = (getattr(core, "generation_config", None), config, text)
    named = [getattr(owner, name, None) for owner in owners for name in ("decoder_start_token_id", "bos_token_id")]
    start = [int(token) for token in named if isinstance(token, int)][:1]
    forced = [getattr(owner, "forced_bos_token_id", None) for owner in owners]
    return (*start, *[token for token in forced if isinstance(token, int)][:1]) if start else ()


def _ends(core: nn.Module, config: Any, tokenizer: Any) -> frozenset[int]:
    """Where the model says nothing, the tokenizer knows what ends a text."""
    for owner in (getattr(core, "generation_config", None), config, tokenizer):
        found = getattr(owner, "eos_token_id", None)
        ends = cast("list[Any]", list(found) if isinstance(found, list | tuple) else [found])
        known = frozenset(int(end) for end in ends if end is not None)
        if known:
            return known
    return frozenset()
