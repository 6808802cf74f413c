"""Models for replicas whose every step a test sees and allows, through files of a folder."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Scored
from tests.models.huggingface.families import build
from tests.models.huggingface.test_slopes import Tok
from tests.waiting import until

GO = "go"


class Waiting:
    """Scores only once the folder has a file `go`; leaves a file named by its process when it begins a block.

    A log-prob is made of the prompt's ids and the target token alone, so that a test can work it out.
    """

    name = "waiting"

    def __init__(self, folder: Path):
        self.folder = folder

    def score(self, prompts, target):
        (self.folder / f"began-{os.getpid()}").touch()
        until((self.folder / GO).exists)
        yield Scored(range(len(prompts)), np.array([expected(prompt, target) for prompt in prompts], dtype=np.float32))

    def generate(self, prompt, *, max_new_tokens, options):
        return (os.getpid(),)


class Told(Waiting):
    """Is the model that the folder's file `which` names when it is made; none at all without that file."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.fingerprint = (folder / "which").read_text(encoding="utf-8")


class Dying(Waiting):
    """Its process dies at its fifth block, unless the folder has a file `lives`."""

    blocks = 0

    def score(self, prompts, target):
        self.blocks += 1
        if self.blocks == 5 and not (self.folder / "lives").exists():
            kill(os.getpid())
        yield from super().score(prompts, target)


class Scoring(Waiting):
    """Writes nothing."""

    generate = None


def tiny():
    return HuggingFaceModel(build("llama"), Tok())


def expected(prompt, target):
    return [-float(sum(prompt.ids)) - token / 100 for token in target]


def began(folder: Path) -> set[int]:
    """Processes of the replicas that have begun a block."""
    return {int(path.name.removeprefix("began-")) for path in folder.glob("began-*")}


def go(folder: Path) -> None:
    (folder / GO).touch()


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
