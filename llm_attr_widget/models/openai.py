"""A server that speaks OpenAI's completions API and gives prompt log-probs, as vLLM does: scored by token ids."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np

from llm_attr_widget.errors import CapabilityError, InputError, ScoreError
from llm_attr_widget.models.base import Limits, check_prompts, check_target, flat, generation_options, length_asked
from llm_attr_widget.tokens import encode, named_id
from llm_attr_widget.types import LogProbs, Prompt, Scored

# What `generate` of transformers calls otherwise, or does not exist on the wire.
RENAMED = {"max_new_tokens": "max_tokens"}
LOCAL_ONLY = ("do_sample", "pad_token_id", "eos_token_id", "use_cache")


class OpenAIModel:
    """Scores and generates with a model behind an OpenAI-compatible server that knows `prompt_logprobs` (vLLM).

    base_url: such as "http://localhost:8000/v1". model: its name there; None is the first that the server lists.
    tokenizer: the one that belongs to the served model. Prompt and target travel as token ids, so that nothing is
        encoded anew and no token merges across the seam.
    batch: prompts in one request. in_flight: requests under way at a time; the server batches them further.
    retries: how often a request is sent again after a lost connection, a timeout, 408, 409, 429 or 5xx, waiting longer
        each time. timeout: seconds for one request.
    client: an `openai.OpenAI` in place of base_url, api_key, retries and timeout.

    Cost of `score`: one prompt pass and one generated token for each prompt, which the API cannot do without.
    Raises CapabilityError where the `openai` package is missing.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        tokenizer: Any = None,
        model: str | None = None,
        api_key: str | None = None,
        batch: int = 16,
        in_flight: int = 4,
        retries: int = 4,
        timeout: float = 120.0,
        client: Any = None,
    ) -> None:
        if batch < 1 or in_flight < 1:
            raise InputError(f"Expected batch and in_flight of 1 or more, got {batch} and {in_flight}.")
        if client is None and base_url is None:
            raise InputError(
                'Expected the server\'s address, such as base_url="http://localhost:8000/v1", or a client.'
            )
        self._client: Any = client if client is not None else _client(base_url, api_key, retries, timeout)
        self._batch = batch
        self._in_flight = in_flight
        self.tokenizer = tokenizer
        served = None if model is not None else self._served()
        self.name = model if model is not None else str(getattr(served, "id", ""))
        length = getattr(served, "max_model_len", None)  # vLLM says it, OpenAI's own API does not
        self.max_positions: int | None = int(length) if isinstance(length, int) else None
        self.vocabulary: int | None = None

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r} at {self._client.base_url})"

    @property
    def fingerprint(self) -> str:
        """The server's address and the model's name there: what weights it serves, a server does not say."""
        return f"{self._client.base_url} {self.name}"

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """log p(target token k | prompt, target tokens < k) in nats, request by request, as they are answered.

        Closing the iterator sends no further request. Raises InputError for prompts with more than tokens or without
        any, TargetError before the first request, CapabilityError for a server without prompt log-probs, ScoreError
        for an answer that is none or a request that failed in the end.
        """
        # One token is generated after the target, so the server needs one position more than scoring does.
        most = None if self.max_positions is None else self.max_positions - 2
        limits = Limits(self.vocabulary, most)
        ids = check_target(target, limits)
        check_prompts(prompts, ids, limits)
        for prompt in prompts:
            if prompt.extras:
                raise InputError("A completions server reads tokens alone, but this prompt has more (an image?).")
        return self._scored([self._started(prompt) for prompt in prompts], ids)

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """Token ids after the prompt, encoded from the text that comes back. Greedy where options set no temperature.

        Raises CapabilityError without a tokenizer, ScoreError where the request fails.
        """
        if self.tokenizer is None:
            raise CapabilityError("Expected OpenAIModel(…, tokenizer=…) to read what the server writes, got none.")
        most, rest = length_asked(generation_options(options), max_new_tokens)
        text = self.complete(list(prompt.ids), {**flat(rest), "max_tokens": most})
        return encode(self.tokenizer, [text], add_special_tokens=False)[0]

    def complete(self, prompt: str | list[int], options: Mapping[str, Any]) -> str:
        """The text that the server writes after a prompt. options: of the completions API, or their names in
        transformers; None is left out.
        """
        wire = {RENAMED.get(name, name): value for name, value in options.items() if name not in LOCAL_ONLY}
        given = {name: value for name, value in wire.items() if value is not None}
        if not options.get("do_sample"):
            given.setdefault("temperature", 0.0)
        return str(self._asked(prompt=prompt, **given).choices[0].text)

    def _started(self, prompt: Prompt) -> Prompt:
        """The prompt, or the tokenizer's bos (or eos) token where it has none: first tokens have no log-prob."""
        if prompt.ids:
            return prompt
        for role in ("bos", "eos"):
            token = named_id(self.tokenizer, role)
            if token is not None:
                return Prompt((token,))
        raise InputError(
            "A prompt without any token was to be scored, and there is no tokenizer with a bos or eos token to begin "
            "with. Keep one token in every prompt, or use a baseline that replaces tokens."
        )

    def _scored(self, prompts: list[Prompt], target: tuple[int, ...]) -> Iterator[Scored]:
        # Neighbours in length share a request, so that no short prompt waits for a long one.
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row].ids))
        batches = [order[start : start + self._batch] for start in range(0, len(order), self._batch)]
        pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="openai")
        try:
            asked = {pool.submit(self._log_probs, [prompts[row] for row in rows], target): rows for rows in batches}
            for done in as_completed(asked):
                yield Scored(asked[done], done.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _log_probs(self, prompts: Sequence[Prompt], target: tuple[int, ...]) -> LogProbs:
        answer = self._asked(
            prompt=[[*prompt.ids, *target] for prompt in prompts],
            max_tokens=1,
            temperature=0.0,
            extra_body={"prompt_logprobs": 0},
        )
        found = np.full((len(prompts), len(target)), np.nan, dtype=np.float32)
        for choice in answer.choices:
            if 0 <= choice.index < len(prompts):
                found[choice.index] = _of_target(choice, len(prompts[choice.index].ids), target)
        if np.isnan(found).any():
            raise ScoreError(
                f"Expected an answer for each of {len(prompts)} prompts, got {len(answer.choices)} choices, some of "
                "them without numbers. Ask for fewer prompts at once (batch=1)."
            )
        return found

    def _asked(self, **request: Any) -> Any:
        from openai import OpenAIError

        try:
            answer = self._client.completions.create(model=self.name, **request)
        except OpenAIError as error:
            raise ScoreError(
                f"The server did not answer: {type(error).__name__}: {error}. Check that {self._client.base_url} "
                f"serves {self.name!r}, and its log."
            ) from error
        if not getattr(answer, "choices", None):
            raise ScoreError(
                f"Expected a completion with choices, got {str(answer)[:200]}. Is it one of OpenAI's kind?"
            )
        return answer

    def _served(self) -> Any:
        from openai import OpenAIError

        try:
            models = self._client.models.list().data
        except OpenAIError as error:
            raise ScoreError(
                f"No list of models from {self._client.base_url}: {type(error).__name__}: {error}. Check the address "
                "(it usually ends in /v1) and that the server runs."
            ) from error
        if not models:
            raise ScoreError(f"The server at {self._client.base_url} lists no model. Give model=…")
        return models[0]


def _client(base_url: str | None, api_key: str | None, retries: int, timeout: float) -> Any:
    try:
        from openai import OpenAI
    except ImportError as error:
        raise CapabilityError("OpenAIModel needs the openai package: pip install 'llm_attr_widget[remote]'.") from error
    import os

    key = api_key or os.environ.get("OPENAI_API_KEY", "EMPTY")
    return OpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=timeout)


def _of_target(choice: Any, read: int, target: tuple[int, ...]) -> list[float]:
    """The target's log-probs out of a choice's `prompt_logprobs`: for each token a dict of id (as text) to log-prob."""
    listed = getattr(choice, "prompt_logprobs", None)
    if not listed:
        raise CapabilityError(
            "The server gives no prompt_logprobs, so it cannot score a target that it did not write. vLLM does; other "
            "servers may need it switched on."
        )
    if len(listed) != read + len(target):
        raise ScoreError(
            f"Expected prompt_logprobs for {read + len(target)} tokens, got {len(listed)}: the server changed the "
            "prompt. Serve the model without truncation and without a chat template."
        )
    found = [(entry or {}).get(str(token)) for entry, token in zip(listed[read:], target, strict=True)]
    values = [math.nan if entry is None else float(entry["logprob"]) for entry in found]
    if any(math.isnan(value) for value in values):
        raise ScoreError(
            "The server's prompt_logprobs do not have the tokens that were sent. Use the tokenizer that belongs to the "
            "served model."
        )
    return values
