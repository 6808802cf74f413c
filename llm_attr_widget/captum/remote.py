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
from llm_attr_widget.errors import CapabilityError, ScoreError
from llm_attr_widget.models.openai import OpenAIModel
from llm_attr_widget.types import Prompt, Scored, Scorer


@dataclass(frozen=True)
class ProviderScorer:
    """Scores through captum's provider protocol, which takes texts: one request for each prompt."""

    provider: RemoteLLMProvider
    tokenizer: Any
    name: str = "remote"

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """Raises ScoreError where the provider splits the target into another number of tokens."""
        text = self.tokenizer.decode(torch.tensor(list(target)))
        for row, prompt in enumerate(prompts):
            given = prompt.extras_key if prompt.extras_key is not None else self.tokenizer.decode(list(prompt.ids))
            log_probs = self.provider.get_logprobs(input_prompt=given, target_str=text, tokenizer=self.tokenizer)
            if len(log_probs) != len(target):
                raise ScoreError(
                    f"Expected {len(target)} log-probs from the provider for {text!r}, got {len(log_probs)}: its "
                    "tokenizer is another one, or prompt and target merge where they meet."
                )
            yield Scored([row], np.array([log_probs], dtype=np.float32))


class RemoteLLMAttribution(LLMAttribution, CaptumRemote):  # pyright: ignore[reportIncompatibleMethodOverride]  # captum's attribute_future only raises
    """Captum's class of this name: same arguments, each distinct prompt asked for once."""

    def __init__(
        self, attr_method: Any, tokenizer: Any, provider: RemoteLLMProvider, attr_target: str = "log_prob"
    ) -> None:
        CaptumRemote.__init__(self, attr_method, tokenizer, provider, attr_target)

    def _scorer(self, forward_in_tokens: bool) -> Scorer:
        del forward_in_tokens  # how a target is decoded is the provider's business
        return self._server() or ProviderScorer(self.provider, self.tokenizer)

    def _server(self) -> OpenAIModel | None:
        """What is behind captum's own VLLMProvider, which can be asked by token ids, many prompts at once."""
        provider = self.provider
        if not isinstance(provider, VLLMProvider) or type(provider).get_logprobs is not VLLMProvider.get_logprobs:
            return None
        patient = provider.client.with_options(max_retries=4)
        return OpenAIModel(client=patient, model=provider.model_name, tokenizer=self.tokenizer)

    def _written(self, inp: Any, gen_args: Mapping[str, Any] | None) -> Sequence[int]:
        if not callable(getattr(self.provider, "generate", None)):
            raise CapabilityError("The provider cannot generate. Give the target.")
        prompt, text = self._render(inp, None)
        given = text if text is not None else self.tokenizer.decode(torch.tensor(prompt.ids))
        options = dict(gen_args or DEFAULT_GEN_ARGS)
        server = self._server()
        written = server.complete(list(prompt.ids), options) if server else self.provider.generate(given, **options)
        return self.tokenizer.encode(written, add_special_tokens=False)

    def _shown(self, prompt: Prompt, text: str | None) -> str:
        return text if text is not None else super()._shown(prompt, text)

    def _render(self, inp: Any, perturbed: torch.Tensor | None) -> tuple[Prompt, str | None]:
        prompt, text = super()._render(inp, perturbed)
        # The provider gets the very text, not what its tokens decode to.
        return (Prompt(prompt.ids, extras_key=text), text) if text is not None else (prompt, text)
