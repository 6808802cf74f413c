"""How servers are asked for log-probs of tokens that they did not write: one class for each way.

A dialect's `rows` sends one batch and reads its answer: for each prompt the target's log-probs, or the error that is
this prompt's alone. It raises CapabilityError where the server does not speak it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from llm_attr_widget.errors import CapabilityError, ScoreError
from llm_attr_widget.models.served.server import ROOT, Ask
from llm_attr_widget.tokens import decode, named_id

Row: TypeAlias = list[float] | ScoreError
LEAST = -1000.0
"""Nats. No softmax of a language model is as small; servers say −9999 for what they cannot say."""


@dataclass(frozen=True)
class Question:
    """What all prompts of a run are asked. ask: posts to the server. model: its name there. target: token ids."""

    ask: Ask
    model: str
    target: Sequence[int]
    tokenizer: Any = None


class Dialect(Protocol):
    """A way of asking. name: for `OpenAIModel(…, dialect=…)`. servers: which have it, for people.

    spare: positions beyond prompt and target that the server needs.
    """

    name: str
    servers: str
    spare: int

    def rows(self, question: Question, prompts: Sequence[Sequence[int]]) -> list[Row]: ...


class PromptLogProbs:
    """vLLM's `prompt_logprobs`, which is by token id. One token is written after the target, which vLLM insists on."""

    name, servers, spare = "prompt_logprobs", "vLLM", 1

    def rows(self, question: Question, prompts: Sequence[Sequence[int]]) -> list[Row]:
        target = question.target
        body = {"prompt": _joined(prompts, target), "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}
        answer = question.ask("/completions", {"model": question.model, **body})
        return _by_choice(answer, prompts, lambda choice, prompt: self._of(choice, len(prompt), target))

    def _of(self, choice: Any, read: int, target: Sequence[int]) -> Row:
        listed = choice.get("prompt_logprobs")
        if not listed:
            raise CapabilityError(_lacks("prompt_logprobs"))
        if len(listed) != read + len(target):
            return _other_length("prompt_logprobs", read + len(target), len(listed))
        entries = zip(listed[read:], target, strict=True)
        found: list[Any] = [(entry or {}).get(str(token)) for entry, token in entries]
        if any(entry is None for entry in found):
            return ScoreError(
                "The server's prompt_logprobs do not have the tokens that were sent. Use the tokenizer that belongs to "
                "the served model."
            )
        return _numbers([entry.get("logprob") for entry in found])


class Echo:
    """`echo` with `logprobs`, of OpenAI's first completions API: prompt and target come back with their log-probs.

    written: tokens to be written after them; some servers take no 0.
    """

    servers = "vLLM, SGLang, Together, Fireworks"

    def __init__(self, written: int) -> None:
        self.name = "echo" if written == 0 else "echo+1"
        self.spare = written

    def rows(self, question: Question, prompts: Sequence[Sequence[int]]) -> list[Row]:
        target = question.target
        body = {"prompt": _joined(prompts, target), "max_tokens": self.spare, "temperature": 0.0}
        answer = question.ask("/completions", {"model": question.model, **body, "echo": True, "logprobs": 1})
        return _by_choice(answer, prompts, lambda choice, prompt: self._of(choice, len(prompt), len(target)))

    def _of(self, choice: Any, read: int, tokens: int) -> Row:
        listed = (choice.get("logprobs") or {}).get("token_logprobs")
        if not listed or len(listed) < tokens:
            raise CapabilityError(_lacks("log-probs of what it echoes"))
        if len(listed) - self.spare != read + tokens:
            return _other_length("log-probs", read + tokens, len(listed) - self.spare)
        return _numbers(listed[read : read + tokens])


class SGLang:
    """SGLang's own `/generate`: only the target's log-probs are made, so the prompt is read from its prefix cache."""

    name, servers, spare = "sglang", "SGLang", 0

    def rows(self, question: Question, prompts: Sequence[Sequence[int]]) -> list[Row]:
        body = {
            "input_ids": _joined(prompts, question.target),
            "sampling_params": {"max_new_tokens": 0, "temperature": 0},
            "return_logprob": True,
            # The first position of what is asked for comes without a number, so it is asked for one earlier.
            "logprob_start_len": [len(prompt) - 1 for prompt in prompts],
        }
        answers = question.ask(f"{ROOT}/generate", body)
        listed = answers if isinstance(answers, list) else [answers]
        if len(listed) != len(prompts):
            raise CapabilityError(_lacks("SGLang's /generate"))
        return [self._of(answer, question.target) for answer in listed]

    def _of(self, answer: Any, target: Sequence[int]) -> Row:
        told = answer.get("meta_info", {}).get("input_token_logprobs") if isinstance(answer, Mapping) else None
        if not told:
            raise CapabilityError(_lacks("SGLang's input_token_logprobs"))
        last = told[-len(target) :]
        if [entry[1] for entry in last] != list(target):
            return ScoreError("The server's last tokens are not the target's. Serve the model without truncation.")
        return _numbers([entry[0] for entry in last])


class TGI:
    """Text Generation Inference's `decoder_input_details`: by text, so its tokens are compared with those meant."""

    name, servers, spare = "tgi", "Text Generation Inference", 1

    def rows(self, question: Question, prompts: Sequence[Sequence[int]]) -> list[Row]:
        if question.tokenizer is None:
            raise CapabilityError("Text Generation Inference reads text: give OpenAIModel(…, tokenizer=…).")
        return [self._row(question, [*prompt, *question.target]) for prompt in prompts]

    def _row(self, question: Question, ids: list[int]) -> Row:
        tokenizer = question.tokenizer
        # It puts the tokenizer's bos there itself.
        text = decode(tokenizer, ids[1:] if ids[0] == named_id(tokenizer, "bos") else ids)
        details = {"details": True, "decoder_input_details": True, "max_new_tokens": 1, "do_sample": False}
        answer = question.ask(f"{ROOT}/generate", {"inputs": text, "parameters": details})
        told = (answer.get("details") or {}).get("prefill") if isinstance(answer, Mapping) else None
        if not told:
            raise CapabilityError(_lacks("decoder_input_details"))
        if [entry.get("id") for entry in told] != ids:
            return ScoreError(
                f"The server reads {text[-60:]!r} as other tokens than were meant: it takes text alone, and prompt and "
                "target merge or split where they meet. Use a server that takes token ids (vLLM, SGLang)."
            )
        return _numbers([entry.get("logprob") for entry in told[-len(question.target) :]])


class NextTokens:
    """vLLM's `logprob_token_ids`: each target token as the one to be written next, so that all before it is read from
    the prefix cache. One prompt for each target token: for short targets behind a long common beginning.
    """

    name, servers, spare = "logprob_token_ids", "vLLM", 0

    def rows(self, question: Question, prompts: Sequence[Sequence[int]]) -> list[Row]:
        target = question.target
        wanted = list(dict.fromkeys(target))
        sent = [[*prompt, *target[:done]] for prompt in prompts for done in range(len(target))]
        body = {"prompt": sent, "max_tokens": 1, "temperature": 0.0, "return_tokens_as_token_ids": True}
        asked = {"logprobs": len(wanted), "logprob_token_ids": wanted}
        answer = question.ask("/completions", {"model": question.model, **body, **asked})
        places = [target[done] for _ in prompts for done in range(len(target))]
        each = _by_choice(answer, sent, lambda choice, _: self._of(choice, wanted))
        return [
            _gathered(each[start : start + len(target)], places[start : start + len(target)], wanted)
            for start in range(0, len(each), len(target))
        ]

    def _of(self, choice: Any, wanted: list[int]) -> Row:
        told = (choice.get("logprobs") or {}).get("top_logprobs")
        if not told or not isinstance(told[0], Mapping):
            raise CapabilityError(_lacks("logprob_token_ids"))
        found = [told[0].get(f"token_id:{token}") for token in wanted]
        if any(value is None for value in found):
            raise CapabilityError(_lacks("logprob_token_ids"))
        return _numbers(found)


DIALECTS: tuple[Dialect, ...] = (PromptLogProbs(), SGLang(), Echo(0), Echo(1), TGI())
"""In the order in which a server is asked whether it speaks them."""


def _joined(prompts: Sequence[Sequence[int]], target: Sequence[int]) -> list[list[int]]:
    return [[*prompt, *target] for prompt in prompts]


def _gathered(each: list[Row], tokens: list[int], wanted: list[int]) -> Row:
    found: list[float] = []
    for row, token in zip(each, tokens, strict=True):
        if isinstance(row, ScoreError):
            return row
        found.append(row[wanted.index(token)])
    return found


def _by_choice(answer: Any, prompts: Sequence[Sequence[int]], read: Callable[[Any, Sequence[int]], Row]) -> list[Row]:
    """A row for each prompt, from the choice that has its index: answers may come in any order."""
    choices: Any = answer.get("choices") if isinstance(answer, Mapping) else None
    if not choices:
        raise ScoreError(
            f"Expected a completion with choices, got {str(answer)[:200]}. Is it a server of OpenAI's kind?"
        )
    by_index = {choice.get("index"): choice for choice in choices}
    missing = ScoreError(
        f"Expected an answer for each of {len(prompts)} prompts, got {len(choices)} choices, some of them for none. "
        "Ask for fewer prompts at once (batch=1)."
    )
    return [read(by_index[row], prompt) if row in by_index else missing for row, prompt in enumerate(prompts)]


def _numbers(values: Sequence[Any]) -> Row:
    """The log-probs; a ScoreError where one is none: null, NaN, absurdly small, or above 0 by more than rounding."""
    for value in values:
        if not isinstance(value, int | float) or not math.isfinite(value) or not LEAST < value <= 0.01:
            return ScoreError(
                f"Expected log-probs, but the server gives {value!r} for a target token: it has no number there. Check "
                "that it was started with the right weights and number type, and that no option of it forbids tokens."
            )
    return [float(value) for value in values]


def _other_length(what: str, expected: int, got: int) -> ScoreError:
    return ScoreError(
        f"Expected {what} for {expected} tokens, got {got}: the server changed the prompt. Serve the model without "
        "truncation and without a chat template."
    )


def _lacks(what: str) -> str:
    return f"The server gives no {what}, so it cannot score a target that it did not write in this way."
