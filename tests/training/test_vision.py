"""The script that trains the vision-language model: seeded and whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llm_attr_widget.demo import load_vision
from training.vision import main
from training.vision_batches import IGNORED, batch, pack


@pytest.fixture(scope="module")
def processor():
    return load_vision()[1]


def test_same_seed_same_weights(tmp_path, capsys):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    for name in ("first", "second"):
        main(["--seeing", "2", "--answering", "2", "--asked", "5", "--out", str(tmp_path / name)])
    for file in ("tokenizer.json", "config.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert first.keys() == second.keys()
    for name, weights in first.items():
        torch.testing.assert_close(second[name], weights, atol=1e-4, rtol=0)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert "caption" in capsys.readouterr().out


def test_packed_questions_score_as_if_asked_alone(processor):
    """The mask and the positions of a packed row give each answer the log-probs it has in a prompt of its own."""
    model = load_vision()[0]
    asked = [
        ("What colour is the circle?", "red"),
        ("Where is the star?", "top left"),
        ("Which shape is blue?", "none"),
    ]
    many = batch(processor, np.random.default_rng(31), 1)
    together = _losses(model, processor, asked, many.pixels)
    alone = [_losses(model, processor, [pair], many.pixels) for pair in asked]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-4)


def _losses(model, processor, asked, pixels) -> np.ndarray:
    row = pack(processor, asked)
    turns = torch.tensor(row.turns)
    mask = torch.tril((turns[None] == 0) | (turns[None] == turns[:, None]))[None, None]
    with torch.inference_mode():
        logits = model(
            input_ids=torch.tensor([row.ids]),
            pixel_values=pixels,
            attention_mask=mask,
            position_ids=torch.tensor([row.positions]),
        ).logits[0]
    labels = torch.tensor(row.labels)
    # A turn's first answer token is predicted by the token before it, which is of the same turn.
    losses = torch.nn.functional.cross_entropy(logits[:-1], labels[1:], reduction="none", ignore_index=IGNORED)
    return losses[labels[1:] != IGNORED].numpy()
