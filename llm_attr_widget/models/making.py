"""A scorer of whatever the caller has, and the tokenizer that goes with it."""

from __future__ import annotations

from typing import Any, TypeGuard

from llm_attr_widget.errors import CapabilityError
from llm_attr_widget.tokens import tokenizer_of
from llm_attr_widget.types import Scorer


def as_model(model: Any, tokenizer: Any) -> tuple[Scorer, Any]:
    """The model as a Scorer, and the tokenizer or processor to use with it: the one given, else the model's own.

    model: a Scorer, a Hugging Face (or similar torch) model, or a transformers pipeline, whose model and tokenizer are
    taken. Raises CapabilityError for anything else: a name, a class, a tokenizer in the model's place.
    """
    model, tokenizer = unpacked(model, tokenizer)
    if _is_scorer(model):
        return model, tokenizer if tokenizer is not None else getattr(model, "tokenizer", None)
    from llm_attr_widget.models.huggingface.model import HuggingFaceModel

    return HuggingFaceModel(model, tokenizer_of(tokenizer)), tokenizer


def unpacked(model: Any, tokenizer: Any) -> tuple[Any, Any]:
    """The model and the tokenizer that goes with it as they are, out of the pipeline where it is one.

    Raises CapabilityError as `as_model`.
    """
    if _is_pipeline(model):
        own = getattr(model, "processor", None) or model.tokenizer
        return unpacked(model.model, own if tokenizer is None else tokenizer)
    _check_model(model)
    if tokenizer is not None:
        check_tokenizer(tokenizer)
    return model, tokenizer


def _is_pipeline(model: Any) -> bool:
    return all(hasattr(model, name) for name in ("model", "tokenizer", "preprocess", "postprocess"))


def _is_tokenizer(given: Any) -> bool:
    """A tokenizer, or a processor, which has one."""
    words = tokenizer_of(given)
    return hasattr(words, "decode") and hasattr(words, "convert_ids_to_tokens")


def _is_scorer(given: Any) -> TypeGuard[Scorer]:
    # A sequence classifier of transformers has a layer that is called `score`, which makes it no Scorer.
    return isinstance(given, Scorer) and not hasattr(given.score, "forward")


def _is_network(given: Any) -> bool:
    return hasattr(given, "parameters") and hasattr(given, "forward")


def _check_model(model: Any) -> None:
    if isinstance(model, str):
        raise CapabilityError(
            f"Expected a model, got the name {model!r}. Load it first: "
            f"AutoModelForCausalLM.from_pretrained({model!r}), and its tokenizer with AutoTokenizer."
        )
    if isinstance(model, type):
        raise CapabilityError(f"Expected a model, got the class {model.__name__}. Make a model of it first.")
    if not _is_scorer(model) and _is_tokenizer(model) and not _is_network(model):
        raise CapabilityError(
            f"Expected the model first and then its tokenizer, got a {type(model).__name__} first. Swap the two."
        )
    if not _is_scorer(model) and not callable(model):
        raise CapabilityError(
            f"Expected a Hugging Face model, a pipeline, or a Scorer, got {type(model).__name__}. "
            "Load the model first, or give it a method `score` (see llm_attr_widget.types.Scorer)."
        )


def _encodes(given: Any) -> bool:
    return callable(given) or callable(getattr(given, "encode", None))


def check_tokenizer(tokenizer: Any) -> None:
    """Raises CapabilityError for what is no tokenizer and no processor."""
    if isinstance(tokenizer, str):
        raise CapabilityError(
            f"Expected a tokenizer, got the text {tokenizer!r:.60}. Give the model, then its tokenizer, then the "
            "prompt; a tokenizer is loaded by AutoTokenizer.from_pretrained."
        )
    if isinstance(tokenizer, type) or _is_network(tokenizer) or not _encodes(tokenizer):
        got = f"the class {tokenizer.__name__}" if isinstance(tokenizer, type) else f"a {type(tokenizer).__name__}"
        raise CapabilityError(f"Expected the model's tokenizer or processor after it, got {got}.")
