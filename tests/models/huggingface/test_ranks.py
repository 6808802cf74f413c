"""Models whose weights lie on several processes: all call them alike, though their clocks differ."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.errors import InputError, ScoreError
from llm_attr_widget.inputs import TokenInput
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.ranks import ranks_of
from tests.models.asked import NATS, Tokenizer, ask, prompts, truth_of
from tests.models.huggingface.families import build

MANY = prompts(60, 40, seed=5)
KINDS = ("tensor parallel", "FSDP")


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The model, and the folder to which two processes that share it have written: they start once for both kinds."""
    folder = tmp_path_factory.mktemp("ranks")
    model = build("llama")
    model.save_pretrained(folder / "model")
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.models.huggingface.rank", str(folder), *KINDS]
    processes = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=280)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(text[-2000:] for text in said)
    return model, folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_with_different_clocks_agree_on_every_pass(kind, ranks):
    model, folder = ranks
    first, second = (np.load(folder / f"{kind} {rank}.npz") for rank in range(2))
    np.testing.assert_array_equal(first["passes"], second["passes"])
    truth = truth_of(model, MANY[::6])
    for found in (first, second):
        for scoring in ("one_pass", "stepwise"):
            np.testing.assert_allclose(found[scoring][::6], truth, atol=NATS, rtol=0)
    _, tok = load_text()
    right = attribute(
        HuggingFaceModel(model, Tokenizer()), tok, TokenInput(tok, list(range(5, 25))), [20, 21],
        method="kernel_shap", budget=200, progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(first["values"], right.values, atol=1e-3)


@pytest.mark.parametrize("scoring", ["one_pass", "stepwise"])
def test_sizes_can_be_fixed(scoring):
    model, lengths = build("llama"), []
    scorer = HuggingFaceModel(model, Tokenizer(), scoring=scoring, tokens_per_pass=90)
    ask(scorer, MANY)
    model.register_forward_pre_hook(lambda _, args: lengths.append(args[0].numel()))
    runs = []
    for _ in range(2):
        lengths.clear()
        scores = ask(scorer, MANY)
        runs.append(list(lengths))
    np.testing.assert_allclose(scores[::6], truth_of(model, MANY[::6]), atol=NATS, rtol=0)
    assert runs[0] == runs[1]
    assert max(runs[0]) <= 90


def test_a_fixed_size_that_does_not_fit_is_said():
    model = build("llama")
    scorer = HuggingFaceModel(model, Tokenizer(), tokens_per_pass=300)
    ask(scorer, MANY)

    def full(_, args):
        if args[0].numel() >= 300:
            raise torch.OutOfMemoryError("full")

    model.register_forward_pre_hook(full)
    with pytest.raises(ScoreError, match="fewer tokens_per_pass"):
        ask(scorer, MANY)
    with pytest.raises(InputError, match="tokens_per_pass must be 1 or more, or None, not 0"):
        HuggingFaceModel(model, Tokenizer(), tokens_per_pass=0)


def test_a_model_in_one_process_has_no_ranks():
    assert ranks_of(build("llama")) is None
