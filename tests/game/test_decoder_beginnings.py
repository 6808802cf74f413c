"""Targets of encoder-decoders: encoded as targets, and scored after all that generation puts before them, by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf

from llm_attr_widget import attribute
from llm_attr_widget.errors import InputError
from llm_attr_widget.game.targets import make_target
from llm_attr_widget.inputs import TextInput
from llm_attr_widget.models.huggingface.model import HuggingFaceModel

WORDS = ["▁", "t", "h", "e", "d", "o", "g", "l", "i", "v", "s", "n"]
VOCABULARY = {word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
DOG, HIT = ([VOCABULARY[letter] for letter in word] for word in ("▁dog", "▁hit"))
TEXT, START = "the dog lives", 2


def nllb(target: str | None = "deu_Latn", **more: Any) -> Any:
    """Its targets: [deu_Latn] dog [</s>]; with legacy_behaviour dog [</s>] [deu_Latn]."""
    return tf.NllbTokenizer(vocab=VOCABULARY, merges=[], src_lang="eng_Latn", tgt_lang=target, **more)


class TwoVocabularies(tf.PreTrainedTokenizer):
    """As Marian's: letters of sources and of targets have other ids, and nothing is put before them."""

    model_input_names = ("input_ids", "attention_mask")

    def __init__(self) -> None:
        self._shift = 10
        super().__init__(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")

    @property
    def vocab_size(self) -> int:
        return 70

    def get_vocab(self) -> dict[str, int]:
        return {**{f"t{i}": i for i in range(70)}, "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}

    def _switch_to_input_mode(self) -> None:
        self._shift = 10

    def _switch_to_target_mode(self) -> None:
        self._shift = 40

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return [f"t{self._shift + ord(c) - 97}" if c != " " else f"t{self._shift + 26}" for c in text]

    def _convert_token_to_id(self, token: str) -> int:
        return self.get_vocab()[token]

    def _convert_id_to_token(self, index: int) -> str:
        return {0: "<s>", 1: "<pad>", 2: "</s>", 3: "<unk>"}.get(index, f"t{index}")

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(" " if int(t[1:]) in (36, 66) else chr((int(t[1:]) - 10) % 30 + 97) for t in tokens)

    def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: Any = None) -> list[int]:
        return [*token_ids_0, 2]


@cache
def _weights(size: int) -> Any:
    torch.manual_seed(0)
    model = tf.M2M100ForConditionalGeneration(
        tf.M2M100Config(
            vocab_size=size, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=160,
            decoder_start_token_id=START, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )
    ).eval()  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(8)
    return model


@pytest.fixture
def translator():
    model = _weights(230)
    yield model
    model.generation_config.forced_bos_token_id = None
    model.generation_config.decoder_start_token_id = START


@torch.no_grad()
def by_hand(model: Any, source: tuple[int, ...], before: list[int], target: list[int]) -> list[float]:
    """log p of each target token after these decoder ids, one pass for each, no cache."""
    found: list[float] = []
    for k, token in enumerate(target):
        decoder = torch.tensor([[*before, *target[:k]]])
        logits = model(input_ids=torch.tensor([list(source)]), decoder_input_ids=decoder).logits
        found.append(float(logits[0, -1].double().log_softmax(0)[token]))
    return found


def agrees(found: Any, model: Any, tokenizer: Any, before: list[int], target: list[int]) -> None:
    """The target, and leave-one-out of each of its tokens, by hand."""
    assert list(found.target.ids) == target
    words = TextInput(tokenizer, TEXT)
    rows = np.vstack([np.ones(3, dtype=bool), ~np.eye(3, dtype=bool)])
    prompts = words.render(rows, np.random.default_rng(0))
    scores = np.array([by_hand(model, prompt.ids, before, target) for prompt in prompts])
    np.testing.assert_allclose(found.values, (scores[0] - scores[1:]).T, atol=1e-4)


def attributed(model: Any, tokenizer: Any, target: Any = None, **options: Any) -> Any:
    options = {"method": "leave_one_out", "progress": False, "max_new_tokens": 4, **options}
    return attribute(model, tokenizer, TEXT, target, **options)


def test_a_text_begins_with_its_language_whether_it_is_forced_or_not(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    assert tokenizer(text_target="dog")["input_ids"] == [german, *DOG, 2]
    for forced in (None, german):
        translator.generation_config.forced_bos_token_id = forced
        found = attributed(translator, tokenizer, "dog")
        agrees(found, translator, tokenizer, [START, german], DOG)
        assert found.target.text == "dog"
    # The tokenizer is left as it was: it still encodes sources as sources.
    assert tokenizer(TEXT)["input_ids"][0] == tokenizer.convert_tokens_to_ids("eng_Latn")


def test_stepwise_and_in_one_pass_begin_alike(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    for scoring in ("one_pass", "stepwise"):
        model = HuggingFaceModel(translator, tokenizer, scoring=scoring)
        agrees(attributed(model, tokenizer, "dog"), translator, tokenizer, [START, german], DOG)


def test_a_language_written_at_the_beginning_of_the_text_is_not_doubled(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    found = attributed(translator, tokenizer, "deu_Latn dog")
    agrees(found, translator, tokenizer, [START, german], DOG)


def test_without_a_target_language_nothing_is_put_before_and_nothing_changes(translator: Any) -> None:
    tokenizer = nllb(None)
    agrees(attributed(translator, tokenizer, "dog"), translator, tokenizer, [START], DOG)
    assert tokenizer.tgt_lang is None


def test_what_is_forced_counts_before_the_tokenizers_language(translator: Any) -> None:
    tokenizer = nllb()
    french = tokenizer.convert_tokens_to_ids("fra_Latn")
    found = attributed(translator, tokenizer, "dog", gen_args={"forced_bos_token_id": french})
    agrees(found, translator, tokenizer, [START, french], DOG)


def test_a_code_behind_the_end_is_not_part_of_the_target(translator: Any) -> None:
    """As of mBART: its decoder starts with the code itself."""
    tokenizer = nllb(legacy_behaviour=True)
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    assert tokenizer(text_target="dog")["input_ids"] == [*DOG, 2, german]
    translator.generation_config.decoder_start_token_id = german
    agrees(attributed(translator, tokenizer, "dog"), translator, tokenizer, [german], DOG)


def test_a_second_vocabulary_is_the_targets(translator: Any) -> None:
    tokenizer = TwoVocabularies()
    target = [40 + ord(c) - 97 for c in "hund"]
    assert list(make_target(tokenizer, "hund", separate=True).ids) == target
    assert list(make_target(tokenizer, "hund").ids) == [i - 30 for i in target]
    agrees(attributed(translator, tokenizer, "hund"), translator, tokenizer, [START], target)
    assert tokenizer("a")["input_ids"] == [10, 2]


@pytest.mark.parametrize("forced", ["by the model", "by the arguments", "by a config"])
def test_what_the_model_writes_begins_as_a_given_target(translator: Any, forced: str) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    arguments: Any = {"forced_bos_token_id": german}
    if forced == "by the model":
        translator.generation_config.forced_bos_token_id, arguments = german, None
    elif forced == "by a config":
        arguments = tf.GenerationConfig(forced_bos_token_id=german)
    written = attributed(translator, tokenizer, gen_args=arguments)
    source = torch.tensor([tokenizer(TEXT)["input_ids"]])
    right = translator.generate(source, forced_bos_token_id=german, max_new_tokens=5, do_sample=False)[0].tolist()
    assert right[:2] == [START, german]
    target = [i for i in right[2:] if i != 2]
    agrees(written, translator, tokenizer, [START, german], target)
    given = attributed(translator, tokenizer, list(written.target.ids), gen_args=arguments)
    np.testing.assert_allclose(given.values, written.values, atol=1e-4)


def test_a_code_that_the_model_writes_by_itself_is_no_part_of_the_target(translator: Any) -> None:
    tokenizer = nllb()
    source = torch.tensor([tokenizer(TEXT)["input_ids"]])
    free = translator.generate(source, max_new_tokens=5, do_sample=False, suppress_tokens=[2])[0].tolist()[1:]
    # Whatever the model writes first is made the code of the tokenizer's targets.
    tokenizer.tgt_lang = tokenizer.convert_ids_to_tokens(free[0])
    written = attributed(translator, tokenizer, max_new_tokens=5, gen_args={"suppress_tokens": [2]})
    agrees(written, translator, tokenizer, [START, free[0]], free[1:])


@pytest.mark.parametrize("target", [None, "dog", DOG])
def test_a_start_among_the_generation_arguments_is_scored_too(translator: Any, target: Any) -> None:
    tokenizer = nllb(None)
    for arguments, before in (
        ({"decoder_start_token_id": 0}, [0]),
        ({"decoder_start_token_id": [0]}, [0]),
        ({"decoder_start_token_id": 0, "forced_bos_token_id": 9}, [0, 9]),
        ({"decoder_input_ids": torch.tensor([[START, 9, 8]])}, [START, 9, 8]),
        ({"decoder_input_ids": [[9, 8]]}, [START, 9, 8]),
        ({"decoder_input_ids": [0, 9], "decoder_start_token_id": 0}, [0, 9]),
    ):
        found = attributed(translator, tokenizer, target, gen_args=arguments)
        right = DOG if target is not None else _greedy(translator, tokenizer, before)
        agrees(found, translator, tokenizer, before, right)


def _greedy(model: Any, tokenizer: Any, before: list[int]) -> list[int]:
    written: list[int] = []
    for _ in range(4):
        with torch.no_grad():
            logits = model(
                input_ids=torch.tensor([tokenizer(TEXT)["input_ids"]]),
                decoder_input_ids=torch.tensor([[*before, *written]]),
            ).logits
        if (token := int(logits[0, -1].argmax())) == 2:
            break
        written.append(token)
    return written


def test_ids_are_taken_as_they_are(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    translator.generation_config.forced_bos_token_id = german
    # Ids that begin with what is forced are scored from there, others after it.
    found = attributed(translator, tokenizer, [german, *DOG])
    agrees(found, translator, tokenizer, [START], [german, *DOG])
    found = attributed(translator, tokenizer, DOG)
    agrees(found, translator, tokenizer, [START, german], DOG)


def test_a_contrast_begins_alike_on_both_sides(translator: Any) -> None:
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    found = attributed(translator, tokenizer, "dog", against="hit")
    source = tuple(tokenizer(TEXT)["input_ids"])
    one, other = (by_hand(translator, source, [START, german], word) for word in (DOG, HIT))
    assert found.sequence_ends[0] == pytest.approx(sum(one) - sum(other), abs=1e-4)


def test_gradients_of_a_target_behind_a_language(translator: Any) -> None:
    """Integrated gradients add up to what replacing all words changes, both ends by hand."""
    tokenizer = nllb()
    german = tokenizer.convert_tokens_to_ids("deu_Latn")
    found = attributed(translator, tokenizer, "dog", method="layer_integrated_gradients")
    source = tuple(tokenizer(TEXT)["input_ids"])
    whole = by_hand(translator, source, [START, german], DOG)
    np.testing.assert_allclose(found.ends[:, 0], whole, atol=1e-4)
    # Padding at the places of the words: as ids it would have no places, and move the end.
    none = by_hand_at_places(translator, (source[0], *[1] * (len(source) - 2), 2), [START, german], DOG)
    np.testing.assert_allclose(found.ends[:, 1], none, atol=1e-4)


@torch.no_grad()
def by_hand_at_places(model: Any, source: tuple[int, ...], before: list[int], target: list[int]) -> list[float]:
    """The same of embeddings, which M2M100 numbers one after another, whatever they stand for."""
    embedded = model.get_encoder().get_input_embeddings()(torch.tensor([list(source)]))
    steps = [torch.tensor([[*before, *target[:k]]]) for k in range(len(target))]
    logits = [model(inputs_embeds=embedded, decoder_input_ids=step).logits[0, -1] for step in steps]
    return [float(each.double().log_softmax(0)[token]) for each, token in zip(logits, target, strict=True)]


def test_a_beginning_that_is_none_is_refused(translator: Any) -> None:
    tokenizer = nllb()
    for arguments, words in (
        ({"decoder_input_ids": torch.tensor([[2, 3], [2, 4]])}, "token ids of one text"),
        ({"decoder_input_ids": "der"}, "as token ids, got 'der'"),
        ({"decoder_start_token_id": -1}, "token ids of one text"),
        ({"forced_bos_token_id": 4000}, "outside the model's vocabulary of 230"),
    ):
        with pytest.raises(InputError, match=words):
            attributed(translator, tokenizer, "dog", gen_args=arguments)


def test_what_the_model_writes_without_its_language_is_scored_as_written(translator: Any) -> None:
    tokenizer = nllb()
    source = torch.tensor([tokenizer(TEXT)["input_ids"]])
    free = translator.generate(source, max_new_tokens=4, do_sample=False, suppress_tokens=[2])[0].tolist()
    assert free[1] != tokenizer.convert_tokens_to_ids("deu_Latn")
    written = attributed(translator, tokenizer, gen_args={"suppress_tokens": [2]})
    agrees(written, translator, tokenizer, [START], free[1:])


def test_each_tokens_gradient_is_its_own_behind_a_language() -> None:
    """Row by row, integrated gradients add up to what the whole prompt changes: BART's positions do not see pads."""
    torch.manual_seed(0)
    bart = tf.BartForConditionalGeneration(
        tf.BartConfig(
            vocab_size=230, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=160,
            decoder_start_token_id=START, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )
    ).eval()  # fmt: skip
    # Rows differ by little: in double precision, so that no rounding is as large.
    found = attributed(bart.double(), nllb(), "dog", method="layer_integrated_gradients")
    changes = found.ends[:, 0] - found.ends[:, 1]
    assert np.abs(np.diff(changes)).min() > 1e-5
    np.testing.assert_allclose(found.values.sum(axis=1), changes, atol=1e-6)


@cache
def _mbart() -> Any:
    torch.manual_seed(0)
    return tf.MBartForConditionalGeneration(
        tf.MBartConfig(
            vocab_size=230, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=160,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, forced_eos_token_id=None,
        )
    ).eval()  # fmt: skip


@pytest.mark.parametrize(("start", "bos", "own"), [(9, 0, None), (None, 7, None), (None, 7, 5), (None, None, 5)])
def test_a_decoder_begins_as_generate_begins(
    start: int | None, bos: int | None, own: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """start, bos: of the generation config; own: the start that the model's own config has, which `generate` does not
    look at. Without any, `generate` does not begin at all, and the model's own is the next best.
    """
    model, tokenizer = _mbart(), nllb(None)
    for owner, name, token in (
        (model.generation_config, "decoder_start_token_id", start),
        (model.generation_config, "bos_token_id", bos),
        (model.config, "decoder_start_token_id", own),
    ):
        monkeypatch.setattr(owner, name, token)
    source = torch.tensor([tokenizer(TEXT)["input_ids"]])
    if start is None and bos is None:
        with pytest.raises(ValueError, match="decoder_start_token_id"):
            model.generate(source, max_new_tokens=1)
        begins = 5
    else:
        begins = model.generate(source, max_new_tokens=1)[0, 0].item()
    agrees(attributed(model, tokenizer, "dog"), model, tokenizer, [begins], DOG)


def test_a_decoder_that_does_not_say_what_it_begins_with_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = _mbart(), nllb(None)
    for owner in (model.generation_config, model.config):
        monkeypatch.setattr(owner, "decoder_start_token_id", None)
        monkeypatch.setattr(owner, "bos_token_id", None)
    for target in (None, "dog", DOG):
        with pytest.raises(InputError, match="does not say what its decoder begins with"):
            attributed(model, tokenizer, target)
    with pytest.raises(InputError, match=r"HuggingFaceModel decoder_start="):
        HuggingFaceModel(model, tokenizer).score([], DOG)
    agrees(attributed(model, tokenizer, "dog", gen_args={"decoder_start_token_id": 9}), model, tokenizer, [9], DOG)
    told = HuggingFaceModel(model, tokenizer, decoder_start=[8])
    agrees(attributed(told, tokenizer, "dog"), model, tokenizer, [8], DOG)
