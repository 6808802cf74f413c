"""One of the processes that share a model: `python -m tests.models.huggingface.rank FOLDER KINDS`, under a rendezvous.

Of each kind, one after the other: scores and attributes with clocks that run differently in each process, and writes
what came out to the folder.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import transformers as tf
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from llm_attr_widget import attribute
from llm_attr_widget.demo import load_text
from llm_attr_widget.inputs import TokenInput
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from tests.models.asked import Tokenizer, ask, prompts
from tests.models.huggingface.families import build


def sharded(kind, folder):
    if kind == "tensor parallel":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return tf.AutoModelForCausalLM.from_pretrained(folder / "model", tp_plan="auto")
    model = build("llama")
    mesh = init_device_mesh("cpu", (2,))
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def measure(kind, folder):
    rank, passes = int(os.environ["RANK"]), []
    model = sharded(kind, folder)

    def uneven(_, args):
        passes.append(args[0].shape)
        time.sleep(0.002 * rank * (len(passes) % 3))  # one process is slower, now and then

    model.register_forward_pre_hook(uneven)
    many = prompts(60, 40, seed=5)
    found = {
        scoring: ask(HuggingFaceModel(model, Tokenizer(), scoring=scoring), many)
        for scoring in ("one_pass", "stepwise")
    }
    _, tok = load_text()
    scorer, players = HuggingFaceModel(model, Tokenizer()), TokenInput(tok, list(range(5, 25)))
    found["values"] = attribute(scorer, tok, players, [20, 21], method="kernel_shap", budget=200, progress=False).values
    np.savez(folder / f"{kind} {rank}.npz", passes=np.array([list(shape) for shape in passes]), **found)
    dist.barrier()


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for each in sys.argv[2:]:
        measure(each, Path(sys.argv[1]))
    dist.destroy_process_group()
