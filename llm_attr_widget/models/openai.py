"""Servers that speak OpenAI's completions API and give log-probs of a prompt, as vLLM does: scored by token ids."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from threading import Event
from typing import Any

import numpy as np

from llm_attr_widget.errors import CapabilityError, InputError, ScoreError, TargetError, discreet
from llm_attr_widget.models.base import Limits, check_prompts, check_target, flat, generation_options, length_asked
from llm_attr_widget.models.blocks import in_blocks
from llm_attr_widget.models.served.blocks import Asked, asker
from llm_attr_widget.models.served.dialects import Dialect, NextTokens
from llm_attr_widget.models.served.faster import Faster
from llm_attr_widget.models.served.greeting import served, understood
from llm_attr_widget.models.served.sampling import on_the_wire
from llm_attr_widget.models.served.server import Lost, Server, connect
from llm_attr_widget.models.served.sharing import Worker, shared
from llm_attr_widget.tokens import encode, named_id
from llm_attr_widget.types import Prompt, Scored

MOST_PROMPTS = 1024
"""In one request: what vLLM takes."""
SHORT, LONG = 8, 64
"""Tokens: targets this short behind prompts this long may be faster out of the server's prefix cache."""
ENCODED_AGAIN = (
    "the server told the text it wrote and not its tokens (vLLM does): the text was encoded again, so the target's "
    "tokens need not be those that the model wrote"
)
NATS = 1e-2
"""What two ways of asking one server may differ by before one of them counts as wrong."""


