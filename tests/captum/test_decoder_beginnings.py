"""The drop-in on encoder-decoders: targets are encoded as targets, and begin as the engine's, held against by hand."""

from __future__ import annotations

from typing import Any

import captum.attr as ca
import numpy as np
import pytest
import torch

from llm_attr_widget import captum as ours
from tests.game.test_decoder_beginnings import (
    DOG,
    START,
    TwoVocabularies,
    _weights,
    by_hand,
    nllb,
)

WORDS = ["the", "dog", "lives"]


@pytest.fixture
def translator():
    model = _weights(230)
    yield model
    model.generation_config.forced_bos_token_id = None


def words() -> Any:
    return ca.TextTemplateInput("{} {} {}", values=WORDS, baselines=["a", "a", "a"])


def ablated(model: Any, tokenizer: Any, before: list[int], target: list[int]) -> np.ndarray:
    """`(target tokens, words)`: what each token loses with one word replaced."""
    texts = [" ".join(WORDS), *(" ".join([*WORDS[:i], "a", *WORDS[i + 1 :]]) for i in range(3))]
    scores = np.array([by_hand(model, tuple(tokenizer(text)["input_ids"]), before, target) for text in texts])
    return (scores[0] - scores[1:]).T


def agrees(found: Any, model: Any, tokenizer: Any, before: list[int], target: list[int]) -> None:
    assert found.target.tolist() == target
    np.testing.assert_allclose(found.token_attr, ablated(model, tokenizer, before, target), atol=1e-4)


@pytest.mark.parametrize("in_tokens", [True, False])
@pytest.mark.parametrize("forced", [True, False])
def test_a_text_is_encoded_as_a_target_behind_its_language(translator: Any, forced: bool, in_tokens: bool) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    translator.generation_config.forced_bos_token_id = german if forced else None
    attribution = ours.LLMAttribution(ca.FeatureAblation(translator), tokenizer)
    found = attribution.attribute(words(), "dog", forward_in_tokens=in_tokens)
    agrees(found, translator, tokenizer, [START, german], DOG)


def test_a_second_vocabulary_is_the_targets(translator: Any) -> None:
    tokenizer = TwoVocabularies()
    found = ours.LLMAttribution(ca.FeatureAblation(translator), tokenizer).attribute(words(), "hund")
    agrees(found, translator, tokenizer, [START], [40 + ord(letter) - 97 for letter in "hund"])


def test_what_the_model_writes_comes_without_what_it_begins_with(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    options = {"forced_bos_token_id": german, "max_new_tokens": 4, "do_sample": False, "suppress_tokens": [2]}
    right = translator.generate(torch.tensor([tokenizer(" ".join(WORDS))["input_ids"]]), **options)[0].tolist()
    assert right[:2] == [START, german]
    found = ours.LLMAttribution(ca.FeatureAblation(translator), tokenizer).attribute(words(), gen_args=options)
    agrees(found, translator, tokenizer, right[:2], right[2:])


def test_gradients_are_those_of_the_same_target(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    embedding = translator.get_encoder().get_input_embeddings()
    attribution = ours.LLMGradientAttribution(ca.LayerGradientXActivation(translator, embedding), tokenizer)
    found = attribution.attribute(ca.TextTokenInput(" ".join(WORDS), tokenizer), "dog")
    assert found.target.tolist() == DOG
    source = tuple(tokenizer(" ".join(WORDS))["input_ids"])
    probabilities = np.exp(by_hand(translator, source, [START, german], DOG))
    np.testing.assert_allclose(found.output_probs, probabilities, rtol=1e-3)
    for k, token in enumerate(DOG):
        embedded = embedding(torch.tensor([source])).detach().requires_grad_()
        begun = torch.tensor([[START, german, *DOG[:k]]])
        logits = translator(inputs_embeds=embedded, decoder_input_ids=begun).logits[0, -1]
        (gradient,) = torch.autograd.grad(logits.log_softmax(0)[token], embedded)
        expected = (gradient * embedded).sum(-1)[0].detach().numpy()
        np.testing.assert_allclose(found.token_attr[k], expected, atol=1e-4 * np.abs(expected).max())
