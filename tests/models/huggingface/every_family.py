"""Every family that transformers builds small, against teacher forcing by hand and against `generate`.

Each family is tried in a process of its own, with a limit of CPU time: what hangs or dies is one line of the table.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from transformers.models.auto import modeling_auto

from llm_attr_widget.errors import AttributionError
from llm_attr_widget.models.huggingface.anatomy import look_at
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.models.huggingface.prefix import prefixed
from llm_attr_widget.models.huggingface.probe import probe
from tests.models.asked import NATS, Tokenizer, ask, prompts
from tests.models.huggingface.reference import by_hand
from tests.models.huggingface.small import build_small
from tests.models.huggingface.vision_families import IMAGE_PREFIX

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

    path: how prompts are scored in one pass. stepwise: the same token by token, where it was asked for.
    error: the largest difference from teacher forcing, in nats. written: the same from `generate`, told which tokens to
    write; a reason where it cannot. refused: why there are no scores.
    """

    family: str
    kind: str
    model_class: str
    path: str = ""
    stepwise: str = ""
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


@torch.no_grad()
def written(model: object, ids: tuple[int, ...], extras: Mapping[str, Any] | None = None) -> list[float]:
    """Log-probs of the target as `generate` sees them, with its own cache, masks and positions.

    The target's tokens are the only ones allowed: Janus drops processors of logits, and no family drops this. Raises
    ValueError where something else is written.
    """
    given, allowed = torch.tensor([ids]), iter(TARGET)
    out = model.generate(
        input_ids=given,
        **(extras or {}),
        attention_mask=torch.ones_like(given),
        prefix_allowed_tokens_fn=lambda _, __: [next(allowed)],
        max_new_tokens=len(TARGET),
        min_new_tokens=len(TARGET),
        do_sample=False,
        num_beams=1,
        pad_token_id=0,
        eos_token_id=None,
        output_logits=True,
        return_dict_in_generate=True,
    )
    if tuple(out.sequences[0, -len(TARGET) :].tolist()) != TARGET:
        raise ValueError("it does not write what it is told to")
    steps = [logits[0].double().log_softmax(-1) for logits in out.logits]
    return [float(step[token]) for step, token in zip(steps, TARGET, strict=True)]


def _marked(family: str, ids: tuple[int, ...]) -> dict[str, torch.Tensor] | None:
    """What tells a family that its prompt is a prefix, as its processor does."""
    return {"token_type_ids": torch.zeros(1, len(ids), dtype=torch.long)} if family == IMAGE_PREFIX else None


def examine(family: str, kind: str, model_class: str) -> Found:
    """Build it, score with it, and compare. Whatever is raised on the way is the family's own, and a reason."""
    found = {"family": family, "kind": kind, "model_class": model_class}
    try:
        model = build_small(family, model_class)
        start = model.config.decoder_start_token_id if model.config.is_encoder_decoder else None
        told = {"later": {"token_type_ids": 1}} if family == IMAGE_PREFIX else {}
        truth = np.array(
            [by_hand(model, p.ids, TARGET, decoder_start=start, extras=_marked(family, p.ids), **told) for p in PROMPTS]
        )
    except Exception as error:  # noqa: BLE001 (anything that a family's code raises)
        return Found(**found, refused=f"not built small: {said(error)}")
    try:
        scores = ask(HuggingFaceModel(model, Tokenizer()), PROMPTS, TARGET)
        anatomy = look_at(model, Tokenizer())
        path, _ = probe(anatomy, [prefixed(PROMPTS[row], anatomy) for row in (1, 0)], TARGET, "one_pass")
    except AttributionError as error:
        return Found(**found, refused=str(error))
    except Exception as error:  # noqa: BLE001
        return Found(**found, refused=f"raises {said(error)}")
    try:
        told: float | str = float(np.abs(np.array(written(model, PROMPTS[0].ids)) - truth[0]).max())
    except Exception as error:  # noqa: BLE001
        told = said(error)
    return Found(**found, path=path.name, error=float(np.abs(scores - truth).max()), written=told)


def apart(examined: Callable[[str, str, str], Found], family: str, kind: str, model_class: str) -> Found:
    """What `examined` finds in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        with os.fdopen(writing, "w") as pipe:
            json.dump(asdict(examined(family, kind, model_class)), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if answer.endswith("}"):
        found = Found(**json.loads(answer))
        print(found, file=sys.stderr, flush=True)
        return found
    return Found(family, kind, model_class, refused=f"not built small: no answer within {CPU_SECONDS} s of CPU time")


def examine_all(names: tuple[str, ...] = ()) -> Iterator[Found]:
    """All families, or those of these names. The first models are built here, so that children share what they load."""
    torch.set_num_threads(1)
    build_small("llama", "LlamaForCausalLM")
    build_small("t5", "T5ForConditionalGeneration")
    for family, kind, model_class in families():
        if not names or family in names:
            yield apart(examine, family, kind, model_class)


def said(error: Exception) -> str:
    """One line of an error, with nothing of this machine in it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return f"{type(error).__name__}: {line[:117] + '…' if len(line) > 118 else line}"
