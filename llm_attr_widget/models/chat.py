"""Chat servers that tell only their likeliest next tokens: log-probs of labels that they might answer with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

import numpy as np

from llm_attr_widget.errors import AttributionError, CapabilityError, InputError, ScoreError, TargetError, discreet
from llm_attr_widget.models.served.characters import FIRST, Characters
from llm_attr_widget.models.served.greeting import served
from llm_attr_widget.models.served.server import Lost, Server, connect
from llm_attr_widget.models.served.sharing import Outcome, Worker, shared
from llm_attr_widget.types import Prompt, Scored

MOST_TOLD = 20
"""Likeliest tokens that a server tells of at most: OpenAI's limit, and vLLM's default."""


@dataclass(frozen=True)
class Told:
    """A label's log-prob in nats, or a bound that it is at most."""

    log_prob: float
    bound: bool


class ChatModel:
    """Log-probs of labels ("yes" and "no", "A" to "D", names of classes), the first token of a chat model's answer.

    It is asked by text, one user's message, and tells its likeliest next tokens (`top_logprobs`). A label among them
    has its exact log-prob, summed over the tokens that spell it (" Yes", "Yes"); of one that is not among them only a
    bound is known, which is taken for it, and `doubts` says of how many prompts that is so.

    base_url: such as "https://api.openai.com/v1", or a list of addresses that serve the same model.
    labels: what may be the target, each one token of the model's. system: a message before the user's.
    model, api_key, retries, timeout, patience, client: as for `OpenAIModel`. in_flight: requests under way at a time,
        at each address. told: likeliest tokens asked for; 20 is the most that servers tell.

    Its tokenizer is its own: prompts are texts. `generate` answers with the likeliest label.
    Cost: one request and one written token for each prompt. Pickles without its key.
    Raises InputError for labels that are none and for what the server refuses, ScoreError where none answers.
    """

    vocabulary: int | None = None
    max_positions: int | None = None

    def __init__(
        self,
        base_url: str | Sequence[str] | None = None,
        *,
        labels: Sequence[str],
        system: str | None = None,
        model: str | None = None,
        api_key: str | None = None,
        in_flight: int = 8,
        retries: int = 4,
        timeout: float = 120.0,
        patience: float = 60.0,
        told: int = MOST_TOLD,
        client: Any = None,
    ) -> None:
        addresses = [base_url] if isinstance(base_url, str) else list(base_url or [])
        if client is None and not addresses:
            raise InputError('Expected the server\'s address, such as base_url="https://api.openai.com/v1".')
        if in_flight < 1 or not 1 <= told <= MOST_TOLD:
            raise InputError(
                f"Expected in_flight of 1 or more and told from 1 to {MOST_TOLD}, got {in_flight}, {told}."
            )
        self.tokenizer = Characters(labels)
        self._system, self._in_flight, self._told = system, in_flight, told
        self._retries, self._timeout, self._patience = retries, timeout, patience
        clients = [client] if client is not None else [connect(each, api_key, timeout) for each in addresses]
        servers = [Server(each, retries=retries, patience=patience) for each in clients]
        self._first = servers[0].address
        found = served(servers, model)
        self._servers, self._served = found.servers, found.name
        self.name = discreet(found.name)
        self._bounded, self._lock = 0, Lock()

    def __repr__(self) -> str:
        where = ", ".join(server.place for server in self._servers)
        return f"ChatModel({self.name!r} at {where}, labels={list(self.tokenizer.labels)})"

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in ("_servers", "_lock")}
        return {**kept, "_addresses": [server.address for server in self._servers]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        clients = [connect(each, None, state["_timeout"]) for each in state.pop("_addresses")]
        vars(self).update(state)
        self._servers = [Server(each, retries=self._retries, patience=self._patience) for each in clients]
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        """Address, name, system message and labels: what weights are served, a server does not say."""
        return f"{self._first}/ {self._served} {self._system!r} {self.tokenizer.labels} {self._told}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """In words, whether numbers it gave are bounds."""
        if not self._bounded:
            return ()
        said = f"{self._bounded:,} answers that this model gave so far did not have the label among their likeliest "
        return (f"{said}{self._told} tokens: its log-prob there is an upper bound, and differences may be larger",)

    def score(self, prompts: Sequence[Prompt], target: Sequence[int]) -> Iterator[Scored]:
        """log p(label | prompt) in nats, as answers come; an upper bound where the label is not told of.

        Raises TargetError for what is no label, InputError for prompts with more than text and for what the server
        refuses, CapabilityError for a server without `top_logprobs`, ScoreError where none answers.
        """
        ids = tuple(int(token) for token in target)
        if len(ids) != 1 or not FIRST <= ids[0] < FIRST + len(self.tokenizer.labels):
            raise TargetError(
                f"A chat model's answer is scored by label: expected one of {', '.join(self.tokenizer.labels)}, got "
                f"{self.tokenizer.decode(ids)!r}. Give more labels, or OpenAIModel where the server scores any text."
            )
        if any(prompt.extras for prompt in prompts):
            raise InputError("A chat model is asked by text, but this prompt has more (an image?).")
        return self._scored([self.tokenizer.decode(prompt.ids) for prompt in prompts], ids[0] - FIRST)

    def generate(self, prompt: Prompt, *, max_new_tokens: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """The label that it is likeliest to answer with; one request. Raises InputError for options: there are none."""
        if options:
            raise InputError(f"Expected no options, since the likeliest of {max_new_tokens} or fewer is answered.")
        ask = self._servers[0].asking(Event())
        told = self._likeliest(ask("/chat/completions", self._body(self.tokenizer.decode(prompt.ids))))
        each = [of_label(told, label) for label in self.tokenizer.labels]
        known = [number for number, answer in enumerate(each) if not answer.bound]
        if not known:
            raise ScoreError(f"None of the labels {', '.join(self.tokenizer.labels)} is among the likeliest answers.")
        return (FIRST + max(known, key=lambda number: each[number].log_prob),)

    def _scored(self, texts: list[str], label: int) -> Iterator[Scored]:
        closed = Event()
        blocks = [[row] for row in range(len(texts))]
        workers = [Worker(self._worker(server, texts, label, closed), self._in_flight) for server in self._servers]
        try:
            yield from shared(blocks, workers)
        finally:
            closed.set()

    def _worker(self, server: Server, texts: list[str], label: int, closed: Event) -> Any:
        ask = server.asking(closed)

        def answered(rows: list[int]) -> Outcome:
            try:
                told = self._likeliest(ask("/chat/completions", self._body(texts[rows[0]])))
            except Lost as error:
                return Outcome(None, error, tuple(rows))
            except AttributionError as error:
                return Outcome(None, error)
            answer = of_label(told, self.tokenizer.labels[label])
            with self._lock:
                self._bounded += answer.bound
            return Outcome(Scored(rows, np.array([[answer.log_prob]], dtype=np.float32)))

        return answered

    def _body(self, text: str) -> dict[str, Any]:
        system = [] if self._system is None else [{"role": "system", "content": self._system}]
        messages = [*system, {"role": "user", "content": text}]
        asked = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": self._told}
        return {"model": self._served, "messages": messages, **asked}

    def _likeliest(self, answer: Any) -> list[tuple[str, float]]:
        """Token and log-prob of each that is told of. Raises CapabilityError where none is."""
        choices = answer.get("choices") if isinstance(answer, Mapping) else None
        content = ((choices or [{}])[0].get("logprobs") or {}).get("content")
        told = content[0].get("top_logprobs") if content else None
        if not told:
            raise CapabilityError(
                f"The server tells no top_logprobs of {self.name!r}, so the chance of a label is not known. OpenAI, "
                "vLLM and SGLang do for most models."
            )
        pairs = [(str(each.get("token")), each.get("logprob")) for each in told]
        usable = [
            (token, float(value)) for token, value in pairs if isinstance(value, int | float) and -1000 < value <= 0.01
        ]
        if not usable:
            raise ScoreError(f"Expected log-probs of the likeliest tokens, got {told!r:.200}.")
        return usable


def of_label(told: Sequence[tuple[str, float]], label: str) -> Told:
    """A label's log-prob out of the likeliest tokens: the sum of the tokens that spell it, spaces around it aside.

    One that is not among them is at most as likely as the last of them, and as all that is not told of together.
    """
    spelt = [value for token, value in told if token.strip() == label]
    if spelt:
        return Told(min(math.log(sum(math.exp(value) for value in spelt)), 0.0), bound=False)
    last = min(value for _, value in told)
    rest = 1.0 - sum(math.exp(value) for _, value in told)
    return Told(min(last, math.log(rest)) if rest > math.exp(-1000) else last, bound=True)
