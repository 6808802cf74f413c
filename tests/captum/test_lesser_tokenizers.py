"""Captum's interface asks less of a tokenizer than Hugging Face's have: the same numbers, and one beginning."""

from __future__ import annotations

import captum.attr as ca
import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget import captum as ours
from tests.inputs.kinds import byte_bpe

METHODS = [ca.FeatureAblation, ca.ShapleyValueSampling, ca.ShapleyValues, ca.Lime, ca.KernelShap]


class DecodesTensors:
    """Captum's own interface: `decode` is given a tensor, everything else is Hugging Face's."""

    def __init__(self):
        self.whole = byte_bpe()

    def encode(self, text, add_special_tokens=True, return_tensors=None):
        return self.whole.encode(text, add_special_tokens=add_special_tokens, return_tensors=return_tensors)

    def convert_ids_to_tokens(self, ids):
        return self.whole.convert_ids_to_tokens(ids)

    def decode(self, ids):
        return self.whole.decode(ids.tolist())


def small(tokenizer):
    torch.manual_seed(0)
    config = tf.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    return tf.LlamaForCausalLM(config).eval()


@pytest.mark.parametrize(
    "method", [ca.FeatureAblation, ca.ShapleyValueSampling, ca.ShapleyValues, ca.Lime, ca.KernelShap]
)
def test_a_tokenizer_whose_decode_takes_tensors_only(method):
    strict = DecodesTensors()
    model = small(strict.whole)
    for inp in (
        ours.TextTemplateInput("{} lives in {}", ["Dave", "Rome"]),
        ours.TextTokenInput("Dave", strict, baselines=2, skip_tokens=[0]),
    ):
        torch.manual_seed(0)
        found = ours.LLMAttribution(method(model), strict).attribute(inp, " a lawyer")
        torch.manual_seed(0)
        whole = ours.LLMAttribution(method(model), strict.whole).attribute(inp, " a lawyer")
        np.testing.assert_allclose(found.seq_attr, whole.seq_attr, atol=1e-4)
        assert found.output_tokens == whole.output_tokens
        assert found.to_attribution().provenance.baseline == whole.to_attribution().provenance.baseline


def test_rendered_chat_text_begins_once():
    """By hand: log p after one bos, with and without the value."""
    tokenizer = byte_bpe()
    model = small(tokenizer)
    inp = ours.TextTemplateInput("<s>{} lives", ["Dave"])
    target = [tokenizer.convert_tokens_to_ids("a")]

    def log_prob(text):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids.count(0) == 1
        with torch.no_grad():
            return float(model(torch.tensor([ids])).logits[0, -1].double().log_softmax(0)[target[0]])

    found = ours.LLMAttribution(ca.FeatureAblation(model), tokenizer).attribute(inp, torch.tensor(target))
    np.testing.assert_allclose(found.seq_attr, [log_prob("<s>Dave lives") - log_prob("<s> lives")], atol=1e-4)
