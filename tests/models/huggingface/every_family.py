"""Every family that transformers builds small, against teacher forcing by hand and against `generate`.

Each family is tried in a process of its own, with a limit of CPU time: what hangs or dies is one line of the table.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.models.auto import modeling_auto

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.probe import probe
from tests.models.asked import NATS, Tokenizer, ask, prompts
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.small import build_small

TARGET = (20, 21, 22)
PROMPTS = prompts(count=4, length=14, seed=1)
CPU_SECONDS = 20
MAPPINGS = {
    "text": modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    "encoder-decoder": modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    "image and text": modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
}


@dataclass(frozen=True)
class Found:
    """What is true of one family.

    path: how prompts are scored in one pass. error: the largest difference from teacher forcing, in nats. written: the
    same from `generate`, told which tokens to write; a reason where it cannot. refused: why there are no scores.
    """

    family: str
    kind: str
    model_class: str
    path: str = ""
    error: float = float("nan")
    written: float | str = ""
    refused: str = ""

    @property
    def right(self) -> bool:
        return not self.refused and self.error <= NATS


def families() -> Iterator[tuple[str, str, str]]:
    """(model type, kind, class), each class once."""
    seen: set[str] = set()
    for kind, mapping in MAPPINGS.items():
        for family, names in mapping.items():
            name = names if isinstance(names, str) else names[0]
            if name not in seen:
                seen.add(name)
                yield family, kind, name


class _Forced(LogitsProcessor):
    """Lets `generate` write the target and nothing else."""

    def __init__(self) -> None:
        self._position = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        forced = torch.full_like(scores, -torch.inf)
        forced[:, TARGET[self._position]] = 0
        self._position += 1
        return forced


@torch.no_grad()
def written(model: object, ids: tuple[int, ...]) -> list[float]:
    """Log-probs of the target as `generate` sees them, with its own cache, masks and positions."""
    given = torch.tensor([ids])
    out = model.generate(
        given,
        attention_mask=torch.ones_like(given),
        logits_processor=LogitsProcessorList([_Forced()]),
        max_new_tokens=len(TARGET),
        min_new_tokens=len(TARGET),
        do_sample=False,
        num_beams=1,
        pad_token_id=0,
        eos_token_id=None,
        output_logits=True,
        return_dict_in_generate=True,
    )
    steps = [logits[0].double().log_softmax(-1) for logits in out.logits]
    return [float(step[token]) for step, token in zip(steps, TARGET, strict=True)]


def examine(family: str, kind: str, model_class: str) -> Found:
    """Build it, score with it, and compare. Whatever is raised on the way is the family's own, and a reason."""
    found = {"family": family, "kind": kind, "model_class": model_class}
    try:
        model = build_small(family, model_class)
        start = model.config.decoder_start_token_id if model.config.is_encoder_decoder else None
        truth = np.array([by_hand(model, prompt.ids, TARGET, decoder_start=start) for prompt in PROMPTS])
    except Exception as error:  # noqa: BLE001 (anything that a family's code raises)
        return Found(**found, refused=f"not built small: {_said(error)}")
    try:
        scores = ask(HuggingFaceModel(model, Tokenizer()), PROMPTS, TARGET)
        path, _ = probe(look_at(model, Tokenizer()), [PROMPTS[1], PROMPTS[0]], TARGET, "one_pass")
    except AttributionError as error:
        return Found(**found, refused=str(error))
    except Exception as error:  # noqa: BLE001
        return Found(**found, refused=f"raises {_said(error)}")
    try:
        told: float | str = float(np.abs(np.array(written(model, PROMPTS[0].ids)) - truth[0]).max())
    except Exception as error:  # noqa: BLE001
        told = _said(error)
    return Found(**found, path=path.name, error=float(np.abs(scores - truth).max()), written=told)


def examine_apart(family: str, kind: str, model_class: str) -> Found:
    """`examine` in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        with os.fdopen(writing, "w") as pipe:
            json.dump(asdict(examine(family, kind, model_class)), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if said.endswith("}"):
        return Found(**json.loads(said))
    return Found(family, kind, model_class, refused=f"not built small: no answer within {CPU_SECONDS} s of CPU time")


def examine_all(names: tuple[str, ...] = ()) -> Iterator[Found]:
    """All families, or those of these names. The first models are built here, so that children share what they load."""
    torch.set_num_threads(1)
    build_small("llama", "LlamaForCausalLM")
    build_small("t5", "T5ForConditionalGeneration")
    for family, kind, model_class in families():
        if not names or family in names:
            found = examine_apart(family, kind, model_class)
            print(found, file=sys.stderr, flush=True)
            yield found


def _said(error: Exception) -> str:
    """One line of an error, with nothing of this machine in it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return f"{type(error).__name__}: {line[:117] + '…' if len(line) > 118 else line}"
