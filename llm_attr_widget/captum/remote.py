"""Captum's RemoteLLMAttribution: any provider of log-probs as a scorer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import RemoteLLMAttribution as CaptumRemote
from captum.attr import RemoteLLMProvider, VLLMProvider
from captum.attr._core.llm_attr import DEFAULT_GEN_ARGS

from llm_attr_widget.captum.perturbation import LLMAttribution
from llm_attr_widget.captum.prompts import model_input_of, to_prompt
from llm_attr_widget.errors import CapabilityError, ScoreError
from llm_attr_widget.models.huggingface.fingerprint import fingerprint
from llm_attr_widget.models.making import check_tokenizer
from llm_attr_widget.models.openai import OpenAIModel
from llm_attr_widget.tokens import decode, encode
from llm_attr_widget.types import Prompt, Scored, Scorer

SENT = "input_prompt"
"""In a prompt's extras: what a provider is sent, where that is no text."""


@dataclass(frozen=True)
class ProviderScorer:
    """Scores through captum's provider protocol: one request for each prompt."""

    provider: RemoteLLMProvider
    tokenizer: Any
    name: str = "remote"

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """Raises ScoreError where the provider splits the target into another number of tokens."""
        text = decode(self.tokenizer, target)
        for row, prompt in enumerate(prompts):
            log_probs = self.provider.get_logprobs(
                input_prompt=_sent(prompt, self.tokenizer), target_str=text, tokenizer=self.tokenizer
            )
            if len(log_probs) != len(target):
                raise ScoreError(
                    f"Expected {len(target)} log-probs from the provider for {text!r}, got {len(log_probs)}: its "
                    "tokenizer is another one, or prompt and target merge where they meet."
                )
            yield Scored([row], np.array([log_probs], dtype=np.float32))


class RemoteLLMAttribution(LLMAttribution, CaptumRemote):
    """Captum's class of this name: same arguments, each distinct prompt asked for once."""

    def __init__(
        self, attr_method: Any, tokenizer: Any, provider: RemoteLLMProvider, attr_target: str = "log_prob"
    ) -> None:
        """Captum's arguments. Raises CapabilityError for what is no tokenizer."""
        check_tokenizer(tokenizer)
        CaptumRemote.__init__(self, attr_method, tokenizer, provider, attr_target)

    def _scorer(self, forward_in_tokens: bool) -> Scorer:
        del forward_in_tokens  # how a target is decoded is the provider's business
        return self._server() or ProviderScorer(self.provider, self.tokenizer)

    def _server(self) -> OpenAIModel | None:
        """What is behind captum's own VLLMProvider, which can be asked by token ids, many prompts at once."""
        provider = self.provider
        if not isinstance(provider, VLLMProvider) or not _untouched(provider.get_logprobs, VLLMProvider.get_logprobs):
            return None
        patient = provider.client.with_options(max_retries=4)
        return OpenAIModel(
            client=patient, model=provider.model_name, tokenizer=self.tokenizer, dialect="prompt_logprobs"
        )

    def _written(self, inp: Any, gen_args: Mapping[str, Any] | None) -> Sequence[int]:
        generate = getattr(self.provider, "generate", None)
        if not callable(generate):
            raise CapabilityError("The provider cannot generate. Give the target.")
        prompt, _ = self._render(inp, None)
        options = dict(gen_args or DEFAULT_GEN_ARGS)
        server = self._server() if _untouched(generate, VLLMProvider.generate) else None
        written: Any = (
            server.complete(list(prompt.ids), options) if server else generate(_sent(prompt, self.tokenizer), **options)
        )
        return encode(self.tokenizer, [written], add_special_tokens=False)[0]

    def _shown(self, prompt: Prompt, text: str | None) -> Any:
        del text
        return _sent(prompt, self.tokenizer)

    def _render(self, inp: Any, perturbed: torch.Tensor | None) -> tuple[Prompt, str | None]:
        """A provider gets the very text, not what its tokens decode to, and any other input as it is, as in captum."""
        made = model_input_of(inp, perturbed)
        if isinstance(made, torch.Tensor):
            return to_prompt(made, self.tokenizer), None
        if isinstance(made, str):
            return Prompt(to_prompt(made, self.tokenizer).ids, extras_key=made), made
        return Prompt((), {SENT: made}, fingerprint(made)), None


def _sent(prompt: Prompt, tokenizer: Any) -> Any:
    """What a provider is given for a prompt of `RemoteLLMAttribution`: a text, or what the input made."""
    if prompt.extras:
        return prompt.extras[SENT]
    return prompt.extras_key if prompt.extras_key is not None else decode(tokenizer, prompt.ids)


def _untouched(bound: Any, captums: Any) -> bool:
    """Whether a provider's method is captum's own, neither overridden nor replaced."""
    return getattr(bound, "__func__", None) is captums