class OpenAIModel:
    """Scores and generates with a model behind servers of OpenAI's protocol that give log-probs of a prompt.

    base_url: such as "http://localhost:8000/v1", or a list of them that serve the same model: each takes as many
        prompts as it manages, and what one that dies had under way goes to another.
    tokenizer: the one that belongs to the served model. Prompt and target travel as token ids, so that nothing is
        encoded anew and no token merges across the seam.
    model: its name there; None is the first that the server lists. api_key: None is the environment's OPENAI_API_KEY.
    batch: most prompts in one request. in_flight: requests under way at a time, at each address.
    retries: how often a request is sent again after a lost connection, a timeout, half an answer, 408, 409, 425, 429 or
        5xx. timeout: seconds for one request. patience: the longest wait in seconds that a server may ask for.
    dialect: how log-probs are asked for: "prompt_logprobs", "sglang", "echo", "echo+1" or "tgi". None asks the server,
        with one short prompt, which of them it understands.
    client: an `openai.OpenAI` in place of base_url, api_key and timeout.

    Cost of `score`: one prompt pass for each prompt. Costs a few short requests when it is made. Pickles without its
    key, which is then the environment's.
    Raises InputError for what the server refuses (key, model, address), in its words; CapabilityError where it gives no
    log-probs of a prompt, or the `openai` package is missing; ScoreError where no server answers.
    """

    def __init__(
        self,
        base_url: str | Sequence[str] | None = None,
        *,
        tokenizer: Any = None,
        model: str | None = None,
        api_key: str | None = None,
        batch: int = 16,
        in_flight: int = 4,
        retries: int = 4,
        timeout: float = 120.0,
        patience: float = 60.0,
        dialect: str | None = None,
        client: Any = None,
    ) -> None:
        if batch < 1 or in_flight < 1:
            raise InputError(f"Expected batch and in_flight of 1 or more, got {batch} and {in_flight}.")
        addresses = [base_url] if isinstance(base_url, str) else list(base_url or [])
        if client is None and not addresses:
            raise InputError(
                'Expected the server\'s address, such as base_url="http://localhost:8000/v1", or a client.'
            )
        self.tokenizer = tokenizer
        self._batch, self._in_flight = min(batch, MOST_PROMPTS), in_flight
        self._retries, self._timeout, self._patience = retries, timeout, patience
        clients = [client] if client is not None else [connect(each, api_key, timeout) for each in addresses]
        servers = [Server(each, retries=retries, patience=patience) for each in clients]
        self._first = servers[0].address
        found = served(servers, model)
        self._servers, self._served, self.max_positions = found.servers, found.name, found.positions
        self.name = discreet(found.name)
        self.vocabulary: int | None = None
        self.doubts: tuple[str, ...] = ()
        """What is odd about what it wrote last, in words."""
        self._dialect = understood(self._servers[0], self._served, tokenizer, dialect)
        self._clock = time.perf_counter
        self._faster: dict[tuple[int, int], Faster] = {}

    def __repr__(self) -> str:
        where = ", ".join(server.place for server in self._servers)
        return f"OpenAIModel({self.name!r} at {where}, by {self._dialect.name})"

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in ("_servers", "_clock", "_faster")}
        return {**kept, "_addresses": [server.address for server in self._servers]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        addresses = state.pop("_addresses")
        vars(self).update(state)
        clients = [connect(each, None, self._timeout) for each in addresses]
        self._servers = [Server(each, retries=self._retries, patience=self._patience) for each in clients]
        self._clock, self._faster = time.perf_counter, {}

    @property
    def fingerprint(self) -> str:
        """The first address and the model's name there: what weights it serves, a server does not say."""
        return f"{self._first}/ {self._served}"

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """log p(target token k | prompt, target tokens < k) in nats, request by request, as they are answered.

        Closing the iterator sends no further request. After an error no further request is sent, and what is under way
        is yielded before it is raised. Raises InputError for prompts with more than tokens or without any, and for one
        that the server refuses, which is named; TargetError before the first request; ScoreError for an answer that is
        none, or where no server answers in the end.
        """
        limits = Limits(self.vocabulary, None)
        ids = check_target(target, limits)
        check_prompts(prompts, ids, limits)
        for prompt in prompts:
            if prompt.extras:
                raise InputError("A completions server reads tokens alone, but this prompt has more (an image?).")
        started = [self._started(prompt) for prompt in prompts]
        self._check_lengths(started, len(ids))
        return self._scored(Asked(self._served, started, ids, self.tokenizer, self.max_positions))

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """Token ids after the prompt, its end left out: the model's own where the server tells them (vLLM), else
        encoded from the text that comes back, which `doubts` says. Greedy where options set no temperature.

        Raises CapabilityError without a tokenizer where only text comes back, InputError for options that no server
        has, ScoreError where the request fails.
        """
        most, rest = length_asked(generation_options(options), max_new_tokens)
        sent = {**on_the_wire({**flat(rest), "max_new_tokens": most}), "return_token_ids": True}
        choice = self._written(list(self._started(prompt).ids), sent)
        ids: Any = choice.get("token_ids")
        if isinstance(ids, list):
            self.doubts = ()
            return tuple(ids[:-1] if ids and self._ended(choice, ids[-1]) else ids)
        if self.tokenizer is None:
            raise CapabilityError("Expected OpenAIModel(…, tokenizer=…) to read what the server writes, got none.")
        self.doubts = (ENCODED_AGAIN,)
        return encode(self.tokenizer, [str(choice.get("text", ""))], add_special_tokens=False)[0]

    def complete(self, prompt: str | list[int], options: Mapping[str, Any]) -> str:
        """The text that the server writes after a prompt. options: as for `generate`."""
        return str(self._written(prompt, on_the_wire(options)).get("text", ""))

    def _started(self, prompt: Prompt) -> Prompt:
        """The prompt in plain ids, or the tokenizer's bos (or eos) token where it has none: first tokens have no
        log-prob.
        """
        if prompt.ids:
            return Prompt(tuple(int(token) for token in prompt.ids))
        for role in ("bos", "eos"):
            token = named_id(self.tokenizer, role)
            if token is not None:
                return Prompt((token,))
        raise InputError(
            "A prompt without any token was to be scored, and there is no tokenizer with a bos or eos token to begin "
            "with. Keep one token in every prompt, or use a baseline that replaces tokens."
        )

    def _check_lengths(self, prompts: Sequence[Prompt], tokens: int) -> None:
        if self.max_positions is None or not prompts:
            return
        longest = max(len(prompt.ids) for prompt in prompts)
        if longest + tokens > self.max_positions:
            raise TargetError(
                f"A prompt of {longest} tokens and a target of {tokens} tokens need {longest + tokens} positions, but "
                f"the server takes {self.max_positions}. Shorten the prompt or the target, or serve "
                "the model with a larger --max-model-len."
            )

    def _scored(self, asked: Asked) -> Iterator[Scored]:
        blocks = in_blocks(asked.prompts, self._batch)
        faster, closed = self._race(asked), Event()
        try:
            while faster is not None and not faster.settled and blocks:
                yield from self._tried(asked, blocks.pop(0), faster, closed)
            dialect = self._dialect if faster is None or faster.choice == "usual" else NextTokens()
            yield from shared(blocks, self._workers(asked, dialect, self._in_flight, closed))
        finally:
            closed.set()

    def _workers(self, asked: Asked, dialect: Dialect, hands: int, closed: Event) -> list[Worker]:
        return [Worker(asker(asked, server, dialect, closed), hands) for server in self._servers]

    def _race(self, asked: Asked) -> Faster | None:
        """Which way is faster for such prompts; None where there is but one."""
        mean = sum(len(prompt.ids) for prompt in asked.prompts) // max(len(asked.prompts), 1)
        if self._dialect.name != "prompt_logprobs" or len(asked.target) > SHORT or mean < LONG:
            return None
        return self._faster.setdefault((len(asked.target), mean.bit_length()), Faster())

    def _tried(self, asked: Asked, rows: list[int], faster: Faster, closed: Event) -> Iterator[Scored]:
        """A block on which a way is timed. The other way's first numbers are held against the usual one's."""
        usual, first = faster.choice == "usual", not faster.warm
        began = self._clock()
        found = None
        if not usual:
            outcome = asker(asked, self._servers[0], NextTokens(), closed)(rows)
            right = outcome.error is None and (not first or self._same(asked, outcome.found, closed))
            if right:
                found = outcome.found
            else:
                faster.refuse()
        if found is not None:
            yield found
        else:
            yield from shared([rows], self._workers(asked, self._dialect, 1, closed))
        faster.took((self._clock() - began) / len(rows))

    def _same(self, asked: Asked, found: Scored | None, closed: Event) -> bool:
        """Whether the usual way gives the first of these prompts the same numbers."""
        if found is None:
            return False
        usual = asker(asked, self._servers[0], self._dialect, closed)([found.rows[0]]).found
        return usual is not None and bool(np.abs(usual.log_probs[0] - found.log_probs[0]).max() < NATS)

    def _written(self, prompt: str | list[int], options: Mapping[str, Any]) -> Mapping[str, Any]:
        """The choice that a server writes: the first that lives to answer."""
        body = {"model": self._served, "prompt": prompt, **options}
        for number, server in enumerate(self._servers):
            try:
                answer = server.asking(Event())("/completions", body)
            except Lost:
                if number == len(self._servers) - 1:
                    raise
                continue
            choices = answer.get("choices") if isinstance(answer, Mapping) else None
            if not choices:
                raise ScoreError(
                    f"Expected a completion with choices, got {server.shown(answer)[:200]}. "
                    "Is it a server of OpenAI's kind?"
                )
            return choices[0]
        raise ScoreError("No server is left to ask.")

    def _ended(self, choice: Mapping[str, Any], last: int) -> bool:
        """Whether the last token is the end that the model wrote, which is no part of a target."""
        if choice.get("finish_reason") != "stop":
            return False
        reason = choice.get("stop_reason")
        return reason is None or reason == last
