"""Models that number positions by ids: a baseline of padding keeps every token at its place, held against by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from llm_attr_widget import attribute
from llm_attr_widget.methods import LayerGradientShap, LayerIntegratedGradients
from llm_attr_widget.models.huggingface.model import HuggingFaceModel
from llm_attr_widget.types import Coalitions, Line, Piece, Placing, Prompt
from tests.models.asked import Tokenizer
from tests.models.huggingface.families import build
from tests.models.huggingface.small import build_small

PAD, IDS, TARGET = 0, (3, 41, 12, 33, 28, 2), (20, 21, 22)
BASE = (3, PAD, PAD, PAD, PAD, 2)
NUMBERED = {
    "m2m_100": "M2M100ForConditionalGeneration",
    "nllb-moe": "NllbMoeForConditionalGeneration",
    "fsmt": "FSMTForConditionalGeneration",
    "roberta": "RobertaForCausalLM",
    "xmod": "XmodForCausalLM",
    "data2vec-text": "Data2VecTextForCausalLM",
}


@dataclass(frozen=True)
class Padded:
    """The middle tokens are features, and padding where they are absent."""

    baseline = "replaced by padding"
    random = False
    features = ("a", "b", "c", "d")
    pieces = (Piece("<"), *(Piece(text, place) for place, text in enumerate("abcd")), Piece(">"))

    def render(self, coalitions: Coalitions, rng: np.random.Generator) -> list[Prompt]:
        ids = np.where(coalitions, IDS[1:-1], PAD)
        return [Prompt((IDS[0], *row, IDS[-1])) for row in ids.tolist()]

    def in_place(self, tokenizer: object, rng: np.random.Generator) -> tuple[Padded, tuple[int | None, ...]]:
        return self, (None, 0, 1, 2, 3, None)


@torch.no_grad()
def by_hand(model, ids) -> list[float]:
    """Teacher forcing over embeddings, which transformers gives the places 0, 1, 2, …, whatever they stand for."""
    found = []
    for k, token in enumerate(TARGET):
        read = list(TARGET[:k])
        if model.config.is_encoder_decoder:
            embedded = model.get_encoder().get_input_embeddings()(torch.tensor([ids]))
            begun = torch.tensor([[model.config.decoder_start_token_id, *read]])
            logits = model(inputs_embeds=embedded, decoder_input_ids=begun, use_cache=False).logits
        else:
            logits = model(inputs_embeds=model.get_input_embeddings()(torch.tensor([[*ids, *read]]))).logits
        found.append(float(logits[0, -1].double().log_softmax(-1)[token]))
    return found


def scored(model, ids) -> np.ndarray:
    (batch,) = HuggingFaceModel(model, Tokenizer()).score([Prompt(ids)], TARGET)
    return batch.log_probs[0]


@pytest.mark.filterwarnings("ignore")  # what families warn of when they are built from odd sizes
@pytest.mark.parametrize("family", ["m2m_100", "roberta", "nllb-moe", "xmod", "data2vec-text"])
def test_integrated_gradients_add_up_with_every_token_at_its_place(family: str) -> None:
    model = build_small(family, NUMBERED[family]).double()
    scorer = HuggingFaceModel(model, Tokenizer())
    found = attribute(scorer, None, Padded(), list(TARGET), method=LayerIntegratedGradients(steps=256), progress=False)
    np.testing.assert_allclose(found.ends, np.column_stack([by_hand(model, IDS), by_hand(model, BASE)]), atol=1e-4)
    # Template tokens stay what they are, so all of the change belongs to features.
    assert found.gap is not None
    assert found.gap < 1e-3
    assert np.abs(scored(model, BASE) - by_hand(model, BASE)).max() > 1e-2, "this baseline moves no token"


def test_fsmt_keeps_places_too() -> None:
    """It takes no embeddings without ids, so its embedding is put in by hand; nor double precision."""
    model = build_small("fsmt", NUMBERED["fsmt"])
    found = attribute(
        HuggingFaceModel(model, Tokenizer()), None, Padded(), list(TARGET), method=LayerIntegratedGradients(steps=384),
        progress=False,
    )  # fmt: skip
    # Its norms come after what is added to an embedding of zeros, which is where gradients change fastest.
    assert found.gap is not None
    assert found.gap < 4e-3
    assert np.abs(scored(model, BASE) - found.ends[:, 1]).max() > 1e-2, "this baseline moves no token"
    embed = model.get_input_embeddings()
    with torch.no_grad():
        padding = embed(torch.tensor([BASE]))
        handle = embed.register_forward_hook(lambda *_: padding)
        expected = scored(model, IDS)
        handle.remove()
    np.testing.assert_allclose(found.ends[:, 1], expected, atol=1e-4)


def test_other_models_score_the_baseline_as_any_prompt() -> None:
    for name in ("gpt2", "bart"):
        scorer = HuggingFaceModel(build(name), Tokenizer())
        assert isinstance(scorer, Placing)
        assert scorer.placed(Line(Prompt(BASE), Prompt(IDS))) is scorer


def test_a_layer_above_the_embedding_carries_places_itself() -> None:
    scorer = HuggingFaceModel(build_small("roberta", NUMBERED["roberta"]), Tokenizer())
    name = "roberta.embeddings.word_embeddings"
    assert scorer.placed(Line(Prompt(BASE), Prompt(IDS), name)) is not scorer
    assert scorer.placed(Line(Prompt(BASE), Prompt(IDS), "roberta.encoder.layer.0")) is scorer


def test_numbers_of_a_baseline_held_in_its_places_answer_no_other_run() -> None:
    model = build_small("m2m_100", NUMBERED["m2m_100"])
    scorer = HuggingFaceModel(model, Tokenizer())
    held = attribute(scorer, None, Padded(), list(TARGET), method=LayerGradientShap(samples=2), progress=False)
    then = attribute(scorer, None, Padded(), list(TARGET), method="leave_one_out", resume=held.ledger, progress=False)
    np.testing.assert_allclose(then.ends[:, 0], scored(model, IDS), atol=1e-4)
    assert then.provenance.scored == then.provenance.calls
