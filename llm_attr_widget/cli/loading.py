"""A model and what goes with it, by a folder or a name on the model hub."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llm_attr_widget.errors import CapabilityError

DTYPES = ("float32", "float64", "float16", "bfloat16", "auto")

_log = logging.getLogger(__name__)


def add(parser: argparse.ArgumentParser) -> None:
    """The words that say which model, and how to load it."""
    parser.add_argument("model", metavar="MODEL", help="a folder, or a name on the model hub")
    parser.add_argument(
        "--dtype", choices=DTYPES, default="float32", help="number type (default: float32; auto: as transformers does)"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps … (default: cuda where there is one, else cpu)")


def text_model(options: argparse.Namespace) -> tuple[Any, Any]:
    """The model, in evaluation mode, and its tokenizer. Raises CapabilityError where it cannot be loaded."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    with _in_a_sentence(options.model), _bars(options):
        both = AutoConfig.from_pretrained(options.model).is_encoder_decoder
        kind: Any = AutoModelForSeq2SeqLM if both else AutoModelForCausalLM
        return _placed(kind.from_pretrained(options.model), options), _tokenizer(options.model)


def vision_model(options: argparse.Namespace) -> tuple[Any, Any]:
    """The model, in evaluation mode, and its processor. Raises CapabilityError where it cannot be loaded."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    with _in_a_sentence(options.model), _bars(options):
        model = _placed(AutoModelForImageTextToText.from_pretrained(options.model), options)
        return model, AutoProcessor.from_pretrained(options.model)


def tokenizer(name: str) -> Any:
    """A tokenizer alone, for a model that is served. Raises CapabilityError where it cannot be loaded."""
    with _in_a_sentence(name):
        return _tokenizer(name)


def _tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name)


def _placed(model: Any, options: argparse.Namespace) -> Any:
    import torch

    if options.dtype != "auto":
        model = model.to(getattr(torch, options.dtype))
    if not getattr(model, "is_quantized", False):  # where it was put by its loader it stays
        model = model.to(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    _log.info("Loaded %s (%s, %s)", type(model).__name__, model.dtype, model.device)
    return model.eval()


@contextmanager
def _bars(options: argparse.Namespace) -> Generator[None]:
    """Transformers' bars of what is loaded, which --quiet leaves out, too."""
    from transformers.utils import logging as theirs

    shown = theirs.is_progress_bar_enabled()
    if getattr(options, "quiet", False):
        theirs.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            theirs.enable_progress_bar()


@contextmanager
def _in_a_sentence(name: str) -> Generator[None]:
    """Loaders' errors, of which there are many kinds and pages, as one sentence that says what to give."""
    folder = Path(name).expanduser()
    if folder.is_absolute() or name.startswith(".") or folder.exists():
        if not folder.is_dir():
            raise CapabilityError(f"Expected a model's folder or its name on the hub, but there is no folder {name}.")
        if not any(folder.glob("*.json")):
            raise CapabilityError(f"Expected a folder that `save_pretrained` wrote, but {name} has no config.json.")
    _log.info("Loading %s", name)
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AssertionError) as error:
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CapabilityError(
            f"Expected a model of transformers, but {name} cannot be loaded: {why} "
            "Look up the folder or the name, or see all of it with --verbose."
        ) from error
